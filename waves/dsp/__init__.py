"""The algorithm, from arrays to arrays; only `sound` and `output` touch files.

Read `grid` first, the time grid that all steps share, and `plan`, which waves an utterance gets;
then `decomposition`, which calls the steps in their order: `sound` (input checked, at 8 kHz),
`pitch`, `carriers`, `envelope`, `limiter`.
`output` writes the files, and `metrics` judges the result without using any of the steps.
"""

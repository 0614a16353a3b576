"""The algorithm, from arrays to arrays; only `sound` and `output` use files.

Read `grid` first, the time grid that all steps share, and `plan`, the waves of an utterance; then
`decomposition`, which calls the steps in order: `sound` (checked input at 8 kHz), `pitch`,
`carriers`, `envelope`, `limiter`. `output` writes the files, and `metrics` measures the result
without using any of the steps.
"""

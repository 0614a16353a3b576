"""``python -m waves decompose``: many files at once.

Read `batch` first, which runs the files in worker processes; `summary` prints the results and
`plot` draws them.
"""

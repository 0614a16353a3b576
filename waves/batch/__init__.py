"""``python -m waves decompose``: many files at once.

Read `batch` first, which hands the files to worker processes; `summary` prints the results and
`plot` draws them.
"""

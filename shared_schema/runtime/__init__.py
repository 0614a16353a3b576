"""What both server processes need to run, restart and end well on Linux, macOS and Windows.

A server runs as the child of a small supervisor (`supervise`), listens through `serving`, ends when
its supervisor vanishes (`parent`) and says why in its exit code (`exits`).

Calls that only exist on one platform live in `lock`, `listening`, `child`, `signals` and
`ancestors`, each behind a ``sys.platform`` check.
"""

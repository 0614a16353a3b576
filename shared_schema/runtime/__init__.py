"""What both server processes need to run, restart and stop on Linux, macOS and Windows.

Read `process.supervise` first: the small parent process that starts and restarts a server (`child`)
and accepts requests for a restart or a stop (`control`). The server is `process.serving`: it opens
its ports (`listening`), detects when it has to stop (`ending`), and exits with a code that gives
the reason (`exits`). `cli` has the commands of both; `plain` is a server without a command.

`log` is what both write: one format (`logs`), to a reader who is never waited for (`output`) and to
files (`files`), without what visitors and voices say (`said`).

`web` is their HTTP side: access control (`access`), the pages (`pages`), error responses, streams
and sound (`answers`), and the clients of commands that call a running server (`clients`).

Commands that wait run in `foreground`. Code for one platform is in `listening`, `child`, `ending`
and `path_limits`, each behind a check of ``sys.platform``.
"""

"""What both server processes need to run, restart and end well on Linux, macOS and Windows.

Read `process.supervise` first: the small parent that starts a server (`child`), starts it again,
and can be asked for a restart or a stop (`control`). The server is `process.serving`: it takes its
ports (`listening`), notices when it is to end (`ending`), logs (`logs`) without waiting for who
reads the log (`output`), and says why it ended in its exit code (`exits`). `cli` has the commands
of both; `plain` is a server without a command.

`web` is what they answer with: who is let in (`access`), the pages (`pages`), refusals, streams and
sound (`answers`), and what commands share that ask a running server (`client`).

What only one platform has lies in `listening`, `child` and `ending`, each behind a check of
``sys.platform``.
"""

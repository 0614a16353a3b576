"""The conversation process: a visitor's message becomes three turns, speech, and wave jobs.

Read in this order: `session.workflow` (one session from first to last event), `session.turns` and
`session.dialogues` (who is asked what), `facts.ledger` (what is published of it), then `agents`,
`speech` and `providers` (where texts and sounds come from). `server` composes them; `app` has the
routes; `storage` keeps the files, `commands` is the command line.
"""

"""One visitor's session: three turns, and the stream that a visitor's page follows.

Read `workflow` first, then `turns` (the three questions), `slot_turn` (one slot in one turn) and
`dialogues` (pure); `conversation` holds the texts, `stream` the events; `sessions` starts them.
"""

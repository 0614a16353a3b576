"""One visitor's session: three turns, and the stream that a visitor's page follows.

Read `workflow` first, then `turns` (the three questions), `slot_turn` (one slot in one turn),
`dialogues` (pure) and `order` (pure: turns overlap, and are told one after the other).
`conversation` holds the texts, `stream` the events; `sessions` starts them.
"""

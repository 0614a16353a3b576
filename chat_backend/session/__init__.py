"""One visitor's session: its turns, and the stream that a visitor's page follows.

Read `workflow` first, then `turns` (the three questions), `part` (what the workflow does with any
utterance), `slot_turn` (one slot in one turn), `summary_turn` (the fourth turn, if it is switched
on), `dialogues` (pure) and `order` (pure: turns overlap, and are told one after the other).
`conversation` holds the texts, `stream` the events; `sessions` starts them.
"""

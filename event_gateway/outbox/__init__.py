"""Records every decision before anything is sent, in SQLite.

One row a decision, unique by (session, key). Produced rows carry the whole event and the session's
next `seq`; a client is a cursor over them (`id` grows in the order of production). *Expired* rows
have a `seq` too, so that a session's numbers have no gap, but are not sent live. *Lost* rows stand
for what a lost outbox had: their key and `seq` are taken, their text is gone.

`files` opens, checks and watches the files, `reader` reads, `database` is the gateway's connection,
which survives their loss, and `writer` records and removes.
"""

from event_gateway.outbox.files import OUTBOX_FILE, set_aside
from event_gateway.outbox.reader import Entry, EventStatus, OutboxReader, Row, RowStatus
from event_gateway.outbox.writer import Outbox

__all__ = [
    "OUTBOX_FILE",
    "Entry",
    "EventStatus",
    "Outbox",
    "OutboxReader",
    "Row",
    "RowStatus",
    "set_aside",
]

"""A machine with an outbox and two clocks, which tests set."""

from pathlib import Path

from event_gateway.outbox import OUTBOX_FILE, Entry, Outbox


class Machine:
    """A machine with two clocks and one outbox, and a witness in another folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wall = 1_800_000_000.0
        self.monotonic = 50_000.0
        self.outbox = self.open()

    @property
    def file(self) -> Path:
        return self.folder / "gateway" / OUTBOX_FILE

    @property
    def log(self) -> Path:
        return self.file.with_name(f"{OUTBOX_FILE}-wal")

    def open(self) -> Outbox:
        """Return the outbox of a life that begins now."""
        self.outbox = Outbox.open(
            self.file.parent,
            witness=self.folder / "run" / "outbox",
            wall=lambda: self.wall,
            monotonic=lambda: self.monotonic,
        )
        return self.outbox

    def close(self) -> None:
        self.outbox.close()

    def record(self, session: str, key: str = "turn1", *, size: int = 1) -> int:
        """Record an event; return its seq."""
        words = "x" * size
        entry = Entry(
            session_id=session, key=key, status="produced", render=lambda _: f'{{"says":"{words}"}}'
        )
        (row,) = self.outbox.record([entry], at=self.wall)
        self.outbox.shorten_log()  # as the gateway's timer does
        return row.seq

    def recent(self) -> list[str]:
        """Return the sessions that a client without anything gets."""
        ids = self.outbox.lacking({}, within_s=300.0, cursor=self.outbox.head())
        rows = [self.outbox.get(each) for each in ids]
        return [row.session_id for row in rows if row is not None]

"""The outbox's files: opened for one process, checked, watched, and moved aside when damaged.

Rules
-----
1. Only the gateway that has the outbox open writes to its files. If a name leads to another file,
   or a file is not as our last write left it, somebody else was there (`Watch`).
2. Only a file that is whole, and in which every value is one that we could have written, is opened.
   Whoever reads a row relies on that. One that is damaged or not ours is moved aside, and kept; so
   is what is no file. Nothing is written to before that is known, and no link is followed.
3. The *witness* is a small file in another folder: the id of the outbox, and of its newest row. An
   outbox that has another id, or less than that, has lost rows: it was deleted, damaged or restored
   from a copy, or its write-ahead log is gone. Without a witness there was no outbox before.
"""

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import Final

from msgspec import Struct

from event_gateway.errors import AnotherGateway, GatewayError, OutboxUnavailable
from shared_schema.layout import is_folder, is_link, is_regular
from shared_schema.small_files import content_of, make_empty, require_own

OUTBOX_FILE: Final = "outbox.sqlite3"
WAL_SUFFIX: Final = "-wal"
# Of the names that SQLite opens: the database's, and those of the files beside it.
_SUFFIXES: Final = ("", WAL_SUFFIX, "-shm", "-journal")
# "RREO": distinguishes our file from any other SQLite database.
APPLICATION_ID: Final = 0x5252454F
SCHEMA_VERSION: Final = 2
_HEADER_BYTES: Final = 100
_WITNESS_MAX_BYTES: Final = 1024
_ASIDE: Final = ".damaged-"
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
# The primary codes of errors that mean damage; the file's lock, folder or disk have others.
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PRIMARY_CODE: Final = 0xFF
# No outbox gets so far: above them, counting and dates end somewhere.
_MAX_NUMBER: Final = 10**15
_MAX_TIME_S: Final = 1e12

_SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS decisions (
    id          INTEGER PRIMARY KEY,
    session_id  TEXT NOT NULL,
    key         TEXT NOT NULL,
    status      TEXT NOT NULL,
    seq         INTEGER,
    recorded_at REAL NOT NULL,   -- seconds since 1970, for people and retention
    event       TEXT,            -- the JSON text frame as it is sent
    moment      REAL,            -- seconds of the machine's monotonic clock, for the replay window
    rehearsal   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (session_id, key)
);
CREATE INDEX IF NOT EXISTS first_events ON decisions (id) WHERE seq = 1 AND rehearsal = 0;
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""
_FROM_VERSION_1: Final = """
BEGIN IMMEDIATE;
ALTER TABLE decisions ADD COLUMN moment REAL;
ALTER TABLE decisions ADD COLUMN rehearsal INTEGER NOT NULL DEFAULT 0;
UPDATE decisions SET rehearsal = 1 WHERE seq = 1 AND event LIKE '%"rehearsal":true%';
PRAGMA user_version = 2;
COMMIT;
"""
# Names what we did not write: a column takes values of any type, whatever its own is.
_ODD_VALUES: Final = """
SELECT 'row ' || id FROM decisions WHERE NOT (
    id BETWEEN 1 AND :number
    AND typeof(session_id) = 'text' AND typeof(key) = 'text' AND typeof(status) = 'text'
    AND (seq IS NULL OR typeof(seq) = 'integer' AND seq BETWEEN 1 AND :number)
    AND typeof(recorded_at) = 'real' AND abs(recorded_at) < :time_s
    AND (moment IS NULL OR typeof(moment) = 'real' AND abs(moment) < :time_s)
    AND typeof(rehearsal) = 'integer'
    AND (event IS NULL
         OR typeof(event) = 'text' AND substr(event, 1, 1) = '{' AND json_valid(event))
)
UNION ALL
SELECT 'state ' || key FROM state WHERE CASE key
    WHEN 'id' THEN typeof(value) <> 'text' OR length(value) <> 32 OR value GLOB '*[^0-9a-f]*'
    WHEN 'older_boots' THEN typeof(value) <> 'integer'
    WHEN 'lost' THEN typeof(value) <> 'integer'
END
LIMIT 1
"""


def open_database(path: Path) -> tuple[sqlite3.Connection, Path | None]:
    """Open or create an outbox for this process only; return it, and where a bad one is now.

    Raises
    ------
    AnotherGateway
        If another process has it open.
    OutboxUnavailable
        If the folder cannot be written.
    """
    try:
        aside = _make_room(path)
        try:
            return _connect(path), aside
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and not is_damage(error):
                raise  # the problem is its lock, folder or disk, not its content
        aside = _move_aside(path)
        return _connect(path), aside
    except (sqlite3.Error, OSError) as error:
        raise _unavailable(path, error) from error


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open an outbox that no gateway has open, without changing it.

    Raises
    ------
    AnotherGateway
        If a running gateway has it open.
    OutboxUnavailable
        If there is none, or it cannot be read.
    """
    try:
        if (stranger := _stranger(path)) is not None:
            raise sqlite3.DatabaseError(f"{stranger} is a link, or no file")
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.5)
        db.text_factory = _text
        if _check(db) == SCHEMA_VERSION:
            _check_values(db)
    except sqlite3.Error as error:
        raise _unavailable(path, error) from error
    return db


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether an error means that the file is damaged."""
    return _primary_code(error) in _DAMAGED


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE


class Watch:
    """Tells whether somebody else touched the open files. Takes some microseconds.

    Between two calls of `note`, our own writes go into the log only: no write checkpoints it, so it
    grows.
    """

    def __init__(self, path: Path) -> None:
        self._main = str(path)
        self._log = str(path) + WAL_SUFFIX
        self._seen_main: os.stat_result | None = None
        self._seen_log: os.stat_result | None = None

    @property
    def log_bytes(self) -> int:
        """How long the log was when it was last looked at."""
        return self._seen_log.st_size if self._seen_log else 0

    def note(self) -> None:
        """Remember how we left the files."""
        self._seen_main = _stat(self._main)
        self._seen_log = _stat(self._log)

    def fault(self) -> str:
        """Return what somebody else did to the files; empty if nothing."""
        if self._seen_main is None:
            return ""
        main, log = _stat(self._main), _stat(self._log)
        fault = _fault(self._seen_main, main, "its file")
        if not fault and self._seen_log is not None:
            fault = _fault(self._seen_log, log, "its write-ahead log")
        if not fault and main is not None and _written(main) != _written(self._seen_main):
            fault = "another program wrote to its file"
        self._seen_log = log or self._seen_log
        return fault


def _stat(path: str) -> os.stat_result | None:
    try:
        # Our file, moved away, is another's behind a link. A Path would double the cost.
        return os.lstat(path)
    except OSError:
        return None


def _fault(seen: os.stat_result, now: os.stat_result | None, what: str) -> str:
    """Return what somebody did to a file that is `now` so; empty if nothing."""
    if now is None:
        return f"{what} was deleted or moved"
    if now.st_ino != seen.st_ino or now.st_dev != seen.st_dev:
        return f"another file was put in the place of {what}"
    return f"{what} was truncated" if now.st_size < seen.st_size else ""


def _written(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


class Testimony(Struct, frozen=True):
    """What the witness says: the outbox's id, and the id of its newest row."""

    outbox: str
    head: int


class Witness:
    """Writes down what the outbox has, beyond its folder. `path` is None in places without one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: FileIO | None = None

    def read(self) -> Testimony | None:
        """Return what was written last; None if nothing was, or it cannot be read."""
        if self._path is None:
            return None
        try:
            require_own(self._path)
            content = content_of(self._path, max_bytes=_WITNESS_MAX_BYTES)
            outbox, head = content.decode("ascii").split()
            testimony = Testimony(outbox, int(head))
        except (OSError, ValueError):
            return None
        return testimony if testimony.head <= _MAX_NUMBER else None

    def write(self, testimony: Testimony) -> None:
        """Write it down, in place: a full disk does not matter, and it takes microseconds."""
        if self._path is None:
            return
        line = f"{testimony.outbox} {testimony.head:020d}\n".encode()
        with contextlib.suppress(OSError):  # the outbox itself matters more
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                make_empty(self._path)
                self._file = FileIO(self._path, "r+")
            self._file.seek(0)
            self._file.write(line)

    @property
    def missing(self) -> bool:
        """Whether its file is gone."""
        return self._path is not None and not os.path.lexists(self._path)

    @property
    def problem(self) -> str:
        """What stands in its file's place, with the remedy; empty if nothing does."""
        if self._path is not None:
            try:
                require_own(self._path)
            except FileNotFoundError:
                return ""
            except OSError as error:
                return f"{self._path} {error.strerror or error}"
        return ""

    def close(self) -> None:
        """Close its file; the next `write` opens or makes it again."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _unavailable(path: Path, error: Exception) -> GatewayError:
    """Return the exception for an error of opening."""
    if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) in _BUSY:
        return AnotherGateway(f"the outbox {path} is in use by another gateway")
    return OutboxUnavailable(f"the outbox {path} cannot be opened: {error}")


def _connect(path: Path) -> sqlite3.Connection:
    """Open the database exclusively: a new one, or one that is ours and intact."""
    _check_header(path)
    db = sqlite3.connect(path, isolation_level=None, timeout=0.5)
    db.text_factory = _text
    try:
        # EXCLUSIVE before WAL: no -shm file is needed and a second gateway is refused.
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        # WAL is written into the file, which may be another program's.
        version = _check(db)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        # `Outbox.shorten_log` does it, outside of the live path.
        db.execute("PRAGMA wal_autocheckpoint = 0")
        # What visitors said is gone when its row is.
        db.execute("PRAGMA secure_delete = ON")
        _complete(db, version)
        # The first write takes the exclusive lock and keeps it.
        db.execute("BEGIN IMMEDIATE")
        db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    return db


def _check_header(path: Path) -> None:
    """Raise `sqlite3.DatabaseError` for a file that SQLite must not open.

    When SQLite opens a database that it cannot read, it deletes the write-ahead log beside it.
    """
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    # Only the fields that do not depend on the log beside it.
    if len(header) < _HEADER_BYTES or not header.startswith(b"SQLite format 3\0"):
        raise sqlite3.DatabaseError("not a database")


def _check(db: sqlite3.Connection) -> int:
    """Return the version of an outbox, 0 for a new one.

    Raises `sqlite3.DatabaseError` for a database that is damaged or not an outbox of ours.
    """
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if tables and (application != APPLICATION_ID or not 1 <= version <= SCHEMA_VERSION):
        raise sqlite3.DatabaseError("not an outbox of this version")
    (state,) = db.execute("PRAGMA quick_check").fetchone()
    if state != "ok":
        raise sqlite3.DatabaseError(state)
    return int(version) if tables else 0


def _complete(db: sqlite3.Connection, version: int) -> None:
    """Create or complete the tables; raise `sqlite3.DatabaseError` if they are not as ours."""
    try:
        if version == 1:
            db.executescript(_FROM_VERSION_1)
        db.executescript(_SCHEMA)
        _check_values(db)
    except sqlite3.OperationalError as error:
        if _primary_code(error) == sqlite3.SQLITE_ERROR:  # a column is missing, or there already
            raise sqlite3.DatabaseError(f"not an outbox of this version: {error}") from error
        raise


def _check_values(db: sqlite3.Connection) -> None:
    """Raise `sqlite3.DatabaseError` if there is a value that we did not write.

    It reads all rows, as `quick_check` does, and takes about as long.
    """
    limits = {"number": _MAX_NUMBER, "time_s": _MAX_TIME_S}
    odd = db.execute(_ODD_VALUES, limits).fetchone()
    if odd is not None:
        raise sqlite3.DatabaseError(f"{odd[0]} was not written by a gateway")


def _text(value: bytes) -> str:
    """Return a text of the database: one that is no UTF-8 must not end whoever reads it."""
    return value.decode(errors="replace")


def set_aside(folder: Path) -> list[Path]:
    """Return the files and links that were moved aside, from `folder` or in its place.

    Not folders: nobody knows what is in them.
    """
    database = folder / OUTBOX_FILE
    found = [
        each for path in (folder, database) for each in path.parent.glob(f"{path.name}{_ASIDE}*")
    ]
    return sorted(each for each in found if not is_folder(each))


def _make_room(path: Path) -> Path | None:
    """Make the outbox's folder; move aside what is none, and what is no file of ours in it.

    Returns the new name of what was moved.
    """
    folder, aside = path.parent, None
    if os.path.lexists(folder) and not is_folder(folder):
        aside = _move_aside(folder, ("",))
    folder.mkdir(parents=True, exist_ok=True)
    return aside if _stranger(path) is None else _move_aside(path)


def _stranger(path: Path) -> Path | None:
    """Return what has one of the database's names, and is a link or no file; None if nothing has.

    Opening a pipe might block, and what a link leads to is not ours.
    """
    if is_link(path.parent):
        return path.parent
    names = (path.with_name(path.name + suffix) for suffix in _SUFFIXES)
    return next((each for each in names if os.path.lexists(each) and not is_regular(each)), None)


def _move_aside(path: Path, suffixes: Sequence[str] = _SUFFIXES) -> Path:
    """Rename what is unusable, a database with the files beside it, and return its new name."""
    for number in itertools.count(1):
        aside = path.with_name(f"{path.name}{_ASIDE}{number}")
        # Each of them: to a name that is taken, nothing is moved, or what has it is lost.
        if not any(os.path.lexists(f"{aside}{suffix}") for suffix in suffixes):
            break
    for suffix in suffixes:
        companion = path.with_name(path.name + suffix)
        if os.path.lexists(companion):
            companion.replace(aside.with_name(aside.name + suffix))
    return aside

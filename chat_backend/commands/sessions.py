"""The commands ``sessions list|show|export|keep|delete|prune`` for the sessions on disk."""

import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import httpx
import msgspec
import typer
from msgspec import Struct

from chat_backend.storage.archive import Archive, StoredSession
from chat_backend.storage.recordings import KeptRecordings
from chat_backend.storage.removal import Left, remove_folders
from chat_backend.storage.retention import Retention, prune_clock
from shared_schema.decoding import UNREADABLE
from shared_schema.ids import LAST_MOMENT, is_session_id, timestamp
from shared_schema.layout import Artifacts
from shared_schema.runtime.clock import ClockRecord
from shared_schema.runtime.log.output import echo, echo_document
from shared_schema.runtime.process.exits import (
    CONFIGURATION,
    FAILED,
    OK,
    StartRefused,
    exit_code_of,
    print_line,
)
from shared_schema.runtime.web.clients import bearer, local_http
from shared_schema.runtime.web.hosts import chat_url
from shared_schema.runtime.web.tls import trusted
from shared_schema.session_document import encode_document
from shared_schema.settings import SECONDS_A_DAY, Settings, load_settings

QUOTE_CHARS = 60
DELETE_TIMEOUT_S = 30.0
GATEWAY_TIMEOUT_S = 90.0

app = typer.Typer(
    no_args_is_help=True,
    help="The sessions on disk: list, show, export, keep, delete, prune."
    " Example: python -m chat_backend sessions list",
)

SessionArgument = Annotated[str, typer.Argument(help="An id, or its beginning.")]


@app.command(name="list")
def list_sessions() -> None:
    """List the sessions, newest first. Example: python -m chat_backend sessions list"""

    def run() -> int:
        stored = _archive(load_settings()).sessions()
        for each in stored:
            if each.oddity:
                print_line(f"skipped {each.session_id}: {each.oddity}")
            else:
                echo(_line(each))
        if not stored:
            print_line('no session yet; make one: python -m chat_backend say "Who are you?"')
        return OK

    raise typer.Exit(exit_code_of(run, name="sessions"))


@app.command()
def show(session: SessionArgument) -> None:
    """Show a session's texts, agents and files, as JSON.

    Example: python -m chat_backend sessions show 3f0c
    """

    def run() -> int:
        found = _sound(_one(_archive(load_settings()), session))
        if found.document is None:
            print_line(f"{found.session_id} has files but no session.json: it did not finish")
            return FAILED
        echo_document(encode_document(found.document).decode())
        return OK

    raise typer.Exit(exit_code_of(run, name="sessions"))


@app.command()
def export(
    session: SessionArgument,
    to: Annotated[
        Path | None, typer.Option(help="The zip to write; default: <id>.zip here.")
    ] = None,
) -> None:
    """Write one zip with speech, waves, session.json and the events.

    Example: python -m chat_backend sessions export 3f0c --to evening.zip
    """

    def run() -> int:
        archive = _archive(load_settings())
        found = _sound(_one(archive, session))
        target = to or Path(f"{found.session_id}.zip")
        try:
            archive.export(found, target, _events(found.session_id))
        except OSError as error:
            print_line(f"{target} cannot be written ({error}); choose another place with --to")
            return FAILED
        echo(f"wrote {target}")
        return OK

    raise typer.Exit(exit_code_of(run, name="sessions"))


@app.command()
def keep(
    session: SessionArgument,
    undo: Annotated[bool, typer.Option("--undo", help="Let retention remove it again.")] = False,
) -> None:
    """Keep a session for ever: neither its files nor its events are removed for their age.

    Example: python -m chat_backend sessions keep 3f0c
    """

    def run() -> int:
        archive = _archive(load_settings())
        found = _sound(_one(archive, session))
        try:
            archive.keep(found, kept=not undo)
        except OSError as error:
            print_line(f"{found.session_id} cannot be marked: {error}")
            return FAILED
        echo(f"{found.session_id} is {'no longer kept' if undo else 'kept'}")
        return OK

    raise typer.Exit(exit_code_of(run, name="sessions"))


@app.command()
def delete(session: SessionArgument) -> None:
    """Remove a session at once, everywhere: its files, its events, what the voices remember.

    One that is under way is ended. A kept recording is removed as well, by its whole id.

    Example: python -m chat_backend sessions delete 3f0c
    """

    def run() -> int:
        settings = load_settings()
        archive = _archive(settings)
        # Its files may be gone already, and its events not.
        session_id = session if is_session_id(session) else _one(archive, session).session_id
        left = _deleted_by_server(settings, session_id)
        if left is None:
            left = archive.remove(archive.stored(session_id)).left
        _print_left(left)
        answer = _gateway_command("delete", session_id)
        for line in answer.stderr.splitlines():
            print_line(line)
        if left or answer.returncode != OK:
            print_line(f"{session_id} is not deleted as a whole: delete it again afterwards")
            return FAILED
        echo(f"{session_id} is deleted, with its events")
        return OK

    raise typer.Exit(exit_code_of(run, name="sessions"))


@app.command()
def prune(
    days: Annotated[
        float | None, typer.Option(min=0, help="Older than this; default: the setting.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Only print what would be removed.")] = False,
) -> None:
    """Remove old sessions and kept recordings, but never a live session.

    Example: python -m chat_backend sessions prune --days 30 --dry-run
    """

    def run() -> int:
        settings = load_settings()
        keep_days = settings.artifacts_keep_days if days is None else days
        if days is None and not keep_days:
            print_line("no age given: add --days 30, or set RR_ARTIFACTS_KEEP_DAYS")
            return CONFIGURATION
        archive = _archive(settings)
        retention = Retention(
            older_than_s=keep_days * SECONDS_A_DAY,
            session_limit_s=settings.events_session_limit_s,
        )
        artifacts = Artifacts(settings.artifacts_dir)
        now = _now(prune_clock(archive, artifacts).peek(), days)
        left: list[Left] = []
        for each in archive.sessions():
            if retention.is_old(each, now):
                echo(_line(each))
                if not dry_run:
                    left += archive.remove(each).left
            elif each.oddity:
                print_line(f"skipped {each.session_id}: {each.oddity}")
        recordings = KeptRecordings(artifacts)
        for folder in recordings.old(now - retention.older_than_s):
            echo(f"{folder.name}  recording")
            if not dry_run:
                left += remove_folders([folder])
        _print_left(left)
        return FAILED if left else OK

    raise typer.Exit(exit_code_of(run, name="sessions"))


def _now(clock: ClockRecord, days: float | None) -> float:
    """Return the time by which sessions are old: with an age that was typed, the clock's own.

    Otherwise it is the servers' time, which a clock that was set ahead does not change.
    """
    if not clock.doubts:
        return clock.seen_at
    remark = "the clock jumped, or the computer was off for days"
    if days is None:
        print_line(f"{remark}: that time makes nothing old, unless you add --days")
        return clock.surely_at
    print_line(f"{remark}: with --days it counts as it is, {timestamp(clock.seen_at)}")
    return clock.seen_at


def _archive(settings: Settings) -> Archive:
    artifacts = Artifacts(settings.artifacts_dir)
    artifacts.require_own_folders()
    return Archive(artifacts)


def _one(archive: Archive, beginning: str) -> StoredSession:
    found = archive.matching(beginning)
    if len(found) == 1:
        return found[0]
    if found:
        raise StartRefused(f"{len(found)} sessions begin with {beginning!r}: give more of the id")
    raise StartRefused(
        f"no session begins with {beginning!r}; `python -m chat_backend sessions list` lists them"
    )


def _sound(session: StoredSession) -> StoredSession:
    """Return a session that can be read."""
    if session.oddity:
        raise StartRefused(f"{session.session_id} cannot be read: {session.oddity}", FAILED)
    return session


def _line(session: StoredSession) -> str:
    document = session.document
    changed_at = min(max(session.changed_at, 0.0), LAST_MOMENT - SECONDS_A_DAY)
    when = datetime.fromtimestamp(changed_at).astimezone().isoformat(" ", "minutes")[:16]
    state = document.state if document else "unfinished"
    message = document.message if document else ""
    if len(message) > QUOTE_CHARS:
        message = message[:QUOTE_CHARS] + "..."
    size = f"{session.size_bytes / 1e6:.1f} MB"
    kept = "kept" if session.kept else ""
    return f"{session.session_id}  {when}  {state:<10} {size:>9}  {kept:<4}  {message}"


def _print_left(left: Iterable[Left]) -> None:
    for each in left:
        print_line(f"{each.path} {each.reason}")


class _Deleted(Struct):
    """The chat backend's answer: what stays."""

    left: tuple[Left, ...]


def _deleted_by_server(settings: Settings, session_id: str) -> tuple[Left, ...] | None:
    """Ask the running backend to delete a session; return what stays.

    None if no backend runs, or it knows no such session.
    """
    url = f"{chat_url(settings)}/v1/sessions/{session_id}"
    token = settings.operator_token or settings.chat_token
    try:
        with local_http(
            timeout=DELETE_TIMEOUT_S, headers=bearer(token), verify=trusted(settings)
        ) as http:
            answer = http.delete(url)
    except httpx.ConnectError:
        return None
    except httpx.HTTPError as error:
        reason = error or type(error).__name__
        raise StartRefused(f"the chat backend did not answer ({reason})", FAILED) from None
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    if answer.is_error:
        message = f"the chat backend answered {answer.status_code}: {answer.text}"
        raise StartRefused(message, FAILED)
    try:
        return msgspec.json.decode(answer.content, type=_Deleted).left
    except UNREADABLE:
        return None  # another program uses its port


def _events(session_id: str) -> list[str]:
    """Return the session's events from the gateway, if it has any."""
    answer = _gateway_command("history", session_id)
    if answer.returncode != OK:
        print_line(f"without events: {answer.stderr.strip() or 'the gateway has none'}")
        return []
    return answer.stdout.splitlines()


def _gateway_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the gateway, which this package may not import."""
    try:
        return subprocess.run(
            [sys.executable, "-m", "event_gateway", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=GATEWAY_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        command = f"python -m event_gateway {' '.join(arguments)}"
        message = f"`{command}` took longer than {GATEWAY_TIMEOUT_S:g} s; try it again"
        raise StartRefused(message, FAILED) from None

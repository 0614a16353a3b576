"""The outbox is damaged, removed or replaced, while the gateway runs or between two lives."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from event_gateway.outbox import OUTBOX_FILE, Outbox
from shared_schema.layout import GATEWAY_DIR, RUN_DIR
from tests.support.client import Backend, Listener, backend, listening
from tests.support.local_http import LOCAL
from tests.support.platforms import SIGNALS, posix
from tests.support.processes import Process, System, system
from tests.support.sessions import whole

WITHIN_S = 20.0
WHOLE = 3  # events of a session

Blow = Callable[[Path], None]


def outbox_of(show: System) -> Path:
    return show.artifacts / GATEWAY_DIR / OUTBOX_FILE


def wal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def delete(path: Path) -> None:
    path.unlink()


def delete_all(path: Path) -> None:
    for each in path.parent.iterdir():
        each.unlink()


def delete_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def delete_artifacts(path: Path) -> None:
    """Also what remembers the outbox elsewhere."""
    shutil.rmtree(path.parent)
    shutil.rmtree(path.parents[1] / RUN_DIR)


def delete_log(path: Path) -> None:
    wal_of(path).unlink(missing_ok=True)


def move(path: Path) -> None:
    path.rename(path.with_name("moved"))


def truncate(path: Path) -> None:
    path.write_bytes(b"")


def truncate_log(path: Path) -> None:
    wal_of(path).write_bytes(b"")


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def scribble(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\xff" * 4096)


def replace_by_noise(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"not a database" * 1000)
    other.replace(path)


def replace_by_odd_values(path: Path) -> None:
    """Put an outbox in its place in which are values that no gateway writes."""
    other = path.parent.parent / "other"
    Outbox.open(other).close()
    with contextlib.closing(sqlite3.connect(other / OUTBOX_FILE)) as db:
        db.execute(
            "INSERT INTO decisions VALUES (9, ?, 'turn1', 'produced', 1, ?, ?, NULL, 0)",
            (whole(1).session_id, "yesterday", b"\xff\xfe"),
        )
        db.execute("UPDATE state SET value = 'many' WHERE key = 'older_boots'")
        db.commit()
    delete_log(path)  # SQLite would take it for this file's
    (other / OUTBOX_FILE).replace(path)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").touch()


def replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_link_to_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parents[1] / "nowhere" / "outbox")


def replace_log_by_folder(path: Path) -> None:
    delete_log(path)
    wal_of(path).mkdir()


def replace_folder_by_file(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.touch()


async def reasons(show: System) -> str:
    """Return what `readyz` says of the outbox."""
    async with httpx.AsyncClient(**LOCAL) as http:
        answer = (await http.get(f"{show.gateway_url}/readyz")).json()
    return " ".join((*answer["reasons"], answer["details"]["outbox"]))


async def until_reported(show: System, what: str = "outbox was damaged or lost") -> None:
    """Wait until `readyz` says that something happened to the outbox."""
    async with asyncio.timeout(WITHIN_S):
        while what not in await reasons(show):
            await asyncio.sleep(0.05)


async def every_page_answers(show: System) -> None:
    """See that no route fails, whatever it can tell."""
    paths = [
        f"/v1/events/history?sessionId={whole(1).session_id}",
        "/v1/recordings",
        "/v1/sessions",
    ]
    async with httpx.AsyncClient(**LOCAL) as http:
        for path in (*paths, "/metrics", "/healthz"):
            assert (await http.get(show.gateway_url + path)).status_code in (200, 503), path


async def goes_on(client: Listener, chat: Backend, number: int) -> None:
    """See that a new session is sent, and nothing before it."""
    chat.tell(whole(number))
    told = await client.told()
    assert [event.session_id for event in told] == [whole(number).session_id] * WHOLE
    assert [event.seq for event in told] == [1, 2, 3]


@posix("files that can be removed while they are open")
@pytest.mark.parametrize(
    "blow",
    [
        delete,
        delete_all,
        delete_folder,
        delete_artifacts,
        delete_log,
        move,
        truncate,
        truncate_log,
        cut,
        scribble,
        replace_by_noise,
        replace_by_odd_values,
        replace_by_folder,
        replace_by_pipe,
        replace_by_link_to_nowhere,
        replace_log_by_folder,
        replace_folder_by_file,
    ],
)
async def test_damage_while_it_runs_is_reported_and_nothing_is_sent_again(
    tmp_path: Path, blow: Blow
) -> None:
    """Neither now, nor after the next start, nor to a client that asks for everything."""
    with system(tmp_path) as show:
        gateway = show.gateway()
        async with backend(show.bus_url, show.artifacts) as chat:
            async with listening(show.events_url) as client:
                await goes_on(client, chat, 1)
                blow(outbox_of(show))
                await until_reported(show)
                await every_page_answers(show)
                await goes_on(client, chat, 2)
            gateway.popen.kill()
            gateway.wait()
            show.gateway()
            async with listening(show.events_url) as client:
                await client.say({"type": "hello", "resume": {whole(1).session_id: WHOLE}})
                await client.ack()
                told = await client.told()
                assert {event.session_id for event in told} == {whole(2).session_id}
                await goes_on(client, chat, 3)


@posix("files that can be removed while they are open")
async def test_a_session_under_way_keeps_its_numbers(tmp_path: Path) -> None:
    """Its Turn 1 event was seq 1; its dialogues are seq 2 and 3, though the outbox is a new one."""
    with system(tmp_path) as show:
        show.gateway()
        async with (
            backend(show.bus_url, show.artifacts) as chat,
            listening(show.events_url) as client,
        ):
            truth = whole(1)
            chat.write(truth)
            chat.events.begin_session(truth.session_id, slots=truth.begun().slots)
            chat.tell_turn(truth, 1)
            first = await client.session_event()
            delete_all(outbox_of(show))
            await until_reported(show)
            chat.tell_turn(truth, 2)
            chat.tell_turn(truth, 3)
            told = [first, *await client.told()]
            assert [event.seq for event in told] == [1, 2, 3]


@SIGNALS
@pytest.mark.parametrize(
    "blow",
    [
        delete,
        delete_all,
        delete_folder,
        delete_log,
        truncate,
        scribble,
        replace_by_odd_values,
        replace_by_folder,
        replace_by_pipe,
        replace_folder_by_file,
    ],
)
async def test_damage_between_two_lives_is_no_first_start(tmp_path: Path, blow: Blow) -> None:
    """What the backend still tells of finished sessions is not sent again."""
    with system(tmp_path) as show:
        gateway = show.gateway()
        async with backend(show.bus_url, show.artifacts) as chat:
            async with listening(show.events_url) as client:
                await goes_on(client, chat, 1)
            kill(gateway)
            blow(outbox_of(show))
            show.gateway()
            assert "when the gateway started" in await reasons(show)
            async with listening(show.events_url) as client:
                await goes_on(client, chat, 2)
            # Also if it dies again before anything else is told.
            kill(show.processes[-1])
            show.gateway()
            async with listening(show.events_url) as client:
                await goes_on(client, chat, 3)


@posix("links without a privilege")
async def test_links_lead_nothing_of_the_gateways_out_of_its_folder(tmp_path: Path) -> None:
    """It starts and goes on; what they point at is as it was, and nothing is new there."""
    outside = tmp_path / "outside"
    outside.mkdir()
    with contextlib.closing(sqlite3.connect(outside / "app.db")) as db:
        db.execute("CREATE TABLE theirs (x)")
        db.commit()
    (outside / "text").write_bytes(b"theirs" * 100)
    before = {path: path.read_bytes() for path in outside.iterdir()}
    with system(tmp_path / "show") as show:
        for name, target in (
            (f"{GATEWAY_DIR}/{OUTBOX_FILE}", "app.db"),
            (f"{GATEWAY_DIR}/quiet", "new"),
            (f"{RUN_DIR}/outbox", "text"),
            (f"{RUN_DIR}/clock-gateway.json", "text"),
        ):
            link = show.artifacts / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(outside / target)
        async with backend(show.bus_url, show.artifacts) as chat:
            gateway = show.gateway()
            gateway.until_logged("a lost outbox would not be noticed")
            assert gateway.log.count("a lost outbox would not be noticed") == 1
            assert "moved aside" in await reasons(show)
            async with httpx.AsyncClient(**LOCAL) as http:
                answer = await http.post(f"{show.gateway_url}/v1/quiet")
                assert answer.json() == {"quiet": True}
                answer = await http.delete(f"{show.gateway_url}/v1/quiet")
                assert answer.json() == {"quiet": False}
            async with listening(show.events_url) as client:
                await goes_on(client, chat, 1)
                outbox_of(show).unlink()
                outbox_of(show).symlink_to(outside / "new.db")
                await until_reported(show, "in the place of its file")
                await goes_on(client, chat, 2)
            gateway.stop()
    assert {path: path.read_bytes() for path in outside.iterdir()} == before


@SIGNALS
@pytest.mark.parametrize("running", [True, False])
async def test_yesterdays_copy_repeats_nothing(tmp_path: Path, running: bool) -> None:
    """Put in place while the gateway runs, or while it is down; what it has is kept."""
    with system(tmp_path) as show:
        gateway = show.gateway()
        async with backend(show.bus_url, show.artifacts) as chat:
            async with listening(show.events_url) as client:
                await goes_on(client, chat, 1)
            gateway.stop()
            copy = tmp_path / "yesterday"
            shutil.copy(outbox_of(show), copy)
            gateway = show.gateway()
            async with listening(show.events_url) as client:
                await goes_on(client, chat, 2)
                if not running:
                    kill(gateway)
                delete_log(outbox_of(show))
                copy.replace(outbox_of(show))
                if running:
                    await until_reported(show)
                    await goes_on(client, chat, 3)
                    kill(gateway)
            show.gateway()
            async with listening(show.events_url) as client:
                await goes_on(client, chat, 4)
            history = f"{show.gateway_url}/v1/events/history?sessionId={whole(1).session_id}"
            async with httpx.AsyncClient(**LOCAL) as http:
                assert len((await http.get(history)).json()["events"]) == WHOLE


def kill(gateway: Process) -> None:
    gateway.popen.kill()
    gateway.wait()

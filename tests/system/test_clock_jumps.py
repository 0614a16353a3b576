"""The wall clock of the machine jumps: nothing is removed, lost or repeated by it."""

import json
import time
from pathlib import Path

import pytest

from event_gateway.outbox import Entry, Outbox
from shared_schema.layout import GATEWAY_DIR, SPEECH_ROOT
from shared_schema.runtime.process.exits import OK
from tests.support.client import backend, listening
from tests.support.clocks import ShiftedClock
from tests.support.processes import System, system, until
from tests.support.sessions import session_id, whole
from tests.support.staging import brief_chat
from tests.support.visitor import request

DAY_S = 86_400.0
WORDS = "I stole my sister's wedding ring"


def entry(number: int) -> Entry:
    """Return an event with words of a visitor."""
    words = f"{WORDS} {number}" * 1000

    def render(seq: int) -> str:
        return json.dumps({"text": words, "seq": seq})

    return Entry(session_id=session_id(number), key="turn1", status="produced", render=render)


def history(show: System, session: str) -> list[object]:
    """Return a session's events on the gateway's record."""
    path = f"/v1/events/history?sessionId={session}"
    events: list[object] = request(show.gateway_url, "GET", path).json()["events"]
    return events


@pytest.mark.parametrize("days", [40, -40])
async def test_what_was_sent_a_minute_ago_is_kept_whatever_the_clock_says(
    tmp_path: Path, days: int
) -> None:
    """The gateway starts with a clock that is 40 days off, and removes nothing."""
    with system(tmp_path) as show:
        clock = ShiftedClock(show)
        gateway = show.gateway()
        async with (
            listening(show.events_url) as touchdesigner,
            backend(show.bus_url, show.artifacts) as chat,
        ):
            chat.tell(whole(1))
            told = await touchdesigner.told()
        gateway.stop()
        clock.set_ahead(days * DAY_S)
        gateway = show.gateway()
        gateway.until_logged("the clock jumped")
        assert len(history(show, whole(1).session_id)) == len(told)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(("ahead_s", "window_s"), [(600, 300), (-600, 300), (-600, 0)])
async def test_a_replay_does_not_depend_on_the_clock(
    tmp_path: Path, ahead_s: int, window_s: int, restarted: bool
) -> None:
    """Set ten minutes ahead it loses nothing, set back it repeats nothing."""
    with system(tmp_path, events_replay_window_s=window_s) as show:
        clock = ShiftedClock(show)
        gateway = show.gateway()
        async with backend(show.bus_url, show.artifacts) as chat:
            async with listening(show.events_url) as client:
                chat.tell(whole(1))
                told = await client.told()
            clock.set_ahead(ahead_s)
            if restarted:
                gateway.stop()
                show.gateway()
            async with listening(show.events_url) as client:
                await client.say({"type": "hello", "resume": "recent"})
                assert (await client.ack()).replay_count == (len(told) if window_s else 0)


def test_recordings_are_kept_when_the_clock_is_far_ahead(tmp_path: Path) -> None:
    """Also at the first start after an update, when only the files tell what time it was."""
    with system(tmp_path, artifacts_keep_days=30) as show:
        clock = ShiftedClock(show)
        folder = show.artifacts / SPEECH_ROOT / session_id()
        folder.mkdir(parents=True)
        (folder / "slot-1.wav").write_bytes(b"a voice")
        clock.set_ahead(40 * DAY_S)
        chat = brief_chat(show)
        chat.until_logged("the clock jumped")
        chat.stop()
        chat = brief_chat(show)
        assert (folder / "slot-1.wav").exists()


def test_prune_goes_by_the_servers_time(tmp_path: Path) -> None:
    """With the clock 40 days ahead a new session is not old; an age that is typed is obeyed.

    Looking changes nothing: the servers' record of the clock is not there afterwards, either.
    """
    with system(tmp_path) as show:
        clock = ShiftedClock(show)
        folder = show.artifacts / SPEECH_ROOT / session_id()
        folder.mkdir(parents=True)
        (folder / "slot-1.wav").write_bytes(b"a voice")

        def pruned(*options: str) -> str:
            command = show.command("chat_backend", "sessions", "prune", "--dry-run", *options)
            assert command.popen.returncode == OK
            return command.log

        assert pruned() == ""
        clock.set_ahead(40 * DAY_S)
        remark = "the clock jumped, or the computer was off for days: "
        (line,) = pruned().splitlines()
        assert line == f"{remark}that time makes nothing old, unless you add --days"
        said = pruned("--days", "30")
        assert f"{remark}with --days it counts as it is, 2" in said
        assert session_id() in said
        assert not list(show.artifacts.glob("run/*"))


def test_what_is_old_goes_from_the_disk(tmp_path: Path) -> None:
    """Rows, and every byte of them in the files; what is younger stays."""
    folder = tmp_path / "artifacts" / GATEWAY_DIR
    outbox = Outbox.open(folder)
    for number, age_days in ((1, 31), (2, 29), (3, 0)):
        outbox.record([entry(number)], at=time.time() - age_days * DAY_S)
    outbox.close()
    with system(tmp_path) as show:
        show.gateway()
        until(lambda: not history(show, session_id(1)), "the old one gone")
        assert len(history(show, session_id(2))) == 1

        def on_disk(number: int) -> bool:
            words = f"{WORDS} {number}".encode()
            return any(words in path.read_bytes() for path in folder.iterdir())

        until(lambda: not on_disk(1), "its bytes gone")
        assert on_disk(2)

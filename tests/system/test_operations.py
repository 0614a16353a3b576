"""Starting, restarting, killing and ending the system as the people who run it do."""

import asyncio
import json
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from shared_schema import START_THEM
from shared_schema.chat import SlotAudio, SlotDone, TurnDone
from shared_schema.events import DialogueWavesReady
from shared_schema.runtime.process.exits import ANOTHER_INSTANCE, CONFIGURATION, FAILED, OK
from tests.support.client import listening, turn1_of
from tests.support.local_http import LOCAL
from tests.support.platforms import SIGNALS
from tests.support.processes import Process, System, runs, system, until
from tests.support.staging import brief_chat
from tests.support.visitor import post, request

MESSAGE = {"message": "What does the river owe to the bridge?"}
ROOT = Path(__file__).parents[2]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[System]:
    with system(tmp_path) as it:
        yield it


def honcho(installation: System, procfile: str) -> Process:
    return installation.start("honcho", "-m", "honcho", "-f", str(ROOT / procfile), "start")


def server_pid(process: Process, package: str) -> int | None:
    """Return the pid of a package's server below a honcho, not of its supervisor."""
    for each in process.note_children():
        try:
            command = each.cmdline()
        except psutil.Error:
            continue
        if command[-2:] == ["-m", package] and runs(each):
            return each.pid
    return None


def ready(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0, **LOCAL).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def test_the_demo_ends_by_itself_with_0(installation: System) -> None:
    """README command one: everything that the session promised was seen and is sound."""
    demo = honcho(installation, "Procfile.demo")
    assert demo.wait() == 0
    assert "all received: 1 session(s), every file present and intact" in demo.log
    assert "turn 1 complete: 6 of 6 slots" in demo.log
    assert "Traceback" not in demo.log
    until(lambda: not demo.left(), "nothing left", within_s=60)


def test_ten_kills_of_the_gateway_leave_the_chat_alone(installation: System) -> None:
    """Under honcho, each killed gateway is back; the chat's pid and streams go on."""
    show = honcho(installation, "Procfile")
    until(lambda: ready(f"{installation.chat_url}/v1/health"), "chat ready")
    until(lambda: ready(f"{installation.gateway_url}/readyz"), "gateway ready")
    chat = server_pid(show, "chat_backend")
    assert chat is not None
    kills = 0

    def kill_at_first_text(event: object) -> bool:
        nonlocal kills
        due = isinstance(event, SlotDone) and kills < 10 and event.slot_id in (1, 4, 6)
        if due:
            gateway = until(lambda: server_pid(show, "event_gateway"), "a gateway")
            psutil.Process(gateway).kill()
            until(lambda: server_pid(show, "event_gateway") not in (None, gateway), "another")
            until(lambda: ready(f"{installation.gateway_url}/readyz"), "gateway back")
            kills += 1
        return True

    while kills < 10:
        stream = post(installation.chat_url, MESSAGE, on_event=kill_at_first_text)
        stream.assert_in_order()
        assert len(stream.of(SlotAudio, 1)) == 6
    assert server_pid(show, "chat_backend") == chat
    show.until_logged("event_gateway: server ended")
    assert show.stop() != 0


def test_restart_on_request_keeps_the_chat_and_its_stream(installation: System) -> None:
    """`python -m event_gateway restart` in mid-show: another gateway, the same chat."""
    show = honcho(installation, "Procfile")
    until(lambda: ready(f"{installation.chat_url}/v1/health"), "chat ready")
    until(lambda: ready(f"{installation.gateway_url}/readyz"), "gateway ready")
    chat, gateway = server_pid(show, "chat_backend"), server_pid(show, "event_gateway")
    restarted = False

    def restart_once(event: object) -> bool:
        nonlocal restarted
        if isinstance(event, SlotDone) and not restarted:
            restarted = True
            asked = installation.start("restart", "-m", "event_gateway", "restart")
            assert asked.wait() == 0, asked.log
        return True

    stream = post(installation.chat_url, MESSAGE, on_event=restart_once)
    stream.assert_in_order()
    assert server_pid(show, "chat_backend") == chat
    assert server_pid(show, "event_gateway") not in (None, gateway)


def test_restart_without_a_supervisor_names_the_remedy(installation: System) -> None:
    """One line that says what to start."""
    asked = installation.start("restart", "-m", "event_gateway", "restart")
    assert asked.wait() != 0
    assert START_THEM in asked.log
    assert len(asked.log.strip().splitlines()) == 1


def test_stop_and_status_need_no_terminal(installation: System) -> None:
    """They find the servers that a closed terminal left; without any, they say so."""
    for package, url in (
        ("event_gateway", f"{installation.gateway_url}/readyz"),
        ("chat_backend", f"{installation.chat_url}/v1/health"),
    ):

        def ask(command: str, *, package: str = package) -> tuple[int, str]:
            asked = installation.start(command, "-m", package, command)
            return asked.wait(), asked.log.strip()

        code, line = ask("status")
        assert (code, START_THEM in line) == (CONFIGURATION, True)
        supervisor = installation.start("supervisor", "-m", package, "supervise")
        until(lambda url=url: ready(url), f"{package} ready")  # type: ignore[misc]
        server = server_pid(supervisor, package)
        until(lambda: ask("status")[0] == 0, f"{package} listening")
        _, line = ask("status")
        assert re.search(
            rf"supervisor {supervisor.pid}, server {server} \(up \d+ min\), start 1", line
        )
        second = installation.start("second", "-m", package, "supervise")
        assert second.wait() == ANOTHER_INSTANCE
        assert f"(pid {supervisor.pid})" in second.log
        assert ask("stop")[0] == 0
        assert supervisor.wait() == 0
        until(lambda process=supervisor: not process.left(), "nothing left")  # type: ignore[misc]
        code, line = ask("stop")
        assert (code, "nothing to stop" in line) == (0, True)


def test_a_run_file_that_cannot_be_read_does_not_mean_that_nothing_runs(
    installation: System,
) -> None:
    """Nobody is told that there is nothing to stop; the supervisor writes it again."""
    supervisor = installation.start("supervisor", "-m", "event_gateway", "supervise")
    installation.wait_ready(supervisor, f"{installation.gateway_url}/readyz")
    supervisor.suspend()
    (installation.artifacts / "run" / "event_gateway.json").write_bytes(b"")
    for command in ("status", "stop", "restart"):
        asked = installation.start(command, "-m", "event_gateway", command)
        assert asked.wait() == FAILED
        (line,) = asked.log.splitlines()
        assert "event_gateway.json cannot be read" in line
        assert "remove it and ask again" in line
    supervisor.resume()
    until(
        lambda: installation.command("event_gateway", "status").popen.returncode == OK,
        "the run file right",
    )
    installation.command("event_gateway", "stop")
    assert supervisor.wait() == OK


STAGED = ("-m", "tests.support.staged_chat")


def stage(installation: System, **directions: object) -> None:
    (installation.folder / "stage.json").write_text(json.dumps(directions), "utf-8")


@SIGNALS
async def test_a_killed_worker_loses_only_its_job(installation: System) -> None:
    """Turn 1 is partial as soon as the worker is dead, later jobs are done, the pool goes on."""
    installation.settings["RR_WAVES_MAX_WORKERS"] = "1"
    installation.settings["RR_EVENTS_TURN1_TIMEOUT_S"] = "300"
    installation.gateway()
    chat = installation.chat(*STAGED)
    stage(installation, hang=["1:2"])
    killed = False

    def kill_at_the_end(event: object) -> bool:
        nonlocal killed
        if isinstance(event, TurnDone) and event.turn_index == 1:
            for worker in workers_of(chat):
                worker.kill()
                killed = True
        return True

    async with listening(installation.events_url) as touchdesigner:
        stream = await asyncio.to_thread(
            post, installation.chat_url, MESSAGE, on_event=kill_at_the_end
        )
        events = await touchdesigner.told(stream.session_id)
    assert killed
    stream.assert_in_order()
    turn1 = turn1_of(events).payload
    assert turn1.missing_slot_ids == (2,)
    assert isinstance(events[-1], DialogueWavesReady)
    assert events[-1].payload.status == "complete"


@SIGNALS
async def test_a_job_beyond_its_time_limit_is_ended(installation: System) -> None:
    """The hanging worker is ended, its job is a known failure, and the others are done."""
    installation.settings["RR_WAVES_JOB_TIMEOUT_S"] = "2"
    installation.settings["RR_EVENTS_TURN1_TIMEOUT_S"] = "300"
    installation.gateway()
    chat = installation.chat(*STAGED)
    before = {worker.pid for worker in workers_of(chat)}
    stage(installation, hang=["1:2"])
    async with listening(installation.events_url) as touchdesigner:
        stream = await asyncio.to_thread(post, installation.chat_url, MESSAGE)
        events = await touchdesigner.told(stream.session_id)
    turn1 = turn1_of(events).payload
    assert turn1.missing_slot_ids == (2,)
    (failed,) = (
        each.wave
        for each in installation.settled(stream.session_id).utterances
        if each.state == "failed"
    )
    assert "RR_WAVES_JOB_TIMEOUT_S" in str(failed)
    assert before - {worker.pid for worker in workers_of(chat)}


def workers_of(chat: Process) -> list[psutil.Process]:
    """Return the wave workers of a chat backend."""
    return [
        each
        for each in chat.note_children()
        if runs(each) and "spawn_main" in " ".join(each.cmdline())
    ]


def test_a_killed_chat_leaves_no_worker(installation: System) -> None:
    """SIGKILL of the backend: its pool is gone within seconds, its ports are free."""
    chat = brief_chat(installation)
    until(lambda: workers_of(chat), "workers")
    chat.kill()
    chat.wait()
    until(lambda: not chat.left(), "workers gone", within_s=60)
    again = brief_chat(installation)
    assert request(installation.chat_url, "GET", "/v1/health").status_code == 200
    assert again.pid != chat.pid


async def test_a_killed_chat_is_told_as_far_as_it_came(installation: System) -> None:
    """A new backend's life closes the old one's sessions: Turn 1 once, no dialogues."""
    installation.gateway()
    chat = brief_chat(installation)
    async with listening(installation.events_url) as touchdesigner:

        def kill_in_turn_2(event: object) -> bool:
            if isinstance(event, SlotDone) and event.turn_index == 2:
                chat.kill()
                return False
            return True

        try:
            stream = await asyncio.to_thread(
                post, installation.chat_url, MESSAGE, on_event=kill_in_turn_2
            )
        except httpx.HTTPError as error:
            raise AssertionError("the stream broke before turn 2") from error
        chat.wait()
        brief_chat(installation)
        turn1 = await touchdesigner.session_event()
        assert turn1.session_id == stream.session_id
        await touchdesigner.nothing()
        again = await asyncio.to_thread(post, installation.chat_url, MESSAGE)
        events = await touchdesigner.told(again.session_id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


@SIGNALS
@pytest.mark.parametrize("name", ["chat", "gateway"])
def test_sigterm_ends_all_within_bounds(installation: System, name: str) -> None:
    """With a client connected and a session running, SIGTERM leaves nothing behind."""
    processes = {"gateway": installation.gateway(), "chat": brief_chat(installation)}

    def terminate_in_turn_1(event: object) -> bool:
        if isinstance(event, SlotDone):
            processes[name].send(signal.SIGTERM)
            return False
        return True

    post(installation.chat_url, MESSAGE, on_event=terminate_in_turn_1)
    # On a busy machine the deadline may come first.
    assert processes[name].wait() == 0 or "forced to exit" in processes[name].log
    until(lambda: not processes[name].left(), "all gone")
    assert "Traceback" not in processes[name].log


@SIGNALS
@pytest.mark.parametrize("name", ["chat", "gateway"])
def test_a_server_that_ends_ends_its_streams_in_order(installation: System, name: str) -> None:
    """The reader sees the end of the stream, no broken connection; the log tells of no error."""
    processes = {"gateway": installation.gateway(), "chat": brief_chat(installation)}
    open_stream = {
        "chat": ("POST", f"{installation.chat_url}/v1/chat", MESSAGE),
        "gateway": ("GET", f"{installation.gateway_url}/v1/watch", None),
    }
    method, url, body = open_stream[name]
    with httpx.stream(method, url, json=body, timeout=30.0, **LOCAL) as response:
        lines = response.iter_lines()
        next(lines)
        processes[name].send(signal.SIGTERM)
        list(lines)  # a connection that breaks raises here
    assert processes[name].wait() == 0
    assert " error " not in processes[name].log


def test_events_switched_off_publishes_nothing(installation: System) -> None:
    """RR_EVENTS_WS_ENABLED=false: the conversation is the same, and no bus is needed."""
    installation.settings["RR_EVENTS_WS_ENABLED"] = "false"
    brief_chat(installation)
    stream = post(installation.chat_url, MESSAGE)
    stream.assert_in_order()
    health = request(installation.chat_url, "GET", "/v1/health").json()
    assert health["gateway"] == installation.gateway_url
    assert health["eventsEnabled"] is False
    mixes = until(
        lambda: (
            len(list(installation.artifacts.rglob("*_v3_wave_mix.wav")))
            == len(stream.of(SlotAudio))
        ),
        "all waves",
    )
    assert mixes


def test_waves_switched_off_are_known_failures(installation: System) -> None:
    """RR_WAVES_ENABLED=false: speech only, and nobody waits for a wave."""
    installation.settings["RR_WAVES_ENABLED"] = "false"
    brief_chat(installation)
    stream = post(installation.chat_url, MESSAGE)
    stream.assert_in_order()
    assert not list(installation.artifacts.rglob("*_v3_wave_mix.wav"))


def test_a_cluster_without_its_extra_is_refused_in_one_line(installation: System) -> None:
    """The start says what to install, and shows no traceback."""
    installation.settings |= {
        "RR_WAVES_EXECUTOR": "dask",
        "RR_DASK_SCHEDULER": "tcp://127.0.0.1:9",
    }
    without = "import runpy, sys; sys.modules['distributed'] = None; sys.argv[1:] = []"
    run = "runpy.run_module('chat_backend', run_name='__main__', alter_sys=True)"
    chat = installation.start("chat", "-c", f"{without}; {run}")
    assert chat.wait() == CONFIGURATION
    assert "uv sync --extra dask" in chat.log
    assert "Traceback" not in chat.log


def test_a_full_queue_is_a_known_failure(installation: System) -> None:
    """With room for one job, the rest of a turn fails as such, and the session goes on."""
    installation.settings["RR_WAVES_QUEUE_MAX_SIZE"] = "1"
    installation.settings["RR_WAVES_MAX_WORKERS"] = "1"
    brief_chat(installation)
    stream = post(installation.chat_url, MESSAGE)
    stream.assert_in_order()
    assert len(stream.of(SlotAudio, 1)) == 6


def test_a_folder_that_can_not_be_written_is_told_per_slot(installation: System) -> None:
    """slot.error with a clear message for every slot; the session still ends in order."""
    installation.artifacts.mkdir(parents=True)
    brief_chat(installation)
    speech = installation.artifacts / "tts"  # seen at the start, so it comes afterwards
    shutil.rmtree(speech, ignore_errors=True)
    speech.write_text("a file where a folder should be", "utf-8")
    stream = post(installation.chat_url, MESSAGE)
    stream.assert_in_order()
    assert stream.of(SlotAudio) == []
    assert len(stream.of(SlotDone, 1)) == 6

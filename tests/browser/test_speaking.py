"""The kiosk with a microphone: Chromium's own fake one, which plays a WAV of the embedded voice."""

import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest

from chat_backend.speech.audio import SAMPLE_RATE_HZ, write_wav
from shared_schema.ids import is_session_id
from tests.browser.browsing import NARROW, WIDE, Visit, chromium, progress, visiting
from tests.support.certificates import make_certificate
from tests.support.processes import System, system, until
from tests.support.recordings import SENTENCES, spoken
from tests.support.staging import stage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

pytest.importorskip("faster_whisper", reason="needs the group: uv sync --group voices")

pytestmark = pytest.mark.timeout(300)

SENTENCE = SENTENCES[3]
HEARD = "afraid of deep water"
# A microphone in which nobody speaks.
SILENT = """
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await real(wanted);
  for (const track of stream.getTracks()) track.enabled = false;
  return stream;
};
undefined;
"""
FAKE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


# The sentence twice: on a busy machine a part of the sound may be lost.
HELD_S = 7.0


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """An installation that hears, its voices staged by each test."""
    with system(tmp_path_factory.mktemp("show"), seed=11, stt="whisper", stt_timeout_s=300) as it:
        it.allow_pages()
        it.gateway()
        it.chat("-m", "tests.support.staged_chat")
        yield it


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Browser"]:
    """A browser in whose microphone somebody says the sentence again and again."""
    path = tmp_path_factory.mktemp("voice") / "voice.wav"
    pause = np.zeros(SAMPLE_RATE_HZ // 2, np.float32)
    write_wav(np.concatenate([spoken(SENTENCE), pause]), path)
    with chromium(*FAKE, f"--use-file-for-fake-audio-capture={path}") as it:
        yield it


@pytest.fixture(autouse=True)
def unstaged(show: System) -> None:
    stage(show)


def hold(visit: Visit, seconds: float = HELD_S) -> None:
    """Hold the button with the mouse."""
    visit.page.hover("#hold")
    visit.page.mouse.down()
    visit.until("document.querySelector('#hold').dataset.state === 'recording'")
    visit.page.wait_for_timeout(seconds * 1000)
    visit.page.mouse.up()


def ready(visit: Visit) -> None:
    visit.until("!document.querySelector('#speaking').hidden")
    visit.until("document.querySelector('#hold').dataset.state === 'idle'")


def test_a_spoken_question_becomes_a_session(show: System, speaker: "Browser") -> None:
    """Hold, speak, read what was understood, and six voices answer; then the next visitor."""
    with visiting(speaker, show.chat_url, also=show.gateway_url) as visit:
        ready(visit)
        assert "Hold to talk" in visit.text("#hold")
        visit.page.hover("#hold")
        visit.page.mouse.down()
        visit.until("document.querySelector('#hold').dataset.state === 'recording'")
        visit.until("document.querySelector('#hold').style.getPropertyValue('--level') > 0.2")
        assert visit.page.get_attribute("#hold", "aria-pressed") == "true"
        visit.screenshot("kiosk-listening")
        visit.page.wait_for_timeout(HELD_S * 1000)
        visit.page.mouse.up()
        visit.until_text("#understood", HEARD)
        visit.until_text("#conversation-title", HEARD)
        visit.until_text("#progress", "All is said: 6 voices answered")
        visit.until("!document.querySelector('#hold').disabled")
        # The space bar, without the mouse.
        visit.page.evaluate("document.activeElement.blur()")
        visit.page.keyboard.down(" ")
        visit.until("document.querySelector('#hold').dataset.state === 'recording'")
        visit.page.wait_for_timeout(HELD_S * 1000)
        with visit.passing(progress("Turn 1 of 3")):
            visit.page.keyboard.up(" ")
            visit.until_text("#understood", HEARD)


def test_what_was_understood_may_be_corrected_first(show: System, speaker: "Browser") -> None:
    """?confirm=1: the visitor asks it; ?input=voice hides the text before; ?key= is a button."""
    query = "?confirm=1&input=voice&key=F9"
    with visiting(speaker, show.chat_url, also=show.gateway_url, query=query) as visit:
        ready(visit)
        assert not visit.page.is_visible("#message")
        assert not visit.page.is_visible("#send")
        visit.page.keyboard.down("F9")
        visit.until("document.querySelector('#hold').dataset.state === 'recording'")
        visit.page.wait_for_timeout(HELD_S * 1000)
        visit.page.keyboard.up("F9")
        visit.until("document.querySelector('#message').value.includes(it)", HEARD)
        assert visit.page.evaluate("document.activeElement.id") == "message"
        assert not visit.page.is_visible("#conversation")
        visit.page.fill("#message", "What was I afraid of?")
        with visit.page.expect_request("**/v1/chat") as asked:
            visit.page.click("#send")
        visit.until_text("#conversation-title", "What was I afraid of?")
        # A recording that is kept goes with its session.
        assert is_session_id(json.loads(asked.value.post_data or "")["inputSessionId"])


def test_what_was_understood_is_nothing_of_the_next_visitor(
    show: System, speaker: "Browser"
) -> None:
    """New visitor, before the question was asked: neither its words nor its recording stay."""
    with visiting(speaker, show.chat_url, also=show.gateway_url, query="?confirm=1") as visit:
        ready(visit)
        hold(visit)
        visit.until_text("#understood", HEARD)
        visit.page.click("#forget")
        visit.until("document.querySelector('#message').value === ''")
        assert HEARD not in visit.body()
        visit.page.fill("#message", "Who is next?")
        with visit.page.expect_request("**/v1/chat") as asked:
            visit.page.click("#send")
        assert "inputSessionId" not in json.loads(asked.value.post_data or "")


def test_a_slip_of_the_hand_and_silence_are_told_apart(show: System, speaker: "Browser") -> None:
    """Too short to be speech; long enough, but nothing said: a sentence each, and no session."""
    with visiting(speaker, show.chat_url, also=show.gateway_url) as visit:
        ready(visit)
        visit.page.evaluate(f"{{ {SILENT} }}")
        visit.page.click("#hold")
        visit.until_text("#problem", "Hold the button for as long as you speak")
        ready(visit)
        hold(visit, 1.0)
        visit.until_text("#problem", "Nothing was heard")
        assert not visit.page.is_visible("#conversation")
        # Writing works all the same.
        visit.page.fill("#message", "May I write?")
        visit.page.click("#send")
        visit.until_text("#conversation-title", "May I write?")


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("throw new DOMException('', 'NotAllowedError')", "The microphone is not allowed"),
        ("throw new DOMException('', 'NotFoundError')", "There is no microphone here"),
        ("throw new DOMException('', 'NotReadableError')", "Another program uses the microphone"),
    ],
)
def test_without_a_microphone_a_sentence_says_why(
    show: System, speaker: "Browser", script: str, sentence: str
) -> None:
    """Refused, missing, or taken by another program; then the visitor writes."""
    with visiting(speaker, show.chat_url, also=show.gateway_url) as visit:
        ready(visit)
        visit.page.evaluate(
            f"navigator.mediaDevices.getUserMedia = async () => {{ {script}; }}; undefined"
        )
        visit.page.click("#hold")
        visit.until_text("#problem", sentence)
        ready(visit)


# A recorder that does not begin, and the stream that it should have had.
BROKEN = """
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => (window.opened = await real(wanted));
MediaRecorder.prototype.start = () => { throw new Error("no"); };
undefined;
"""


def test_a_recorder_that_cannot_begin_leaves_no_open_microphone(
    show: System, speaker: "Browser"
) -> None:
    """A sentence says so, and nobody is listened to."""
    with visiting(speaker, show.chat_url, also=show.gateway_url) as visit:
        ready(visit)
        visit.page.evaluate(f"{{ {BROKEN} }}")
        visit.page.click("#hold")
        visit.until_text("#problem", "The microphone does not work")
        ready(visit)
        assert not visit.page.evaluate("window.opened.active")


def answering(status: int, detail: str) -> Callable[["Route"], None]:
    """Return what answers every request like that."""
    return lambda route: route.fulfill(status=status, json={"detail": detail, "error": {}})


def test_a_busy_ear_and_a_dead_one_are_sentences(show: System, speaker: "Browser") -> None:
    """503 with and without Retry-After, 502, and no answer at all: what the visitor reads."""
    with visiting(speaker, show.chat_url, also=show.gateway_url) as visit:
        ready(visit)
        for status, detail in ((503, "The water is listening to somebody else."), (502, "No.")):
            visit.page.route("**/v1/stt", answering(status, detail))
            hold(visit, 0.5)
            visit.until_text("#problem", detail)
            ready(visit)
        visit.page.route("**/v1/stt", lambda route: route.abort())
        hold(visit, 0.5)
        visit.until_text("#problem", "can't be reached")


def test_words_that_need_a_human_begin_no_session(show: System, speaker: "Browser") -> None:
    """The venue's sentence in its place; nothing is on disk and nothing was sent."""
    with visiting(speaker, show.chat_url, also=show.gateway_url) as visit:
        ready(visit)
        before = sorted((show.artifacts / "tts/sessions").glob("*"))
        visit.page.fill("#message", "Water, I don\u2019t want to live any more.")
        visit.page.click("#send")
        visit.until_text("#problem", "deserves a human answer")
        assert visit.page.input_value("#message") == ""
        assert not visit.page.is_visible("#conversation")
        assert sorted((show.artifacts / "tts/sessions").glob("*")) == before


def test_another_language_than_the_voices_is_said_before_a_session(
    show: System, speaker: "Browser"
) -> None:
    """What was heard in German is not asked of voices that speak English."""
    with visiting(speaker, show.chat_url, also=show.gateway_url) as visit:
        ready(visit)
        heard = {"transcript": "Was ist das?", "language_code": "de"}
        visit.page.route("**/v1/stt", lambda route: route.fulfill(json=heard))
        hold(visit, 0.5)
        visit.until_text("#problem", "The water understands English here")
        assert not visit.page.is_visible("#conversation")


def test_every_window_shows_the_whole_button(show: System, speaker: "Browser") -> None:
    """390 to 1920 pixels, by day and by night, nothing cut off, nothing jumps."""
    with visiting(speaker, show.chat_url, also=show.gateway_url) as visit:
        ready(visit)
        visit.pictures("kiosk-voice")
        for size in (NARROW, (768, 1024), WIDE):
            visit.look(size, "light")
            before = visit.page.evaluate("document.querySelector('.actions').offsetTop")
            visit.page.evaluate("document.querySelector('#understood').textContent = '“Yes?”'")
            assert visit.page.evaluate("document.querySelector('.actions').offsetTop") == before
            visit.page.evaluate("document.querySelector('#understood').textContent = ''")


def test_https_is_served_with_the_operators_certificate(tmp_path: Path) -> None:
    """Pages and streams over https, commands trust that certificate; a wrong file is one line."""
    cert, key = make_certificate(tmp_path)
    with system(tmp_path / "show", chat_tls_cert=cert, chat_tls_key=key, waves_enabled=False) as it:
        chat = it.start("chat", "-m", "chat_backend")
        until(lambda: "https://127.0.0.1" in chat.log or chat.popen.poll() is not None, "listening")
        assert chat.popen.poll() is None, chat.log
        url = f"https://localhost:{it.chat_port}"
        trust = ssl.create_default_context(cafile=cert)
        with httpx.Client(verify=trust, trust_env=False) as http:
            assert "<h1>" in http.get(f"{url}/").text
        said = it.start("say", "-m", "chat_backend", "say", "--no-wait", "Who listens?")
        assert said.wait() == 0, said.log
    wrong = System(tmp_path / "wrong", chat_tls_cert=key, chat_tls_key=cert)
    refused = wrong.start("chat", "-m", "chat_backend")
    assert refused.wait() != 0
    assert "RR_CHAT_TLS_CERT" in refused.log
    assert "Traceback" not in refused.log

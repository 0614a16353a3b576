"""``POST /v1/stt`` of a real backend whose ears are a server."""

from collections.abc import Iterator

import httpx
import pytest

from tests.hearing.asking import refusal, stt
from tests.providers.acts import Act
from tests.providers.conftest import SECRETS
from tests.providers.wire import SAID, Wire, serving
from tests.support.local_http import LOCAL
from tests.support.processes import System, system
from tests.support.recordings import SENTENCES, SPEECHLESS, recorded, spoken

pytest.importorskip("av", reason="needs the group: uv sync --group voices")

pytestmark = pytest.mark.timeout(300)

KEY = SECRETS["ELEVENLABS_API_KEY"]
OWN_KEY = SECRETS["TTS_API_KEY"].replace("tts", "stt")


@pytest.fixture(scope="module")
def servers() -> Iterator[Wire]:
    with serving() as it:
        yield it


@pytest.fixture
def wire(servers: Wire) -> Wire:
    servers.received.clear()
    servers.acts.clear()
    return servers


def installation(folder: object, engine: str, wire: Wire, **settings: object) -> Iterator[System]:
    common = {"stt": engine, "waves_enabled": False, "provider_attempts": 2, "stt_timeout_s": 8}
    with system(folder, **common, **settings) as it:  # type: ignore[arg-type]
        it.settings |= {"ELEVENLABS_API_KEY": KEY, "STT_API_KEY": OWN_KEY}
        it.chat()
        yield it


@pytest.fixture(scope="module")
def scribe(tmp_path_factory: pytest.TempPathFactory, servers: Wire) -> Iterator[System]:
    yield from installation(
        tmp_path_factory.mktemp("scribe"), "elevenlabs", servers, elevenlabs_url=servers.url
    )


@pytest.fixture(scope="module")
def compatible(tmp_path_factory: pytest.TempPathFactory, servers: Wire) -> Iterator[System]:
    # Without the /v1, as people copy it.
    yield from installation(
        tmp_path_factory.mktemp("own"), "openai", servers, stt_openai_url=servers.url
    )


@pytest.fixture(scope="module")
def recording() -> bytes:
    return recorded(spoken(SENTENCES[0]), "webm")


def test_scribe_is_asked_as_it_wants_to_be(scribe: System, wire: Wire, recording: bytes) -> None:
    """Key, model, language, a WAV without the quiet; its sounds that are no words are left out."""
    answer = stt(scribe.chat_url, recording, language_code="en-US").json()
    assert answer["transcript"] == SAID
    assert answer["language_code"] == "en"
    assert [word["text"] for word in answer["words"]] == SAID.split()
    assert answer["mime_type"] == "audio/webm"
    (asked,) = wire.of("scribe")
    assert asked.headers["xi-api-key"] == KEY
    assert asked.body["model_id"] == "scribe_v1"
    assert asked.body["language_code"] == "en"
    stt(scribe.chat_url, recording, language_code="auto")
    assert "language_code" not in wire.of("scribe")[1].body


def test_a_compatible_server_is_asked_as_it_takes_it(
    compatible: System, wire: Wire, recording: bytes
) -> None:
    """Below /v1; without the details that it refuses, also the next time."""
    answer = stt(compatible.chat_url, recording).json()
    assert answer["transcript"] == SAID
    assert answer["language_code"] == "en"
    assert [word["text"] for word in answer["words"]] == SAID.split()
    (asked,) = wire.of("transcriptions")
    assert asked.headers["authorization"] == f"Bearer {OWN_KEY}"
    assert asked.body["model"] == "whisper-1"
    wire.script("transcriptions", "no-details")
    for _ in range(2):
        answer = stt(compatible.chat_url, recording).json()
        assert (answer["transcript"], answer["words"]) == (SAID, None)
    forms = [each.body["response_format"] for each in wire.of("transcriptions")]
    assert forms == ["verbose_json", "verbose_json", "json", "json"]


def test_what_a_server_invents_is_not_said(scribe: System, wire: Wire, recording: bytes) -> None:
    """An answer without words; and a room in which nobody speaks is not even sent."""
    wire.script("scribe", "empty")
    assert refusal(stt(scribe.chat_url, recording)) == (httpx.codes.UNPROCESSABLE_ENTITY, "file")
    before = len(wire.of("scribe"))
    silence = recorded(SPEECHLESS["room"](2.0), "webm")
    assert refusal(stt(scribe.chat_url, silence))[0] == httpx.codes.UNPROCESSABLE_ENTITY
    assert len(wire.of("scribe")) == before


def test_a_servers_own_figures_are_believed(
    tmp_path_factory: pytest.TempPathFactory, wire: Wire, recording: bytes
) -> None:
    """A segment that is probably no speech is left out."""
    wire.script("transcriptions", "essay")
    folder = tmp_path_factory.mktemp("figures")
    for it in installation(folder, "openai", wire, stt_openai_url=f"{wire.url}/v1"):
        response = stt(it.chat_url, recording)
        assert refusal(response) == (httpx.codes.UNPROCESSABLE_ENTITY, "file")


def test_failures_of_a_server_are_told_apart(scribe: System, wire: Wire, recording: bytes) -> None:
    """Retried where that helps; 429 is only its own limit; the key is in no answer and no log."""
    wire.script("scribe", "500", "well")
    assert stt(scribe.chat_url, recording).is_success
    wire.script("scribe", "429-long")
    limited = stt(scribe.chat_url, recording)
    assert refusal(limited) == (httpx.codes.TOO_MANY_REQUESTS, "")
    assert limited.headers["retry-after"] == "900"
    for act in ("401", "html", "cut"):
        wire.script("scribe", act)
        response = stt(scribe.chat_url, recording)
        assert refusal(response) == (httpx.codes.BAD_GATEWAY, ""), act
        assert KEY not in response.text
    assert KEY not in scribe.processes[0].log
    text = httpx.get(f"{scribe.chat_url}/metrics", **LOCAL).text
    assert 'service="hearing"' in text
    health = httpx.get(f"{scribe.chat_url}/v1/health", **LOCAL).json()
    assert health["hearing"] == "elevenlabs"


@pytest.mark.parametrize("act", ["another-form", "breaks-on-it"])
def test_what_was_said_is_in_no_failure(
    scribe: System, wire: Wire, recording: bytes, act: Act
) -> None:
    """Neither in the answer, whoever asked, nor in the log."""
    wire.script("scribe", act)
    response = stt(scribe.chat_url, recording)
    assert response.status_code == httpx.codes.BAD_GATEWAY
    for text in (response.text, scribe.processes[0].log):
        assert "not heard" in text or "elevenlabs" in text
        assert "remember" not in text


def test_where_nothing_hears_the_remedy_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Switched off; the visitor is asked to write."""
    with system(tmp_path_factory.mktemp("deaf"), stt="off", waves_enabled=False) as it:
        it.chat()
        response = stt(it.chat_url, b"whatever")
        assert refusal(response) == (httpx.codes.SERVICE_UNAVAILABLE, "")
        assert "RR_STT=off" in response.json()["error"]["message"]
        assert "retry-after" not in response.headers
        assert httpx.get(f"{it.chat_url}/v1/health", **LOCAL).json()["hearing"] is None


def test_a_key_that_is_missing_stops_the_start(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One line that names what RR_STT needs."""
    it = System(tmp_path_factory.mktemp("keyless"), stt="elevenlabs")
    process = it.start("chat", "-m", "chat_backend")
    assert process.wait() != 0
    assert "RR_STT=elevenlabs needs ELEVENLABS_API_KEY" in process.log

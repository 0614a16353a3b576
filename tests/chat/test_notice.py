"""What visitors are told of their words follows from the configuration."""

from pathlib import Path

import pytest

from chat_backend.notice import notice
from shared_schema.settings import Settings

HERE = {"agents": ["offline", "offline"], "speech": "hibari", "hearing": "whisper"}


def test_with_the_defaults_nothing_leaves_the_machine() -> None:
    """Personas, embedded voice, embedded Whisper; kept for thirty days."""
    assert notice(" Welcome. ", Settings(), **HERE) == (  # type: ignore[arg-type]
        "Welcome. What you say stays on this machine. Words and sound are kept for 30 days."
        " The recording of your voice is not kept."
    )


def test_every_receiver_is_named() -> None:
    """Providers by their names, servers of one's own by their host or as this machine."""
    settings = Settings(
        llm_url="http://localhost:11434/v1",
        tts_openai_url="http://voice.example:8880/v1",
        artifacts_dir=Path("a"),
    )
    agents = ["anthropic", "openai", "google", "llm", "offline", "shelf"]
    said = notice("", settings, agents=agents, speech="openai", hearing="elevenlabs")
    assert said.startswith(
        "What you say is heard by ElevenLabs, answered by Anthropic, Google, OpenAI, a server"
        " called shelf and this machine and spoken by voice.example."
    )


@pytest.mark.parametrize(
    ("urls", "receiver"),
    [
        ({"stt_openai_url": "http://localhost:8000"}, "ElevenLabs"),
        ({"tts_openai_url": "http://localhost:8000"}, "ElevenLabs"),
        ({"elevenlabs_url": "https://api.eu.residency.elevenlabs.io"}, "ElevenLabs"),
        ({"elevenlabs_url": "https://voices.example"}, "voices.example"),
    ],
)
def test_the_server_of_another_engine_is_nobody_who_hears(
    urls: dict[str, str], receiver: str
) -> None:
    """Where a key of ElevenLabs is set as well, its engine is the one that is chosen."""
    settings = Settings(**urls)  # type: ignore[arg-type]
    said = notice("", settings, agents=["offline"], speech="elevenlabs", hearing="elevenlabs")
    assert f"heard by {receiver}, answered by this machine and spoken by {receiver}" in said


def test_a_model_at_another_server_is_not_at_its_makers() -> None:
    """RR_OPENAI_URL and the like send the words elsewhere."""
    settings = Settings(
        openai_url="https://proxy.example/v1",
        google_url="http://127.0.0.1:9000",
        anthropic_url="https://api.anthropic.com",
    )
    agents = ["openai", "google", "anthropic"]
    said = notice("", settings, agents=agents, speech="hibari", hearing=None)
    assert "answered by Anthropic, proxy.example and this machine and spoken" in said


@pytest.mark.parametrize(
    ("days", "words"), [((0.0, 30.0), "until the venue deletes them"), ((7.0, 14.0), "for 14 days")]
)
def test_how_long_follows_the_settings(days: tuple[float, float], words: str) -> None:
    """The longest of both; 0 is for ever. Without ears nothing is said of recordings."""
    settings = Settings(artifacts_keep_days=days[0], events_retention_days=days[1], stt_keep=True)
    said = notice("", settings, agents=["offline"], speech="hibari", hearing=None)
    assert f"are kept {words}." in said
    assert "recording" not in said
    assert "kept as long" in notice("", settings, **HERE)  # type: ignore[arg-type]

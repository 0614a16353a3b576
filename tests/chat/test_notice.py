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
    ("days", "words"), [((0.0, 30.0), "until the house deletes them"), ((7.0, 14.0), "for 14 days")]
)
def test_how_long_follows_the_settings(days: tuple[float, float], words: str) -> None:
    """The longest of both; 0 is for ever. Without ears nothing is said of recordings."""
    settings = Settings(artifacts_keep_days=days[0], events_retention_days=days[1], stt_keep=True)
    said = notice("", settings, agents=["offline"], speech="hibari", hearing=None)
    assert f"are kept {words}." in said
    assert "recording" not in said
    assert "kept as long" in notice("", settings, **HERE)  # type: ignore[arg-type]

"""Keys: where they are read, and that they are not told."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from chat_backend.providers.failure import Trouble, excerpt, refused, retry_after
from chat_backend.providers.keys import Keys, load_keys
from shared_schema.decoding import InvalidSetting

KEY = "sk-MARKED-0123456789abcdef"


def test_the_environment_wins_over_dotenv(tmp_path: Path) -> None:
    """As for settings; an empty line is no key."""
    dotenv = tmp_path / ".env"
    dotenv.write_text("OPENAI_API_KEY=from-file\nGEMINI_API_KEY='quoted'\nTTS_API_KEY=\n", "utf-8")
    keys = load_keys({"OPENAI_API_KEY": " from-environment\n"}, dotenv=dotenv)
    assert keys.of("OPENAI_API_KEY") == "from-environment"
    assert keys.of("GOOGLE_API_KEY", "GEMINI_API_KEY") == "quoted"
    assert keys.of("TTS_API_KEY") is None


def test_only_the_named_variables_are_read() -> None:
    """And those that a settings file names."""
    environment = {"OTHER_API_KEY": "other", "HOME": "/root"}
    assert load_keys(environment, dotenv=None).of("OTHER_API_KEY") is None
    keys = load_keys(environment, dotenv=None, also=("OTHER_API_KEY",))
    assert keys.of("OTHER_API_KEY") == "other"


@pytest.mark.parametrize("value", ["two words", "line\nbreak", "schlüssel", "tab\there"])
def test_what_no_header_can_carry_is_refused_unseen(value: str) -> None:
    """The message has the variable's name and not its value."""
    with pytest.raises(InvalidSetting, match="OPENAI_API_KEY") as raised:
        Keys({"OPENAI_API_KEY": value})
    assert value not in str(raised.value)


def test_a_key_is_redacted_whole_and_in_part() -> None:
    """Providers quote a key's ends."""
    keys = Keys({"OPENAI_API_KEY": KEY})
    for said in (f"Incorrect key {KEY}.", f"Incorrect key {KEY[:8]}***{KEY[-8:]}."):
        struck = keys.redacted(said)
        assert "MARKED" not in struck
        assert KEY[-8:] not in struck
        assert struck.startswith("Incorrect key [key]")


def test_printing_keys_prints_names() -> None:
    """In a traceback, a log line or a debugger."""
    assert repr(Keys({"OPENAI_API_KEY": KEY})) == "Keys(OPENAI_API_KEY)"
    assert KEY not in f"{Keys({'OPENAI_API_KEY': KEY})}"


def test_retry_after_is_seconds_or_a_date() -> None:
    """Anything else is as if it were not there."""
    now = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
    assert retry_after("2.5") == 2.5
    assert retry_after("Tue, 24 Nov 2026 12:00:30 GMT", now=now) == 30.0
    assert retry_after("Tue, 24 Nov 2026 11:00:00 GMT", now=now) == 0.0
    assert retry_after(None) is None
    assert retry_after("soon") is None
    assert retry_after("nan") is None
    assert retry_after("inf") is None


def test_a_rejected_key_is_explained_in_the_providers_words() -> None:
    """Redacted before they come here, also where they mask it themselves; on one short line."""
    keys = Keys({"OPENAI_API_KEY": KEY})
    for quoted in (
        KEY,
        f"{KEY[:8]}***{KEY[-4:]}",
        "sk-M********cdef",
        "sk-\u2022\u2022\u2022\u2022ef",
    ):
        words = keys.redacted(f"bad key {quoted}")
        assert str(refused("openai", Trouble(status=401, words=words))) == (
            "openai rejected the API key (401): bad key [key]"
        )
    assert len(excerpt("word \n" * 200)) <= 160
    assert "\n" not in excerpt("a\nb")

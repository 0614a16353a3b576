"""No text is lost to the voice's own library, and none goes on for ever."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat_backend.errors import SpeechFailed
from chat_backend.speech import hibari
from chat_backend.speech.audio import SAMPLE_RATE_HZ
from chat_backend.speech.hibari import MAX_S, HibariModel, HibariSpeech, synthesize
from chat_backend.speech.speakable import MAX_SPOKEN_CHARS, bare, speakable


@pytest.mark.parametrize(
    "text",
    [
        "My number is " + "1" * 37 + ".",
        "1" * 400,
        "$" + "9" * 40,
        "\u00a3" + "1" * 39 + ".99",
        "1," * 60,
        "the " + "2" * 40 + "nd wave",
        "1/" + "2" * 42,
        "3." + "1" * 50,
        "X" * 120,
        "a" * 2000,
        "Rindfleisch" * 12,
        "http://" + "x.y/" * 80,
        "1.5." * 40,
        "call 0049-" + "123-" * 30,
        "-" * 300 + "a",
        "\u00b2\u00b3\u00b9" * 20 + "a",
        "IV " * 100,
        "word. " * 300,
    ],
)
def test_any_text_is_spoken_within_bounds(model: HibariModel, text: str) -> None:
    """Numbers and words of any length, and any number of them."""
    signal = synthesize(model, text, "calm_soothing")
    assert 0.1 < len(signal) / SAMPLE_RATE_HZ < MAX_S + 1.0


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("in 1999, 1,234,567 waves", "in 1999, 1,234,567 waves"),
        ("1234567890123456", "1 2 3 4, 5 6 7 8, 9 0 1 2, 3 4 5 6"),
        ("a $1,234,567,890,123,456 boat", "a 1 2 3 4, 5 6 7 8, 9 0 1 2, 3 4 5 6 boat"),
        ("WONDERFULNESSES", "wonderfulnesses"),
        ("NASA and UNESCO", "NASA and UNESCO"),
    ],
)
def test_only_what_is_too_long_is_changed(text: str, kept: str) -> None:
    """Digit by digit in fours; capitals as a word."""
    assert speakable(text) == kept


def test_a_book_is_cut() -> None:
    """Beyond every turn's limits."""
    assert len(speakable("water " * 5000)) <= MAX_SPOKEN_CHARS


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(text=st.text("0123456789.,:/$%-+ eXst#'\"\n", min_size=1, max_size=120))
def test_any_numbers_are_read_or_refused(model: HibariModel, text: str) -> None:
    """By the library itself: phonemes, or the sentence that says why not."""
    try:
        sentences = model.phonemes(speakable(text))
    except SpeechFailed:
        return
    assert isinstance(sentences, list)


def test_what_the_library_cannot_read_is_read_as_bare_words(
    model: HibariModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rules fail in many ways."""
    read = model._voice.phonemize

    def strict(text: str) -> object:
        if "%" in text:
            raise IndexError(text)
        return read(text)

    monkeypatch.setattr(model._voice, "phonemize", strict)
    assert model.phonemes("50% of it")
    assert bare("50% of it, (really)!").split() == ["5", "0", "of", "it", "really", "!"]


async def test_any_failure_of_the_library_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tts_error, never a traceback."""
    voice = HibariSpeech(workers=1)
    await voice.start()

    def broken(*_: object) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr(hibari, "synthesize", broken)
    try:
        with pytest.raises(SpeechFailed, match=r"cannot speak this text \(IndexError\)") as raised:
            await voice.speak("Hello.", "friendly_casual", tmp_path / "a.wav")
    finally:
        await voice.close()
    assert raised.value.error_type == "tts_error"
    assert list(tmp_path.iterdir()) == []

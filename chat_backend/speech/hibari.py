"""The embedded voice: one small model in the package, six voices made of it, no network.

The model runs in threads that share it; onnxruntime and numpy let go of the interpreter while they
compute, so the event loop stays free.
"""

import asyncio
import gzip
import threading
import unicodedata
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from chat_backend.errors import SpeechFailed
from chat_backend.speech.audio import (
    CEILING_DBFS,
    SAMPLE_RATE_HZ,
    TARGET_LUFS,
    joined,
    normalized,
    trimmed,
    with_margins,
    write_wav,
)
from chat_backend.speech.shaping import VOICES, Frames, reshape
from shared_schema.ids import VoiceProfile
from shared_schema.layout import moved_into_place

Array = NDArray[np.float32]

# Touches the number reader, the guesser for unknown words and both branches of the synthesis.
WARM_UP: Final = "Forty-two zubblets, said the water."
# Marks that are not spoken but shape a sentence; all other signs become a space.
_KEPT_SIGNS: Final = frozenset(
    ".,;:!?'\"-()/$%&+@#=*£€¢°½¼¾"
    "\u2018\u2019\u201c\u201d\u2013\u2014\u2026"  # curly quotes, dashes, ellipsis
)
_MAX_NAMED_SCRIPTS: Final = 3


class HibariModel:
    """The package's model behind the few of its names that we use, with our shapes in between.

    Importing and loading takes about a second, so it happens here and not at import.
    """

    def __init__(self) -> None:
        from hibari import Hibari, dsp, g2p  # noqa: PLC0415

        g2p._load_json = asset
        self._voice: Any = Hibari(voice="heart", threads=1)
        self._synth: Any = dsp.synth

    def phonemes(self, text: str) -> list[str]:
        """Return the phonemes of each sentence that has a sound."""
        sentences: list[str] = self._voice.phonemize(text)
        return [sentence for sentence in sentences if any(sign.isalpha() for sign in sentence)]

    def frames(self, phonemes: str, *, speed: float) -> Frames:
        """Return the model's output for one sentence at a pace.

        Raises
        ------
        SpeechFailed
            If the model breaks, e.g. for want of memory.
        """
        inputs = {
            "ids": np.asarray([self._voice.ids(phonemes)], np.int64),
            "speed": np.asarray([speed], np.float32),
        }
        try:
            outputs = self._voice.sess.run(None, inputs)
        except Exception as error:  # the runtime's errors have no base of their own
            raise SpeechFailed(f"the embedded voice broke: {type(error).__name__}") from error
        return Frames(*(output[0] for output in outputs))

    def signal(self, frames: Frames, rng: np.random.Generator) -> Array:
        """Return the waveform of the frames."""
        waveform: Array = self._synth(*frames, rng)
        return waveform


def asset(name: str) -> Any:
    """Return what is in a JSON file of the package.

    Its own reader takes twice as long, and its dictionaries are what takes longest in a start.
    """
    content = resources.files("hibari").joinpath("assets", name).read_bytes()
    return msgspec.json.decode(gzip.decompress(content) if name.endswith(".gz") else content)


class HibariSpeech:
    """Speaks with the embedded voice, `workers` utterances at a time."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._threads: ThreadPoolExecutor | None = None
        self._model: HibariModel | None = None

    async def start(self) -> None:
        """Load the model and speak one sentence with it, in a worker thread."""
        self._threads = ThreadPoolExecutor(self._workers, thread_name_prefix="speech")
        loop = asyncio.get_running_loop()
        self._model = await loop.run_in_executor(self._threads, _warm_model)

    async def speak(self, text: str, profile: VoiceProfile, path: Path) -> None:
        """Write `text` as a mono PCM_16 WAV of 24 kHz to `path`, whole or not at all.

        Raises
        ------
        SpeechFailed
            If the text is empty or holds nothing that can be spoken, if the model gives no sound,
            or if the file can't be written.
        """
        if self._threads is None or self._model is None:
            raise SpeechFailed("the embedded voice is not started")
        unwanted = threading.Event()
        job: Future[None] = self._threads.submit(
            _speak_to_file, self._model, text, profile, path, unwanted
        )
        try:
            await asyncio.wrap_future(job)
        except asyncio.CancelledError:
            # A thread can't be interrupted, but it can leave out the file.
            unwanted.set()
            raise

    async def close(self) -> None:
        """Let running utterances end and let go of the model."""
        threads, self._threads, self._model = self._threads, None, None
        if threads is not None:
            await asyncio.to_thread(threads.shutdown, wait=True)


def synthesize(model: HibariModel, text: str, profile: VoiceProfile) -> Array:
    """Return `text` in the voice of `profile`, 24 kHz, at the common loudness.

    The same text and profile give the same samples: they seed its noise.

    Raises
    ------
    SpeechFailed
        If there is nothing to speak or the model gives no sound.
    """
    sentences = model.phonemes(speakable(text))
    if not sentences:
        raise SpeechFailed("nothing in the text can be spoken in English: it has no words")
    voice = VOICES[profile]
    rng = np.random.default_rng(zlib.crc32(f"{profile}|{text}".encode("utf-8", "replace")))
    parts = []
    for sentence in sentences:
        frames = reshape(
            model.frames(sentence, speed=voice.speed), voice, sample_rate=SAMPLE_RATE_HZ
        )
        signal = model.signal(frames, rng)
        if not np.isfinite(signal).all():
            raise SpeechFailed("the embedded voice gave a sound that is not finite")
        parts.append(trimmed(signal, sample_rate=SAMPLE_RATE_HZ))
    speech = joined(parts, pause_s=voice.pause_s, sample_rate=SAMPLE_RATE_HZ)
    try:
        level = normalized(
            speech,
            sample_rate=SAMPLE_RATE_HZ,
            target_lufs=TARGET_LUFS,
            ceiling_dbfs=CEILING_DBFS,
        )
    except ValueError as error:
        raise SpeechFailed("the embedded voice gave silence") from error
    return with_margins(level, sample_rate=SAMPLE_RATE_HZ)


def speakable(text: str) -> str:
    """Return what an English voice can speak of `text`.

    Letters of other scripts than Latin, emoji and other signs are left out; digits of any script
    are kept as 0 to 9.

    Raises
    ------
    SpeechFailed
        Naming the reason if nothing is left.
    """
    if not text.strip():
        raise SpeechFailed("cannot speak an empty text")
    kept = "".join(_spoken(char) for char in unicodedata.normalize("NFC", text))
    if not any(char.isalnum() or char in "%&+@=$£€½¼¾" for char in kept):
        raise SpeechFailed(f"nothing in the text can be spoken in English: {_reason(text)}")
    return kept.strip()


def _spoken(char: str) -> str:
    if char.isspace():
        # A line break ends a sentence for the voice, as it does for the eye.
        return "\n" if char == "\n" else " "
    if char.isdecimal():
        return str(unicodedata.digit(char))
    if char in _KEPT_SIGNS or (char.isalpha() and _script(char) == "LATIN"):
        return char
    return " "


def _script(char: str) -> str:
    return unicodedata.name(char, "UNNAMED").split()[0].split("-")[0]


def _reason(text: str) -> str:
    scripts = sorted({_script(char) for char in text if char.isalpha()})
    if scripts:
        names = ", ".join(script.capitalize() for script in scripts[:_MAX_NAMED_SCRIPTS])
        return f"it has only letters that the voice does not know ({names})"
    return "it has only signs, no words"


def _warm_model() -> HibariModel:
    model = HibariModel()
    synthesize(model, WARM_UP, "friendly_casual")
    return model


def _speak_to_file(
    model: HibariModel, text: str, profile: VoiceProfile, path: Path, unwanted: threading.Event
) -> None:
    signal = synthesize(model, text, profile)
    if unwanted.is_set():
        return
    try:
        with moved_into_place(path) as partial:
            write_wav(signal, partial)
    except OSError as error:
        name = f"{path.parent.name}/{path.name}"
        raise SpeechFailed(f"cannot write {name}: {error.strerror or error}") from error

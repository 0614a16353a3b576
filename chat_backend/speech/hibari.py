"""The embedded voice: one small model in a package, six voices from it, no network.

The model runs in threads that share it; onnxruntime and numpy release the interpreter lock while
they compute, so the event loop is not blocked.
"""

import asyncio
import ctypes
import gzip
import sys
import threading
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
    SAMPLE_RATE_HZ,
    joined,
    normalized,
    trimmed,
    with_margins,
    write_wav,
)
from chat_backend.speech.shaping import VOICES, Frames, reshape
from chat_backend.speech.speakable import bare, speakable
from chat_backend.speech.voices import Voices
from shared_schema.ids import VoiceProfile
from shared_schema.layout import moved_into_place

Array = NDArray[np.float32]

# The longest text of a turn at the slowest pace; anything beyond is not spoken.
MAX_S: Final = 75.0
# Covers numbers, the prediction of unknown words and both branches of the synthesis.
WARM_UP: Final = "Forty-two zubblets, said the water."
# From this size on, glibc returns a block to the system as soon as it is free (mallopt(3)).
_LARGE_BYTES: Final = 1 << 20
_M_MMAP_THRESHOLD: Final = -3


class HibariModel:
    """The package's model with our voices, through the few of its internals that we use.

    Importing and loading takes about a second, so it happens here and not at import.
    """

    def __init__(self) -> None:
        from hibari import Hibari, dsp, g2p  # noqa: PLC0415

        g2p._load_json = asset
        self._voice: Any = Hibari(voice="heart", threads=1)
        self._voice.sess = for_all_lengths(self._voice.sess, self._voice.model_path)
        self._synth: Any = dsp.synth

    def phonemes(self, text: str) -> list[str]:
        """Return the phonemes of each sentence that has any.

        A text that the package cannot read is tried again as bare words and digits.
        """
        try:
            sentences: list[str] = self._voice.phonemize(text)
        except Exception:  # its rules fail in many ways, e.g. with an IndexError
            sentences = self._voice.phonemize(bare(text))
        return [sentence for sentence in sentences if any(sign.isalpha() for sign in sentence)]

    def frames(self, phonemes: str, *, speed: float) -> Frames:
        """Return the model's output for one sentence at a pace.

        Raises
        ------
        SpeechFailed
            If the model fails, e.g. for lack of memory.
        """
        inputs = {
            "ids": np.asarray([self._voice.ids(phonemes)], np.int64),
            "speed": np.asarray([speed], np.float32),
        }
        try:
            outputs = self._voice.sess.run(None, inputs)
        except Exception as error:  # the runtime's errors have no common base class
            raise SpeechFailed(f"the embedded voice failed: {type(error).__name__}") from error
        return Frames(*(output[0] for output in outputs))

    def signal(self, frames: Frames, rng: np.random.Generator) -> Array:
        """Return the waveform of the frames."""
        waveform: Array = self._synth(*frames, rng)
        return waveform


def for_all_lengths(session: Any, model_path: str) -> Any:
    """Return an ONNX Runtime session that keeps no plan of memory for each length of sentence.

    Such plans serve inputs of one shape. Here nearly every sentence has its own: the plans, and the
    largest block that any of them asked for, only grew in a day of hundreds of visitors.
    """
    options = session.get_session_options()
    options.enable_mem_pattern = False
    return type(session)(model_path, options, providers=session.get_providers())


def asset(name: str) -> Any:
    """Return the content of a JSON file of the package.

    The package's own reader takes twice as long, and reading its dictionaries dominates a start.
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
        """Write `text` as a mono PCM_16 WAV of 24 kHz to `path`, completely or not
        at all.

        Raises
        ------
        SpeechFailed
            If the text is empty or contains nothing to speak, if the model returns no sound,
            or if the file cannot be written.
        """
        if self._threads is None or self._model is None:
            raise SpeechFailed("the embedded voice has not been started")
        unwanted = threading.Event()
        job: Future[None] = self._threads.submit(
            _speak_to_file, self._model, text, profile, path, unwanted
        )
        try:
            await asyncio.wrap_future(job)
        except asyncio.CancelledError:
            # A thread cannot be interrupted, but it can skip writing the file.
            unwanted.set()
            raise

    def with_voices(self, _: Voices) -> "HibariSpeech":
        """Return itself: its voices are its own, one for each profile."""
        return self

    async def close(self) -> None:
        """Wait for running utterances, and release the model."""
        threads, self._threads, self._model = self._threads, None, None
        if threads is not None:
            await asyncio.to_thread(threads.shutdown, wait=True)


def synthesize(model: HibariModel, text: str, profile: VoiceProfile) -> Array:
    """Return `text` in the voice of `profile`, 24 kHz, at the common loudness.

    The same text and profile give the same samples: they are the seed of its noise.

    Raises
    ------
    SpeechFailed
        If there is nothing to speak or the model returns no sound.
    """
    sentences = model.phonemes(speakable(text))
    if not sentences:
        raise SpeechFailed("nothing in the text can be spoken in English: it has no words")
    voice = VOICES[profile]
    rng = np.random.default_rng(zlib.crc32(f"{profile}|{text}".encode("utf-8", "replace")))
    parts: list[Array] = []
    for sentence in sentences:
        if sum(map(len, parts)) > MAX_S * SAMPLE_RATE_HZ:
            break
        frames = reshape(
            model.frames(sentence, speed=voice.speed), voice, sample_rate=SAMPLE_RATE_HZ
        )
        signal = model.signal(frames, rng)
        if not np.isfinite(signal).all():
            raise SpeechFailed("the embedded voice returned samples that are not finite")
        parts.append(trimmed(signal, sample_rate=SAMPLE_RATE_HZ))
    parts[-1] = parts[-1][: max(0, round(MAX_S * SAMPLE_RATE_HZ) - sum(map(len, parts[:-1])))]
    speech = joined(parts, pause_s=voice.pause_s, sample_rate=SAMPLE_RATE_HZ)
    try:
        level = normalized(speech, sample_rate=SAMPLE_RATE_HZ)
    except ValueError as error:
        raise SpeechFailed("the embedded voice returned silence") from error
    return with_margins(level, sample_rate=SAMPLE_RATE_HZ)


def _return_large_blocks() -> None:
    """Keep glibc from raising its limit for large blocks, up to 32 MiB, with each that is free.

    What a long sentence takes would stay with the process, in pieces. Other systems' allocators
    return large blocks by themselves.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not in musl
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def _warm_model() -> HibariModel:
    _return_large_blocks()
    model = HibariModel()
    synthesize(model, WARM_UP, "friendly_casual")
    return model


def _speak_to_file(
    model: HibariModel, text: str, profile: VoiceProfile, path: Path, unwanted: threading.Event
) -> None:
    try:
        signal = synthesize(model, text, profile)
    except SpeechFailed:
        raise
    except Exception as error:  # an utterance must not be lost without a reason
        raise SpeechFailed(
            f"the embedded voice cannot speak this text ({type(error).__name__})"
        ) from error
    if unwanted.is_set():
        return
    try:
        with moved_into_place(path) as partial:
            write_wav(signal, partial)
        if unwanted.is_set():  # in the meantime: its session may have been deleted
            path.unlink(missing_ok=True)
    except OSError as error:
        name = f"{path.parent.name}/{path.name}"
        raise SpeechFailed(f"cannot write {name}: {error.strerror or error}") from error

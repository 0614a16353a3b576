"""The process that decodes recordings, and in which the embedded Whisper listens.

A file from outside is decoded here and nowhere else: one that crashes or occupies its decoder costs
this process, which is started again, and never the backend. It also keeps the event loop free.
"""

import asyncio
import contextlib
import importlib.util
import os
import threading
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from msgspec import Struct
from pebble import ProcessExpired

from chat_backend.errors import ChatBackendError
from chat_backend.hearing.engine import Passage, Word, WrongLanguage
from chat_backend.hearing.recording import (
    MIN_S,
    RATE_HZ,
    NotASound,
    NothingSaid,
    Recording,
    prepared,
)
from chat_backend.providers.failure import failed
from waves.workers.ending import exit_on_request, prepare_to_end
from waves.workers.processes import Processes

# Decoding and cleaning a minute takes about a second.
PREPARE_TIMEOUT_S: Final = 15.0
# More threads gain little for a model of this size.
MAX_THREADS: Final = 4
# A process that dies before it takes a job, and the next one.
_ATTEMPTS: Final = 2
# With one it mishears .23 of the words in noise of 5 dB, with five .16.
BEAMS: Final = 5
ENGLISH: Final = "en"

Argument = TypeVar("Argument")
Outcome = TypeVar("Outcome")

_model: Any = None


class Listener:
    """The process. `weights` is the folder of the model; None: it only prepares recordings."""

    def __init__(self, weights: str | None) -> None:
        self._weights = weights
        self._processes: Processes | None = None
        self._starting = asyncio.Lock()

    def start(self) -> None:
        """Start the process, which loads the model before its first job. Blocks briefly."""
        self._processes = self._started()

    async def prepare(self, data: bytes, *, longest_s: float) -> Recording:
        """Return a recording ready for an engine.

        Raises
        ------
        NotASound, TooLong, NothingSaid
        ProviderFailed
            If there is no process, or this installation cannot prepare anything.
        """
        job = _Upload(data=data, longest_s=longest_s)
        try:
            return await self._run(_prepare, job, PREPARE_TIMEOUT_S)
        except ChatBackendError:
            raise
        except (ProcessExpired, TimeoutError):
            raise NotASound("a file that its decoder does not survive") from None
        except Exception as error:
            # What decoders raise is a `NotASound` already: this is no fault of the file.
            raise failed("the listening process", "server", f"({type(error).__name__})") from None

    async def transcribe(
        self, recording: Recording, language: str | None, timeout_s: float
    ) -> tuple[tuple[Passage, ...], str | None]:
        """Return what Whisper writes down, not judged yet, and the language that it heard.

        Raises
        ------
        WrongLanguage
            If the model does not know it.
        ProcessExpired, TimeoutError
            If the process dies, or takes too long.
        Exception
            Whatever the model raises.
        ProviderFailed
            If there is no process.
        """
        return await self._run(_transcribe, _Speech(recording, language), timeout_s)

    async def languages(self) -> tuple[str, ...] | None:
        """Return the languages that the model understands; None: many."""
        return await self._run(_languages, None, PREPARE_TIMEOUT_S)

    def close(self, timeout_s: float = 2.0) -> None:
        """End the process. Blocks."""
        if self._processes is not None:
            self._processes.end(timeout_s)

    async def _run(
        self, function: Callable[[Argument], Outcome], argument: Argument, timeout_s: float
    ) -> Outcome:
        """Run a job; one that was waiting when the process died is given to the next process."""
        for _ in range(_ATTEMPTS):
            try:
                processes = await self._running()
                future = processes.schedule(function, argument, timeout_s=timeout_s)
            except (OSError, RuntimeError) as error:
                raise failed("the listening process", "server", f"({error})") from None
            with contextlib.suppress(BrokenProcessPool):
                return await asyncio.wrap_future(future)
        raise failed("the listening process", "server", "(it ends before it has begun)")

    async def _running(self) -> Processes:
        async with self._starting:
            if self._processes is None or not self._processes.healthy:
                # It broke, e.g. while it was loading.
                self._processes = await asyncio.to_thread(self._started)
            return self._processes

    def _started(self) -> Processes:
        return Processes(count=1, initialiser=_initialise, arguments=(self._weights,))


class _Upload(Struct, frozen=True, kw_only=True):
    data: bytes
    longest_s: float


class _Speech(Struct, frozen=True):
    recording: Recording
    language: str | None


def _initialise(weights: str | None) -> None:
    global _model  # noqa: PLW0603 - a pool's initialiser has no other way to pass values on
    prepare_to_end()
    exit_on_request()
    if weights is None:
        return
    from faster_whisper import WhisperModel  # noqa: PLC0415  # an extra; only in this process
    from tqdm import tqdm  # noqa: PLC0415  # faster-whisper's progress bars

    # Its own lock is a semaphore of the system, which would be left behind when we are ended.
    tqdm.set_lock(threading.RLock())

    _model = WhisperModel(
        weights,
        device="cpu",
        compute_type="int8",
        cpu_threads=min(MAX_THREADS, os.cpu_count() or 1),
        local_files_only=True,
    )
    _transcribe(_Speech(Recording(container="WAV", samples=np.zeros(RATE_HZ, np.float32)), None))


def _prepare(upload: _Upload) -> Recording:
    recording = prepared(upload.data, longest_s=upload.longest_s)
    if recording.samples is None or importlib.util.find_spec("faster_whisper") is None:
        return recording
    from faster_whisper.vad import get_speech_timestamps  # noqa: PLC0415

    spoken = get_speech_timestamps(recording.samples)
    if not spoken or sum(each["end"] - each["start"] for each in spoken) < MIN_S * RATE_HZ:
        raise NothingSaid("no voice in it")
    begin, end = spoken[0]["start"], spoken[-1]["end"]
    return msgspec.structs.replace(
        recording,
        samples=recording.samples[begin:end],
        starts_s=recording.starts_s + begin / RATE_HZ,
    )


def _transcribe(speech: _Speech) -> tuple[tuple[Passage, ...], str | None]:
    recording = speech.recording
    language = speech.language if _model.model.is_multilingual else ENGLISH
    if language is not None and language not in _model.supported_languages:
        raise WrongLanguage(f"{language!r} is no language of the model")
    segments, info = _model.transcribe(
        recording.samples,
        language=language,
        beam_size=BEAMS,
        # One attempt, without chance in it; what it is worth is judged by its figures.
        temperature=0.0,
        no_speech_threshold=None,
        log_prob_threshold=None,
        condition_on_previous_text=False,
        # It invents sentences for long pauses.
        vad_filter=True,
        word_timestamps=True,
    )
    passages = tuple(
        Passage(
            text=segment.text,
            no_speech=segment.no_speech_prob,
            log_probability=segment.avg_logprob,
            compression=segment.compression_ratio,
            words=tuple(
                Word(
                    text=word.word.strip(),
                    start=round(float(word.start) + recording.starts_s, 3),
                    end=round(float(word.end) + recording.starts_s, 3),
                )
                for word in segment.words or ()
            ),
        )
        for segment in segments
    )
    return passages, info.language


def _languages(_: None) -> tuple[str, ...] | None:
    return None if _model is None or _model.model.is_multilingual else (ENGLISH,)

"""Turns one speech file into wave files, for the batch tool and the pool's workers."""

import time
from pathlib import Path
from typing import Any, Final, overload

import numpy as np
import soundfile
from msgspec import Struct, structs

from shared_schema.decoding import OutsideArtifacts
from shared_schema.facts import (
    DecomposeJob,
    DecomposeResult,
    Job,
    JobResult,
    Stage,
    SummaryJob,
    SummaryJobResult,
    SummaryReady,
    WaveFailed,
    WaveReady,
    WavesJobResult,
    WaveState,
)
from shared_schema.layout import SUMMARY_WAVE_NAMES, WAVE_MIX, Artifacts, wave_path
from shared_schema.settings import variable
from waves.dsp.decomposition import Waves, synthesise, synthesise_summary
from waves.dsp.grid import SAMPLE_RATE_HZ, Float32
from waves.dsp.metrics import Metrics, measure
from waves.dsp.output import write_summary, write_waves
from waves.dsp.plan import UTTERANCE, WavePlan
from waves.dsp.sound import MAX_DURATION_S, load
from waves.errors import TooLong, WavesError

_FULL_SCALE: Final = np.float32(1 / 32767)


class Decomposition(Struct, frozen=True, kw_only=True):
    """A file's waves, their paths, and their quality.

    Attributes
    ----------
    speech
        The decomposed speech, at 8 kHz.
    duration_s, processing_s
        Length of the sound, and time from opening it until the mix is in place.
    """

    speech: Float32
    waves: Waves
    mix_path: Path
    metrics: Metrics
    duration_s: float
    processing_s: float

    @property
    def real_time_factor(self) -> float:
        """Processing time over the sound's length; below one is faster than real time."""
        return self.processing_s / self.duration_s


def decompose_file(
    path: Path,
    folder: Path,
    *,
    plan: WavePlan = UTTERANCE,
    max_duration_s: float = MAX_DURATION_S,
) -> Decomposition:
    """Decompose a sound file and write ``<stem>_v3_wave1.wav`` and so on into `folder`.

    Parameters
    ----------
    path : Path
        Any sound file that `waves.dsp.sound.load` accepts.
    folder : Path
        Created if it is missing.
    plan : WavePlan
        Of three waves.
    max_duration_s : float
        Longer sounds are refused, in seconds.

    Raises
    ------
    WavesError
        If the file is not a usable sound.
    OSError
        If the folder cannot be written.
    """
    started = time.perf_counter()
    speech = load(path, max_duration_s=max_duration_s)
    waves = synthesise(speech, plan)
    metrics = measure(speech, waves.mix * _FULL_SCALE)
    mix_path = write_waves(waves, folder, stem=path.stem)
    return Decomposition(
        speech=speech,
        waves=waves,
        mix_path=mix_path,
        metrics=metrics,
        duration_s=len(speech) / SAMPLE_RATE_HZ,
        processing_s=time.perf_counter() - started,
    )


@overload
def run_job(
    job: DecomposeJob, artifacts: Path, *, max_duration_s: float = ...
) -> WavesJobResult: ...
@overload
def run_job(
    job: SummaryJob, artifacts: Path, *, max_duration_s: float = ...
) -> SummaryJobResult: ...
def run_job(job: Job, artifacts: Path, *, max_duration_s: float = MAX_DURATION_S) -> JobResult:
    """Make the waves of one utterance or summary and return the result; no bad input raises.

    Parameters
    ----------
    job : Job
        Its paths are relative to `artifacts`.
    artifacts : Path
        The artifacts folder.
    max_duration_s : float
        Longer speech is a failure, in seconds.
    """
    started = time.perf_counter()
    root = Artifacts(artifacts)
    try:
        speech, folder = (
            root.path(job.input_path),
            root.path(wave_path(job.input_path, WAVE_MIX)).parent,
        )
        if isinstance(job, SummaryJob):
            ready = _make_summary(job, speech, folder, max_duration_s)
            took_ms = 1e3 * (time.perf_counter() - started)
            return _summary_result(job, ready, duration_ms=took_ms)
        done = decompose_file(speech, folder, plan=_plan(job), max_duration_s=max_duration_s)
    except (WavesError, OutsideArtifacts, OSError, ValueError, MemoryError) as error:
        # ValueError: a path outside the folder of speech.
        message = str(error) or "not enough memory for the sound"
        if isinstance(error, TooLong):
            message += f" ({variable('waves_max_duration_s')})"
        return failure(job, message, duration_ms=1e3 * (time.perf_counter() - started))
    return _result(
        job,
        _ready(job, done.duration_s, SAMPLE_RATE_HZ),
        duration_ms=1e3 * done.processing_s,
        rmse=done.metrics.rmse,
        envelope_correlation=done.metrics.envelope_correlation,
        level_error_db=done.metrics.level_error_db,
        real_time_factor=done.real_time_factor,
    )


def failure(
    job: Job, message: str, *, stage: Stage = "waves", duration_ms: float = 0.0
) -> JobResult:
    """Return the result of a job that made no waves."""
    failed = WaveFailed(stage=stage, message=message)
    if isinstance(job, SummaryJob):
        return _summary_result(job, failed, duration_ms=duration_ms)
    return _result(job, failed, duration_ms=duration_ms)


@overload
def existing_result(job: DecomposeJob, artifacts: Path) -> WavesJobResult | None: ...
@overload
def existing_result(job: SummaryJob, artifacts: Path) -> SummaryJobResult | None: ...
def existing_result(job: Job, artifacts: Path) -> JobResult | None:
    """Return a job's success if its last file is in place, even if its worker has died.

    The mix, or a summary's sixth wave, is moved into place last and never rewritten, so all is
    complete if it exists.
    """
    last = SUMMARY_WAVE_NAMES[-1] if isinstance(job, SummaryJob) else WAVE_MIX
    try:
        header = soundfile.info(Artifacts(artifacts).path(wave_path(job.input_path, last)))
    except (soundfile.SoundFileError, OutsideArtifacts, OSError, ValueError):
        return None
    duration_s, rate_hz = header.frames / header.samplerate, header.samplerate
    if isinstance(job, SummaryJob):
        return _summary_result(job, _summary_ready(duration_s, rate_hz))
    return _result(job, _ready(job, duration_s, rate_hz))


def _make_summary(
    job: SummaryJob, speech: Path, folder: Path, max_duration_s: float
) -> SummaryReady:
    samples = load(speech, max_duration_s=max_duration_s)
    waves = synthesise_summary(samples, WavePlan(job.ranges_hz))
    write_summary(waves, folder, stem=speech.stem)
    return _summary_ready(len(samples) / SAMPLE_RATE_HZ, SAMPLE_RATE_HZ)


def _summary_ready(duration_s: float, sample_rate_hz: int) -> SummaryReady:
    return SummaryReady(audio_duration_ms=round(1e3 * duration_s), sample_rate_hz=sample_rate_hz)


def _summary_result(
    job: SummaryJob, wave: SummaryReady | WaveFailed, *, duration_ms: float = 0.0
) -> SummaryJobResult:
    summary = structs.replace(job.summary, wave=wave)
    return SummaryJobResult(session_id=job.session_id, summary=summary, duration_ms=duration_ms)


def _result(job: DecomposeJob, wave: WaveState, **figures: Any) -> WavesJobResult:
    utterance = structs.replace(job.utterance, wave=wave)
    result = DecomposeResult(utterance=utterance, **figures)
    return WavesJobResult(session_id=job.session_id, result=result)


def _plan(job: DecomposeJob) -> WavePlan:
    return WavePlan(tuple(wave.range_hz for wave in job.waves)) if job.waves else UTTERANCE


def _ready(job: DecomposeJob, duration_s: float, sample_rate_hz: int) -> WaveReady:
    return WaveReady(
        mix_path=wave_path(job.input_path, WAVE_MIX),
        places=tuple(wave.place for wave in job.waves),
        audio_duration_ms=round(1e3 * duration_s),
        sample_rate_hz=sample_rate_hz,
    )

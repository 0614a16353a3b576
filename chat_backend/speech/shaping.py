"""One speaker becomes another: pitch, vocal tract, breath and tilt, on the model's frames.

Everything here is a pure function of arrays. A *spectrum* is an array of natural-log magnitudes,
``[bins, frames]``, with bins linear from 0 Hz to half the sample rate.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chat_backend.speech.profiles import SPEAKER_PITCH_HZ, VoiceShape

Array = NDArray[np.float32]

# The synthesis takes a frame below 40 Hz as unvoiced.
VOICED_ABOVE_HZ: Final = 40.0
# What a human voice reaches; also keeps a doubled octave error of the model from shrieking.
PITCH_LIMITS_HZ: Final = (65.0, 520.0)
# Above this share of the axis the warp bends back, so that the highest bin stays the highest.
WARP_KNEE: Final = 0.85
TILT_FROM_HZ: Final = 500.0
# Breath reaches its full level at 3 kHz and is absent below 300 Hz, where it would sound like hum.
BREATH_FROM_HZ: Final = 300.0
BREATH_FULL_HZ: Final = 3000.0
DB_TO_LOG: Final = math.log(10.0) / 20.0


class Frames(NamedTuple):
    """What the model says about one sentence, in the order in which its synthesis takes it.

    Attributes
    ----------
    harmonic, noise, free : ndarray, shape (bins, frames)
        Spectra of the voice, of noise, and of what has a phase of its own (mostly consonants).
    harmonic_phase : ndarray, shape (bins, frames)
        Phase of the voice relative to its pulses; the angle is ``pi * tanh`` of it.
    free_phase : ndarray, shape (bins, frames)
        Phase of the free part in radians.
    pitch : ndarray, shape (frames,)
        In Hz; below 40 Hz is unvoiced.
    """

    harmonic: Array
    harmonic_phase: Array
    noise: Array
    free: Array
    free_phase: Array
    pitch: Array


def reshape(frames: Frames, voice: VoiceShape, *, sample_rate: int) -> Frames:
    """Return the frames as `voice` would have said them.

    Parameters
    ----------
    frames : Frames
        The unchanged speaker's.
    voice : VoiceShape
        What to change.
    sample_rate : int
        In Hz; twice the frequency of the highest bin.
    """
    bins = frames.harmonic.shape[0]
    position = warped_positions(bins, voice.formants)
    tilt = _tilt(bins, sample_rate, voice.tilt_db_per_octave)
    harmonic = warp(frames.harmonic, position) + tilt
    noise = warp(frames.noise, position) + tilt
    voiced = frames.pitch > VOICED_ABOVE_HZ
    if math.isfinite(voice.breath_db):
        breath = harmonic + _breath(bins, sample_rate, voice.breath_db)
        noise = np.where(voiced, np.logaddexp(noise, breath), noise)
    nearest = np.rint(position).astype(np.intp)
    return Frames(
        harmonic=harmonic,
        harmonic_phase=minimum_phase(harmonic),
        noise=noise.astype(np.float32),
        free=warp(frames.free, position) + tilt,
        # Phases wrap, so they are picked and not interpolated.
        free_phase=frames.free_phase[nearest],
        pitch=shift_pitch(frames.pitch, voice),
    )


def shift_pitch(pitch: Array, voice: VoiceShape) -> Array:
    """Return the pitch track moved to the voice's median and range; unvoiced frames stay."""
    voiced = pitch > VOICED_ABOVE_HZ
    excursion = np.log(np.where(voiced, pitch, SPEAKER_PITCH_HZ) / SPEAKER_PITCH_HZ)
    moved = voice.pitch_hz * np.exp(voice.pitch_range * excursion)
    return np.where(voiced, np.clip(moved, *PITCH_LIMITS_HZ), pitch).astype(np.float32)


def warped_positions(bins: int, factor: float) -> Array:
    """Return, for each bin of the new axis, the fractional bin of the old one that it shows.

    Straight with slope ``1 / factor`` up to a knee, then straight to the highest bin, so that
    nothing is read from beyond it.
    """
    top = bins - 1
    knee = WARP_KNEE * top * min(1.0, factor)
    return np.interp(np.arange(bins), [0.0, knee, top], [0.0, knee / factor, top]).astype(
        np.float32
    )


def warp(spectrum: Array, position: Array) -> Array:
    """Return the spectrum read at fractional bins `position`, linear in the logarithm."""
    low = np.minimum(position.astype(np.intp), spectrum.shape[0] - 2)
    share = (position - low)[:, None]
    warped: Array = spectrum[low] * (1 - share) + spectrum[low + 1] * share
    return warped


def minimum_phase(spectrum: Array) -> Array:
    """Return the phase of the minimum-phase filter with this spectrum, as ``arctanh(angle / pi)``.

    The model's own phase is fitted to its own pitch and jumps from frame to frame at any other; a
    vocal tract is close to minimum phase.
    """
    bins = spectrum.shape[0]
    size = 2 * (bins - 1)
    cepstrum = np.fft.irfft(spectrum, n=size, axis=0)
    cepstrum[1 : bins - 1] *= 2.0
    cepstrum[bins:] = 0.0
    angle = np.fft.rfft(cepstrum, axis=0).imag
    wrapped = (angle + math.pi) % (2 * math.pi) - math.pi
    # tanh reaches 1 only at infinity; a thousandth of half a turn is inaudible.
    return np.arctanh(np.clip(wrapped / math.pi, -0.999, 0.999)).astype(np.float32)


def _frequencies(bins: int, sample_rate: int) -> Array:
    return np.linspace(0.0, sample_rate / 2, bins, dtype=np.float32)


def _tilt(bins: int, sample_rate: int, db_per_octave: float) -> Array:
    octaves = np.log2(np.maximum(_frequencies(bins, sample_rate), TILT_FROM_HZ) / TILT_FROM_HZ)
    column: Array = (db_per_octave * DB_TO_LOG * octaves)[:, None].astype(np.float32)
    return column


def _breath(bins: int, sample_rate: int, level_db: float) -> Array:
    """Return what is added to the voice's spectrum to get its breath's."""
    frequency = np.maximum(_frequencies(bins, sample_rate), 1.0)
    octaves_below = np.log2(BREATH_FULL_HZ / np.minimum(frequency, BREATH_FULL_HZ))
    # 6 dB less per octave below 3 kHz; next to nothing where breath would be hum.
    level = level_db - 6.0 * octaves_below - np.where(frequency < BREATH_FROM_HZ, 40.0, 0.0)
    column: Array = (DB_TO_LOG * level)[:, None].astype(np.float32)
    return column

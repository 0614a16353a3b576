"""Six voices from one speaker: pitch, vocal tract, breath and tilt of the model's frames.

The six medians are about three semitones apart, so that pitch alone distinguishes each voice from
its neighbour; the vocal tract follows the pitch, but less than in nature, because a strongly warped
spectrum is harder to understand. Breath, tilt, pace and pauses express the temperament.

Everything here is a pure function of arrays. A *spectrum* is an array of natural-log magnitudes,
``[bins, frames]``, with bins linear from 0 Hz to half the sample rate.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
import scipy.fft
from msgspec import Struct
from numpy.typing import NDArray

from shared_schema.ids import VoiceProfile

Array = NDArray[np.float32]

# Median pitch of the unchanged speaker, measured over a dozen sentences.
SPEAKER_PITCH_HZ: Final = 192.0
# The synthesis treats a frame below 40 Hz as unvoiced.
VOICED_ABOVE_HZ: Final = 40.0
# The limit of a human voice; also softens an octave error of the model.
PITCH_LIMITS_HZ: Final = (65.0, 520.0)
# Above this share of the axis the warp bends back, so that the highest bin stays fixed.
WARP_KNEE: Final = 0.85
TILT_FROM_HZ: Final = 500.0
# Breath reaches its full level at 3 kHz and is absent below 300 Hz, where it would sound like hum.
BREATH_FROM_HZ: Final = 300.0
BREATH_FULL_HZ: Final = 3000.0
DB_TO_LOG: Final = math.log(10.0) / 20.0
_FAINTEST: Final = np.float32(1e-30)  # of a magnitude whose logarithm is taken


class VoiceShape(Struct, frozen=True, kw_only=True):
    """How one profile differs from the unchanged speaker.

    Attributes
    ----------
    pitch_hz : float
        Median pitch of a neutral sentence, in Hz.
    pitch_range : float
        Factor on the pitch's excursions around the median, in the logarithmic domain; below 1 is
        flatter, above 1 livelier.
    formants : float
        Factor on the resonances' frequencies; below 1 is a longer vocal tract.
    breath_db : float
        Level of breath noise below the voice at 3 kHz and above, in dB; -inf is none.
    tilt_db_per_octave : float
        Slope added to the spectrum above 500 Hz; below 0 is softer, above 0 brighter.
    speed : float
        The model's own pace parameter; above 1 is faster. Its effect is uneven: 0.82 makes
        a sentence 12 % longer, 1.25 10 % shorter, and at 0.80 it suddenly drags by 27 %.
    pause_s : float
        Silence between two sentences, in seconds.
    """

    pitch_hz: float
    pitch_range: float
    formants: float
    breath_db: float
    tilt_db_per_octave: float
    speed: float
    pause_s: float


VOICES: Final[Mapping[VoiceProfile, VoiceShape]] = MappingProxyType(
    {
        # Low and even, dark, in no hurry: sure of being listened to.
        "confident_charming": VoiceShape(
            pitch_hz=116.0,
            pitch_range=0.95,
            formants=0.86,
            breath_db=-34.0,
            tilt_db_per_octave=0.0,
            speed=0.90,
            pause_s=0.40,
        ),
        # Nearly whispered, flat, slow: breath and long pauses instead of melody.
        "calm_soothing": VoiceShape(
            pitch_hz=138.0,
            pitch_range=0.70,
            formants=0.93,
            breath_db=-15.0,
            tilt_db_per_octave=-2.0,
            speed=0.82,
            pause_s=0.60,
        ),
        # A clear mezzo with a calm melody: the voice of someone who explains well.
        "warm_professional": VoiceShape(
            pitch_hz=164.0,
            pitch_range=0.85,
            formants=0.96,
            breath_db=-34.0,
            tilt_db_per_octave=-0.8,
            speed=0.96,
            pause_s=0.40,
        ),
        # The speaker nearly as she is: nothing is put on.
        "friendly_casual": VoiceShape(
            pitch_hz=195.0,
            pitch_range=1.05,
            formants=1.00,
            breath_db=-30.0,
            tilt_db_per_octave=0.0,
            speed=1.08,
            pause_s=0.32,
        ),
        # Bright, wide and quick; the pauses are short because the next thought is already there.
        "energetic_upbeat": VoiceShape(
            pitch_hz=230.0,
            pitch_range=1.25,
            formants=1.05,
            breath_db=-40.0,
            tilt_db_per_octave=1.0,
            speed=1.25,
            pause_s=0.22,
        ),
        # A small bright body and big leaps, but an easy pace: leaps need time to be heard.
        "playful_expressive": VoiceShape(
            pitch_hz=284.0,
            pitch_range=1.40,
            formants=1.13,
            breath_db=-28.0,
            tilt_db_per_octave=0.3,
            speed=1.00,
            pause_s=0.30,
        ),
    }
)


class Frames(NamedTuple):
    """The model's output for one sentence, in the order of the arguments of its synthesis.

    Attributes
    ----------
    harmonic, noise, free : ndarray, shape (bins, frames)
        Spectra of the voice, of noise, and of the part with its own phase (mostly consonants).
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
    """Return the frames in another voice.

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
    if math.isfinite(voice.breath_db):
        voiced = (frames.pitch > VOICED_ABOVE_HZ).astype(np.float32)
        # The sum of two spectra; `numpy.logaddexp` gives the same and takes six times as long.
        np.exp(noise, out=noise)
        noise += np.exp(harmonic) * (_breath(bins, sample_rate, voice.breath_db) * voiced)
        np.log(np.maximum(noise, _FAINTEST), out=noise)
    nearest = np.rint(position).astype(np.intp)
    return Frames(
        harmonic=harmonic,
        harmonic_phase=minimum_phase(harmonic),
        noise=noise,
        free=warp(frames.free, position) + tilt,
        # Phases wrap, so they are picked and not interpolated.
        free_phase=frames.free_phase.take(nearest, axis=0),
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
    nothing beyond it is read.
    """
    top = bins - 1
    knee = WARP_KNEE * top * min(1.0, factor)
    return np.interp(np.arange(bins), [0.0, knee, top], [0.0, knee / factor, top]).astype(
        np.float32
    )


def warp(spectrum: Array, position: Array) -> Array:
    """Return the spectrum read at fractional bins `position`, linear in the logarithm."""
    low = np.minimum(position.astype(np.intp), spectrum.shape[0] - 2)
    share = (position - low).astype(np.float32)[:, None]
    # `take` releases the interpreter lock, indexing does not.
    below: Array = spectrum.take(low, axis=0)
    warped: Array = spectrum.take(low + 1, axis=0)
    warped -= below
    warped *= share
    warped += below
    return warped


def minimum_phase(spectrum: Array) -> Array:
    """Return the phase of the minimum-phase filter with this spectrum, as ``arctanh(angle / pi)``.

    The model's own phase is fitted to its own pitch and jumps from frame to frame at any other; a
    vocal tract is close to minimum phase.

    Notes
    -----
    The cepstrum of a log-magnitude spectrum is a sum of cosines; the phase is minus the sum of the
    sines with the same amplitudes (A. Oppenheim and R. Schafer, "Discrete-Time Signal Processing",
    on the Hilbert transform relations of the log-spectrum).
    """
    cosines = scipy.fft.dct(spectrum, type=1, axis=0)
    sines = scipy.fft.dst(cosines[1:-1], type=1, axis=0)
    half_turns: Array = np.zeros_like(spectrum)  # at 0 Hz and at the highest bin the phase is zero
    np.multiply(sines, -1 / (2 * math.pi * (spectrum.shape[0] - 1)), out=half_turns[1:-1])
    half_turns -= 2 * np.rint(half_turns / 2)
    # tanh reaches 1 only at infinity; a thousandth of half a turn is inaudible.
    np.clip(half_turns, -0.999, 0.999, out=half_turns)
    np.arctanh(half_turns, out=half_turns)
    return half_turns


def _frequencies(bins: int, sample_rate: int) -> Array:
    return np.linspace(0.0, sample_rate / 2, bins, dtype=np.float32)


def _tilt(bins: int, sample_rate: int, db_per_octave: float) -> Array:
    octaves = np.log2(np.maximum(_frequencies(bins, sample_rate), TILT_FROM_HZ) / TILT_FROM_HZ)
    column: Array = (db_per_octave * DB_TO_LOG * octaves)[:, None].astype(np.float32)
    return column


def _breath(bins: int, sample_rate: int, level_db: float) -> Array:
    """Return the factors on the voice's magnitudes that give its breath's, shape (bins, 1)."""
    frequency = np.maximum(_frequencies(bins, sample_rate), 1.0)
    octaves_below = np.log2(BREATH_FULL_HZ / np.minimum(frequency, BREATH_FULL_HZ))
    # 6 dB less per octave below 3 kHz; next to nothing where breath would be hum.
    level = level_db - 6.0 * octaves_below - np.where(frequency < BREATH_FROM_HZ, 40.0, 0.0)
    column: Array = np.exp(DB_TO_LOG * level)[:, None].astype(np.float32)
    return column

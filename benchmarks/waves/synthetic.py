"""Speech whose pitch is known, from a source and a filter.

It shares nothing with the sounds of ``tests/waves``: those are sums of harmonics, these are glottal
pulses through resonators, with breath, jitter, creaky ends, hissing and stopped consonants.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.signal
import soxr

Float64 = npt.NDArray[np.float64]

RATE_HZ: Final = 16_000
STEP_S: Final = 0.01
_OVERSAMPLED_HZ: Final = 2 * RATE_HZ  # pulses have edges; half of their aliases are filtered away

# Frequencies and bandwidths (Hz) of four formants, after D. Klatt, "Software for a cascade/parallel
# formant synthesizer", J. Acoust. Soc. Am. 67 (1980).
_VOWELS: Final = (
    ((310, 2020, 2960, 3500), (45, 200, 400, 300)),
    ((530, 1680, 2500, 3500), (60, 90, 200, 300)),
    ((620, 1660, 2430, 3500), (70, 150, 320, 300)),
    ((700, 1220, 2600, 3500), (130, 70, 160, 300)),
    ((540, 1100, 2300, 3500), (80, 70, 70, 300)),
    ((350, 1250, 2200, 3500), (65, 110, 140, 300)),
)
# Open and closing phase of the glottis as shares of a period (A. Rosenberg, J. Acoust. Soc. Am. 49,
# 1971, pulse C).
_OPENING: Final = 0.40
_CLOSING: Final = 0.16


class Truth(NamedTuple):
    """A synthetic utterance and, every 10 ms from 0 on, its pitch; zero where it has none."""

    samples: Float64
    f0_hz: Float64


def utterance(*, seed: int, median_hz: float, snr_db: float, duration_s: float = 5.0) -> Truth:
    """Return phrases of syllables that fall in pitch, in white noise.

    The signal-to-noise ratio is that of the voiced parts.
    """
    random = np.random.default_rng(seed)
    count = round(duration_s * _OVERSAMPLED_HZ)
    sound, f0_hz = np.zeros(count), np.zeros(count)
    tract = median_hz / 130  # women's and children's vocal tracts are shorter
    scale = float(np.clip(tract**0.25, 0.95, 1.2))
    at = round(0.15 * _OVERSAMPLED_HZ)
    while at < count - _OVERSAMPLED_HZ // 5:
        phrase = random.integers(3, 8)
        melody = _melody(median_hz, random)
        began = at
        for _ in range(phrase):
            at = _add_consonant(sound, at, random)
            length = min(round(random.uniform(0.08, 0.28) * _OVERSAMPLED_HZ), count - at)
            if length < _OVERSAMPLED_HZ // 20:
                break
            place = slice(at, at + length)
            f0_hz[place] = melody[at - began : at - began + length]
            sound[place] += _vowel(f0_hz[place], scale, random)
            at += length
        at += round(random.uniform(0.1, 0.4) * _OVERSAMPLED_HZ)
    voiced = f0_hz > 0
    power = np.mean(sound[voiced] ** 2)
    sound += random.standard_normal(count) * np.sqrt(2 * power / 10 ** (snr_db / 10))
    samples = soxr.resample(sound, _OVERSAMPLED_HZ, RATE_HZ)
    every = round(STEP_S * _OVERSAMPLED_HZ)
    return Truth(samples * (0.5 / np.abs(samples).max()), f0_hz[::every].copy())


def _melody(median_hz: float, random: np.random.Generator) -> Float64:
    """Return the pitch of four seconds of a phrase: it declines, with accents up and down.

    After H. Fujisaki and K. Hirose, J. Acoust. Soc. Japan 5 (1984): all of it in the logarithm.
    """
    t = np.arange(4 * _OVERSAMPLED_HZ) / _OVERSAMPLED_HZ
    octaves = random.uniform(0.1, 0.35) - random.uniform(0.1, 0.3) * t
    for centre_s in np.arange(0.1, 4.0, 0.35):
        height, width_s = random.normal(0, 0.16), random.uniform(0.06, 0.15)
        octaves += height * np.exp(-(((t - centre_s) / width_s) ** 2))
    melody: Float64 = np.clip(median_hz * 2**octaves, 70, 450)
    return melody


def _vowel(f0_hz: Float64, scale: float, random: np.random.Generator) -> Float64:
    """Return glottal pulses and breath through the formants of a random vowel."""
    count = len(f0_hz)
    # Jitter: each period is a little longer or shorter than the pitch says.
    periods = np.cumsum(f0_hz) / _OVERSAMPLED_HZ
    wobble = 1 + 0.006 * random.standard_normal(int(periods[-1]) + 2)
    turns = np.cumsum(f0_hz * wobble[periods.astype(int)]) / _OVERSAMPLED_HZ
    place = turns % 1
    flow = np.where(
        place < _OPENING,
        0.5 * (1 - np.cos(np.pi * place / _OPENING)),
        np.where(
            place < _OPENING + _CLOSING, np.cos(np.pi / 2 * (place - _OPENING) / _CLOSING), 0.0
        ),
    )
    shimmer = (1 + 0.03 * random.standard_normal(int(turns[-1]) + 2))[turns.astype(int)]
    source = np.diff(flow * shimmer, prepend=flow[0]) * (_OVERSAMPLED_HZ / f0_hz / 100)
    source += 0.01 * random.standard_normal(count) * (0.3 + flow)
    frequencies, bandwidths = _VOWELS[random.integers(len(_VOWELS))]
    for hertz, width in zip(frequencies, bandwidths, strict=True):
        source = _resonated(source, hertz * scale, width)
    # The voice sets in and fades within two hundredths of a second.
    ramp = np.minimum(1, np.arange(count) / (0.02 * _OVERSAMPLED_HZ))
    shaped: Float64 = source * np.sqrt(ramp * ramp[::-1])
    shaped *= random.uniform(0.5, 1.0) / np.sqrt(np.mean(shaped**2))
    return shaped


def _resonated(sound: Float64, hertz: float, width_hz: float) -> Float64:
    radius = np.exp(-np.pi * width_hz / _OVERSAMPLED_HZ)
    feedback = [1, -2 * radius * np.cos(2 * np.pi * hertz / _OVERSAMPLED_HZ), radius**2]
    resonated: Float64 = scipy.signal.lfilter([sum(feedback)], feedback, sound)
    return resonated


def _add_consonant(sound: Float64, at: int, random: np.random.Generator) -> int:
    """Add nothing, a hiss, or a stop with its burst; return where the vowel begins."""
    kind = random.choice(["none", "hiss", "stop"], p=[0.35, 0.35, 0.3])
    if kind == "none":
        return at
    length = round(random.uniform(0.05, 0.12) * _OVERSAMPLED_HZ)
    length = min(length, len(sound) - at)
    noise = random.standard_normal(length)
    if kind == "hiss":
        centre = random.uniform(2500, 6000)
        noise = _resonated(noise, centre, 1500) * np.hanning(length)
    else:
        noise *= np.arange(length) > 0.8 * length
    peak = np.abs(noise).max(initial=0)
    if peak > 0:
        sound[at : at + length] += noise * (random.uniform(0.2, 0.7) / peak)
    return at + length

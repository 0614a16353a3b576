"""Sounds like speech whose pitch is known: the truth that the pitch tracker is held against."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from waves.dsp.grid import CELL, SAMPLE_RATE_HZ, Bool, Float32, Float64, cell_count


class SpeechLike(NamedTuple):
    """A synthetic utterance at 8 kHz, with the truth at every node."""

    samples: Float32
    f0_hz: Float64
    voiced: Bool


# Centre frequencies (Hz) of three formants of a few vowels, after Peterson and Barney (1952).
_VOWELS = (
    (730, 1090, 2440),
    (530, 1840, 2480),
    (390, 1990, 2550),
    (570, 840, 2410),
    (300, 870, 2240),
)


def speech_like(
    *, seed: int, median_hz: float = 140.0, duration_s: float = 4.0, snr_db: float = 40.0
) -> SpeechLike:
    """Return syllables of gliding pitch, hissing consonants and pauses, in white noise."""
    random = np.random.default_rng(seed)
    count = int(duration_s * SAMPLE_RATE_HZ)
    sound, pitch, at = np.zeros(count), np.zeros(count), int(0.1 * SAMPLE_RATE_HZ)
    while at < count - SAMPLE_RATE_HZ // 10:
        phrase_end = at + int(random.uniform(0.25, 0.7) * SAMPLE_RATE_HZ)
        start_hz = median_hz * 2 ** random.uniform(-0.3, 0.4)
        while at < min(phrase_end, count):
            length = min(int(random.uniform(0.12, 0.3) * SAMPLE_RATE_HZ), count - at)
            end_hz = median_hz * 2 ** random.uniform(-0.4, 0.3)
            place = slice(at, at + length)
            glide = np.linspace(0, 1, length)
            f0 = start_hz * (end_hz / start_hz) ** (glide**2 * (3 - 2 * glide))
            f0 *= 1 + 0.01 * np.sin(2 * np.pi * 5 * np.arange(length) / SAMPLE_RATE_HZ)
            sound[place] += _vowel(f0, random)
            pitch[place] = f0
            at, start_hz = at + length, end_hz
        length = min(int(random.uniform(0.06, 0.14) * SAMPLE_RATE_HZ), count - at)
        if length > 0:
            sound[at : at + length] += _hiss(length, random)
        at += max(length, 0) + int(random.uniform(0.0, 0.25) * SAMPLE_RATE_HZ)
    noise = random.standard_normal(count)
    power = np.mean(sound[pitch > 0] ** 2)
    samples = sound + noise * np.sqrt(power / 10 ** (snr_db / 10))
    samples *= 0.5 / np.abs(samples).max()
    at_nodes = np.minimum(np.arange(cell_count(count) + 1) * CELL, count - 1)
    return SpeechLike(samples.astype(np.float32), pitch[at_nodes], pitch[at_nodes] > 0)


def _vowel(f0_hz: Float64, random: np.random.Generator) -> Float64:
    """Return a sum of harmonics with a glottal tilt under formants, faded over 10 ms."""
    formants = _VOWELS[random.integers(len(_VOWELS))]
    jitter = 1 + 0.004 * random.standard_normal(len(f0_hz) // 40 + 2).repeat(40)[: len(f0_hz)]
    phase = 2 * np.pi * np.cumsum(f0_hz * jitter) / SAMPLE_RATE_HZ
    sound: npt.NDArray[np.float64] = np.zeros(len(f0_hz))
    for k in range(1, int(3800 / f0_hz.min()) + 1):
        frequency = k * f0_hz
        gain = sum(1 / (1 + ((frequency - f) / (60 + 0.06 * f)) ** 2) for f in formants)
        tilt = 1 / k * (0.05 + gain) * (frequency < 3900)
        sound += tilt * np.cos(k * phase + 0.3 * k * k)
    ramp = np.minimum(1, np.arange(len(f0_hz)) / 80)
    return sound * ramp * ramp[::-1] * random.uniform(0.6, 1.0)


def _hiss(length: int, random: np.random.Generator) -> Float64:
    """Return noise above about 2 kHz, faded over 10 ms."""
    noise = np.diff(random.standard_normal(length + 2), n=2) * 0.06
    ramp = np.minimum(1, np.arange(length) / 80)
    return noise * ramp * ramp[::-1]

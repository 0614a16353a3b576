"""What must be true of the waves of any sound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.speechlike import speech_like
from waves import Waves, decompose
from waves.dsp.grid import Float32, Float64
from waves.dsp.metrics import active_frames, measure, rms_envelope

FULL_SCALE = 32767
RATE_HZ = 8_000


def as_float(wave: np.ndarray[tuple[int], np.dtype[np.int16]]) -> Float32:
    """Return 16-bit samples on the scale of speech."""
    return (wave / FULL_SCALE).astype(np.float32)


def share_outside(mix: Float32, *, low_hz: float, high_hz: float) -> float:
    """Return the share of the energy outside a band."""
    power = np.abs(np.fft.rfft(mix.astype(np.float64))) ** 2
    frequency = np.fft.rfftfreq(len(mix), 1 / RATE_HZ)
    return float(power[(frequency < low_hz) | (frequency > high_hz)].sum() / power.sum())


def assert_sound(waves: Waves, count: int) -> None:
    """Assert what holds for the waves of every sound."""
    total = sum(wave.astype(np.int32) for wave in waves[:3])
    assert np.array_equal(waves.mix, total)
    for wave in waves:
        assert wave.dtype == np.int16
        assert len(wave) == count
        assert np.abs(wave.astype(np.int32)).max() < FULL_SCALE
        assert abs(int(wave[0])) <= FULL_SCALE // 100, "a click at the beginning"
        assert abs(int(wave[-1])) <= FULL_SCALE // 100, "a click at the end"


@pytest.mark.parametrize(("seed", "median_hz"), [(0, 95.0), (1, 130.0), (2, 200.0), (3, 290.0)])
def test_the_mix_is_true_to_the_speech(seed: int, median_hz: float) -> None:
    """Loudness follows the speech, no active frame is silent, and the band is kept."""
    speech = speech_like(seed=seed, median_hz=median_hz).samples
    waves = decompose(speech, sample_rate_hz=RATE_HZ)
    assert_sound(waves, len(speech))
    mix = as_float(waves.mix)
    metrics = measure(speech, mix)
    assert metrics.envelope_correlation is not None
    assert metrics.level_error_db is not None
    assert metrics.envelope_correlation >= 0.98
    assert metrics.level_error_db <= 0.6
    active = active_frames(rms_envelope(speech))
    assert (rms_envelope(mix)[active] > 0.1 * rms_envelope(speech)[active]).all()
    assert share_outside(mix, low_hz=15, high_hz=240) <= 0.002


def test_the_carriers_are_harmonics_in_their_bands() -> None:
    """Each wave keeps to its multiple of 15 to 80 Hz."""
    waves = decompose(speech_like(seed=5).samples, sample_rate_hz=RATE_HZ)
    for k, wave in enumerate(waves[:3], start=1):
        assert share_outside(as_float(wave), low_hz=15 * k, high_hz=80 * k) <= 0.01


def test_the_carrier_follows_the_melody() -> None:
    """A voice that rises makes the base wave faster, from its slowest to its fastest."""
    hertz = np.linspace(100, 200, 3 * RATE_HZ)
    rising = 0.3 * np.cos(2 * np.pi * np.cumsum(hertz) / RATE_HZ)
    base = as_float(decompose(rising, sample_rate_hz=RATE_HZ).wave1)
    crossings = np.flatnonzero(np.diff(np.signbit(base)))
    first, last = (crossings < RATE_HZ // 2).sum(), (crossings >= 2.5 * RATE_HZ).sum()
    assert first == pytest.approx(2 * 0.5 * 32, abs=6)
    assert last == pytest.approx(2 * 0.5 * 70, abs=6)


def test_silence_stays_silent() -> None:
    """Digital silence in the middle of speech is silence in the mix, save for its edges."""
    speech = speech_like(seed=6, snr_db=60).samples
    speech[8_000:16_000] = 0
    waves = decompose(speech, sample_rate_hz=RATE_HZ)
    assert np.abs(waves.mix[8_600:15_400]).max() <= FULL_SCALE * 1e-3


def tone(frequency_hz: float, level: float) -> Float64:
    """Return a second of a tone."""
    return level * np.sin(2 * np.pi * frequency_hz * np.arange(RATE_HZ) / RATE_HZ)


NOISE = np.random.default_rng(7).standard_normal(RATE_HZ)


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(RATE_HZ),
        np.full(RATE_HZ, 0.5),
        tone(150, 1.0),
        tone(3_000, 1.0),
        tone(150, 1e-4),
        tone(20, 1.0),
        np.clip(NOISE, -1, 1),
        np.sign(NOISE),
        np.clip(10 * tone(120, 1.0), -1, 1),
        10 * NOISE,
        np.eye(1, RATE_HZ, 4_000).ravel(),
        np.zeros(1),
        np.ones(1),
        np.ones(2),
        np.array([1.0, -1.0]),
        tone(150, 0.5)[:81],
    ],
    ids=[
        "silence",
        "DC",
        "tone",
        "hiss-tone",
        "faint-tone",
        "rumble",
        "noise",
        "square-noise",
        "square",
        "too-loud",
        "click",
        "zero",
        "one",
        "ones",
        "two",
        "short",
    ],
)
def test_odd_sounds_make_sound_waves(sound: Float64) -> None:
    """Nothing that can come in makes a wave that is clipped, clicks or is not the sum."""
    assert_sound(decompose(sound, sample_rate_hz=RATE_HZ), len(sound))


@settings(max_examples=40)
@given(
    count=st.integers(1, 6_000),
    rate_hz=st.sampled_from([8_000, 11_025, 24_000, 44_100]),
    level=st.floats(0, 2),
    seed=st.integers(0, 2**32 - 1),
    burst=st.integers(1, 2_000),
)
def test_any_sound_makes_sound_waves(
    count: int, rate_hz: int, level: float, seed: int, burst: int
) -> None:
    """Bursts of noise of any length, rate and level, too."""
    random = np.random.default_rng(seed)
    loudness = random.uniform(0, 1, count // burst + 1).repeat(burst)[:count]
    sound = level * loudness * random.standard_normal(count)
    expected = max(1, round(count * RATE_HZ / rate_hz + 1e-9))
    waves = decompose(sound, sample_rate_hz=rate_hz)
    assert abs(len(waves.mix) - expected) <= 1
    assert_sound(waves, len(waves.mix))


def test_a_loud_sound_is_limited_not_clipped() -> None:
    """A full-scale tone comes close to the ceiling and stays at it, its shape unharmed."""
    waves = decompose(tone(150, 1.0), sample_rate_hz=RATE_HZ)
    assert 0.85 <= np.abs(waves.mix).max() / FULL_SCALE <= 0.981
    assert share_outside(as_float(waves.mix), low_hz=15, high_hz=240) <= 0.002


def test_the_outcome_depends_on_nothing_else() -> None:
    """The same sound gives the same waves, and is itself not changed."""
    speech = speech_like(seed=8, duration_s=1.0).samples
    before = speech.copy()
    first, second = (decompose(speech, sample_rate_hz=RATE_HZ) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert np.array_equal(speech, before)


def test_blocks_leave_no_seam() -> None:
    """Where one block of the synthesis ends and the next begins, the wave runs on."""
    mix = as_float(decompose(tone(150, 0.5).repeat(1), sample_rate_hz=RATE_HZ).mix)
    long = as_float(decompose(np.tile(tone(150, 0.5), 5), sample_rate_hz=RATE_HZ).mix)
    steps = np.abs(np.diff(long[1_000:-1_000]))
    assert steps.max() <= 1.2 * np.abs(np.diff(mix[1_000:-1_000])).max()

"""The pitch tracker against sounds whose pitch is known."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.speechlike import speech_like
from waves.dsp.grid import SAMPLE_RATE_HZ, Bool, Float32, Float64, cell_count
from waves.dsp.pitch import PitchTrack, best_path, track_pitch


def cents(track: PitchTrack, truth_hz: float) -> Float64:
    """Return the distance of each voiced node's pitch from the truth, in cents."""
    octaves = np.log2(track.f0_hz[track.voiced].astype(np.float64) / truth_hz)
    distance: Float64 = np.abs(1200 * octaves)
    return distance


def tone(frequency_hz: float, *, harmonics: int = 1, duration_s: float = 0.5) -> Float32:
    """Return a sum of equal harmonics, no sample beyond full scale."""
    t = np.arange(int(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    parts = [np.cos(2 * np.pi * k * frequency_hz * t) for k in range(1, harmonics + 1)]
    sound: Float32 = (np.sum(parts, axis=0) / harmonics).astype(np.float32)
    return sound


@pytest.mark.parametrize("snr_db", [40, 20, 10, 5])
def test_finds_the_pitch_of_speech_in_noise(snr_db: float) -> None:
    """Of the voiced nodes 99 % are within 50 cents; 97 % of all have the right voicing."""
    right = voiced = wrong_voicing = nodes = 0
    for seed, median_hz in enumerate((95.0, 130.0, 200.0, 290.0)):
        truth = speech_like(seed=40 + seed, median_hz=median_hz, snr_db=snr_db)
        track = track_pitch(truth.samples)
        both = track.voiced & truth.voiced
        right += int((np.abs(1200 * np.log2(track.f0_hz[both] / truth.f0_hz[both])) < 50).sum())
        voiced += int(both.sum())
        wrong_voicing += int((track.voiced != truth.voiced).sum())
        nodes += len(track.voiced)
    assert right / voiced >= 0.99
    assert wrong_voicing / nodes <= 0.03


@pytest.mark.parametrize("frequency_hz", [65.0, 100.0, 233.3, 410.0, 490.0])
@pytest.mark.parametrize("harmonics", [1, 5])
def test_finds_a_steady_pitch_within_ten_cents(frequency_hz: float, harmonics: int) -> None:
    """A steady tone, pure or rich, is voiced throughout and its pitch is right."""
    track = track_pitch(tone(frequency_hz, harmonics=harmonics))
    inner = slice(3, -3)  # frames at the ends see silence
    assert track.voiced[inner].all()
    assert np.median(cents(track, frequency_hz)) < 10


def test_measures_the_harmonics() -> None:
    """The three harmonics' amplitudes keep their proportions, two to one to a half."""
    t = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    sound = sum(a * np.cos(2 * np.pi * 150 * k * t + k) for k, a in ((1, 0.4), (2, 0.2), (3, 0.1)))
    track = track_pitch(np.asarray(sound, dtype=np.float32))
    middle = track.harmonics[len(track.harmonics) // 2]
    np.testing.assert_allclose(middle / middle[0], [1, 0.5, 0.25], rtol=0.1)


@pytest.mark.parametrize("sound", ["silence", "noise"])
def test_hears_no_voice_where_there_is_none(sound: str) -> None:
    """Silence is unvoiced, and so is nearly all of white noise."""
    count = 2 * SAMPLE_RATE_HZ
    noise = np.random.default_rng(1).standard_normal(count).astype(np.float32) * 0.1
    voiced: Bool = track_pitch(noise if sound == "noise" else noise * 0).voiced
    assert voiced.mean() <= (0.1 if sound == "noise" else 0.0)


@pytest.mark.parametrize("count", [1, 79, 80, 81, 400, 96 * 80, 96 * 80 + 1])
def test_has_a_node_at_each_cell_border(count: int) -> None:
    """There is one node more than cells, whatever the length and its place among the chunks."""
    track = track_pitch(np.full(count, 0.1, dtype=np.float32))
    assert len(track.f0_hz) == len(track.voiced) == len(track.harmonics) == cell_count(count) + 1


def test_does_not_depend_on_loudness() -> None:
    """The same sound 60 dB softer has the same track."""
    truth = speech_like(seed=3, duration_s=1.5)
    loud, soft = track_pitch(truth.samples), track_pitch(truth.samples * np.float32(1e-3))
    assert np.array_equal(loud.voiced, soft.voiced)
    np.testing.assert_allclose(loud.f0_hz, soft.f0_hz, rtol=1e-3)


@given(frames=st.integers(1, 6), seed=st.integers(0, 2**32 - 1), rough=st.floats(0, 10))
def test_the_best_path_is_worth_most(frames: int, seed: int, rough: float) -> None:
    """No other path has a larger sum of scores and passages; all of them are tried."""
    random = np.random.default_rng(seed)
    score = random.standard_normal((frames, 3))
    passage = rough * random.standard_normal((frames - 1, 3, 3))

    def worth(path: tuple[int, ...]) -> float:
        own = sum(score[frame, state] for frame, state in enumerate(path))
        pairs = enumerate(itertools.pairwise(path))
        return float(own + sum(passage[frame, one, other] for frame, (one, other) in pairs))

    found = tuple(best_path(score, passage).tolist())
    assert worth(found) == max(map(worth, itertools.product(range(3), repeat=frames)))


def test_the_best_path_avoids_what_is_impossible() -> None:
    """A state of score minus infinity is never chosen where another one exists."""
    score = np.zeros((200, 4))
    score[::2, :3] = -np.inf
    assert (best_path(score, np.zeros((199, 4, 4)))[::2] == 3).all()

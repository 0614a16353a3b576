"""The steps of the synthesis, one by one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from waves.dsp import carriers, envelope, limiter
from waves.dsp.grid import CELL, SAMPLE_RATE_HZ, Float32, Float64, between_nodes, node_rms
from waves.dsp.pitch import PitchTrack

CEILING = 0.98


def track(f0_hz: list[float]) -> PitchTrack:
    """Return a pitch track with equal harmonics; zero is unvoiced."""
    values = np.array(f0_hz, dtype=np.float32)
    voiced = values > 0
    return PitchTrack(values, voiced, np.ones((len(values), 3), dtype=np.float32) * voiced[:, None])


def limited(amplitude: Float64, peak: Float32) -> Float64:
    """Return an amplitude after the limiter, used as the waves use it."""
    level = amplitude * limiter.around_nodes(peak)
    return amplitude * limiter.gain(level, ceiling=CEILING, look_ahead=6)


def test_the_voice_range_becomes_the_carrier_range() -> None:
    """The lowest pitch gives the slowest carrier, the highest the fastest."""
    frequency = carriers.carrier_frequency(track([100.0] * 50 + [200.0] * 50))
    np.testing.assert_allclose(
        frequency[[0, -1]], [carriers.LOWEST_HZ, carriers.HIGHEST_HZ], rtol=1e-6
    )
    assert (np.diff(frequency) >= 0).all()


def test_a_monotone_voice_stays_in_the_middle() -> None:
    """A trembling of one percent does not swing the carrier through its range."""
    frequency = carriers.carrier_frequency(track([120.0, 121.2] * 50))
    middle = (carriers.LOWEST_HZ + carriers.HIGHEST_HZ) / 2
    assert np.abs(frequency - middle).max() <= 0.15 * middle


def test_unvoiced_speech_is_bridged() -> None:
    """Between two voices the carrier glides from one to the other and never stops."""
    frequency = carriers.carrier_frequency(
        track([0.0] * 10 + [100.0] * 50 + [0.0] * 30 + [200.0] * 50)
    )
    bridge = frequency[63:87]
    assert (np.diff(bridge) > 0).all()
    assert (frequency >= carriers.LOWEST_HZ).all()


def test_without_a_voice_there_is_still_a_carrier() -> None:
    """Whispered speech gets the middle of the range and the balance of a relaxed voice."""
    silent = track([0.0] * 20)
    assert np.ptp(carriers.carrier_frequency(silent)) == 0
    np.testing.assert_allclose(
        carriers.harmonic_weights(silent)[:, 0] ** 2 @ np.ones(3) / 2, 1, rtol=1e-5
    )


@given(
    nodes=hnp.arrays(np.float64, st.integers(2, 40), elements=st.floats(15, 80)),
)
def test_the_phase_never_jumps(nodes: Float64) -> None:
    """From sample to sample the base carrier turns by its frequency, also from cell to cell."""
    base, second, third = carriers.carriers(nodes, carriers.node_phase(nodes))
    line = base.reshape(-1)
    most = 2 * np.pi * 80 / SAMPLE_RATE_HZ
    assert np.abs(np.diff(line)).max() <= most * 1.01
    angle = np.arccos(np.clip(line.astype(np.float64), -1, 1))
    np.testing.assert_allclose(second.reshape(-1), np.cos(2 * angle), atol=1e-5)
    np.testing.assert_allclose(third.reshape(-1), -np.cos(3 * angle), atol=1e-5)


def test_weighted_carriers_have_a_level_of_one() -> None:
    """However the harmonics are balanced, the sum of the carriers is equally loud."""
    for balance in ([1, 1, 1], [1, 0, 0], [0.2, 1, 0.1]):
        steady = PitchTrack(
            np.full(401, 120, dtype=np.float32),
            np.ones(401, dtype=np.bool_),
            np.tile(np.array(balance, dtype=np.float32), (401, 1)),
        )
        weights = carriers.harmonic_weights(steady)
        frequency = carriers.carrier_frequency(steady)
        waves = carriers.carriers(frequency, carriers.node_phase(frequency))
        total = sum(w * between_nodes(row) for w, row in zip(waves, weights, strict=True))
        assert abs(np.sqrt(np.mean(np.square(total))) - 1) < 0.02


@given(
    amplitude=hnp.arrays(np.float64, 21, elements=st.floats(0, 3)),
    peak=hnp.arrays(np.float32, 20, elements=st.floats(0, 2.5, width=32)),
)
def test_the_limiter_keeps_the_ceiling(amplitude: Float64, peak: Float32) -> None:
    """Whatever comes in, no cell can pass the ceiling, and nothing is turned up."""
    gained = limited(amplitude, peak)
    assert (gained <= amplitude * (1 + 1e-9)).all()
    assert (np.maximum(gained[:-1], gained[1:]) * peak <= CEILING * (1 + 1e-6)).all()


def test_the_limiter_leaves_soft_sounds_alone() -> None:
    """What stays below the ceiling by itself is not changed at all."""
    amplitude = np.full(21, 0.3)
    assert np.array_equal(limited(amplitude, np.ones(20, dtype=np.float32)), amplitude)


def test_the_limiter_moves_slowly() -> None:
    """One loud cell lowers the gain over the nodes around it, step by step."""
    peak = np.ones(60, dtype=np.float32)
    peak[30] = 2
    gain = limited(np.full(61, 0.9), peak) / 0.9
    assert gain.min() < 0.55
    assert np.abs(np.diff(gain)).max() < 0.1


@given(hnp.arrays(np.float64, st.integers(1, 50), elements=st.floats(0, 1e3)))
def test_node_rms_is_the_level_around_each_node(energy: Float64) -> None:
    """It agrees with the sum over the cells on both sides, silence beyond the ends."""
    padded = np.concatenate(([0, 0], energy, [0, 0]))
    expected = [np.sqrt(padded[i : i + 4].sum() / (4 * CELL)) for i in range(len(energy) + 1)]
    np.testing.assert_allclose(node_rms(energy, half_width=2), expected, atol=1e-5)


def test_the_amplitude_restores_the_envelope() -> None:
    """After the correction the mix is as loud as the target, within 5 percent in the middle."""
    nodes = 201
    frequency = np.full(nodes, 25.0)
    shape = envelope.carrier_shape(carriers.carriers(frequency, carriers.node_phase(frequency)))
    target = 0.2 + 0.1 * np.sin(np.arange(nodes) / 8)
    amplitude = envelope.matched_amplitude(target, shape.moments)
    a, b = amplitude[:-1], amplitude[1:]
    energy = (np.stack([a * a, a * b, b * b], axis=1) * shape.moments).sum(axis=1)
    error = node_rms(energy, half_width=2)[5:-5] / target[5:-5]
    assert np.abs(error - 1).mean() < 0.05

"""The changes to the spectra, on spectra whose result is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from numpy.typing import NDArray

from chat_backend.speech.audio import joined, trimmed, with_margins
from chat_backend.speech.shaping import (
    SPEAKER_PITCH_HZ,
    VOICES,
    Frames,
    minimum_phase,
    reshape,
    shift_pitch,
    warp,
    warped_positions,
)

BINS = 601
RATE = 24_000
PLAIN = replace(
    VOICES["friendly_casual"],
    pitch_hz=SPEAKER_PITCH_HZ,
    pitch_range=1.0,
    formants=1.0,
    breath_db=-math.inf,
    tilt_db_per_octave=0.0,
)


def bump(bin_index: int) -> NDArray[np.float32]:
    """A spectrum with one resonance."""
    axis = np.arange(BINS)
    shape = np.exp(-((axis - bin_index) ** 2) / 200.0)
    return np.repeat(shape[:, None], 3, axis=1).astype(np.float32)


def frames(harmonic: NDArray[np.float32]) -> Frames:
    """Frames that are silent but for the voice."""
    quiet = np.full_like(harmonic, -20.0)
    pitch = np.array([0.2, 180.0, 220.0], np.float32)
    return Frames(harmonic, quiet * 0, quiet, quiet, quiet * 0, pitch)


@given(factor=st.floats(0.7, 1.4))
def test_a_warp_keeps_the_ends_and_never_folds(factor: float) -> None:
    """0 Hz and the highest bin stay, and the order of the bins as well."""
    position = warped_positions(BINS, factor)
    assert position[0] == 0.0
    assert position[-1] == pytest.approx(BINS - 1)
    assert (np.diff(position) > 0).all()


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.2])
def test_a_resonance_moves_by_the_factor(factor: float) -> None:
    """A formant at 2 kHz lies at 2 kHz times the factor."""
    moved = warp(bump(100), warped_positions(BINS, factor))
    assert abs(int(moved[:, 0].argmax()) - round(100 * factor)) <= 1


def test_the_plain_shape_changes_no_spectrum() -> None:
    """Only the phase is made anew."""
    before = frames(bump(100))
    after = reshape(before, PLAIN, sample_rate=RATE)
    assert np.allclose(after.harmonic, before.harmonic, atol=1e-5)
    assert np.allclose(after.noise, before.noise, atol=1e-5)
    assert np.allclose(after.pitch, before.pitch, atol=1e-3)


def test_a_tilt_is_so_many_decibels_an_octave() -> None:
    """From 1 to 4 kHz are two octaves; below 500 Hz nothing changes."""
    before = frames(bump(100))
    after = reshape(before, replace(PLAIN, tilt_db_per_octave=-3.0), sample_rate=RATE)
    change_db = (after.free - before.free)[:, 0] * 20 / math.log(10)
    assert change_db[200] - change_db[50] == pytest.approx(-6.0, abs=0.01)
    assert change_db[:25] == pytest.approx(0.0, abs=0.01)


def test_breath_lies_so_far_below_the_voice_and_only_in_voiced_frames() -> None:
    """At 4 kHz by the table's figure; an unvoiced frame has no voice to breathe through."""
    before = frames(bump(200) * 3)
    after = reshape(before, replace(PLAIN, breath_db=-20.0), sample_rate=RATE)
    below_db = (after.noise - after.harmonic)[200] * 20 / math.log(10)
    assert below_db[1:] == pytest.approx(-20.0, abs=0.1)
    assert after.noise[200, 0] == before.noise[200, 0]


def test_pitch_moves_to_the_median_and_the_range() -> None:
    """An octave above the speaker's median becomes half an octave above the voice's."""
    track = np.array([0.1, SPEAKER_PITCH_HZ, 2 * SPEAKER_PITCH_HZ], np.float32)
    moved = shift_pitch(track, replace(PLAIN, pitch_hz=100.0, pitch_range=0.5))
    assert moved.tolist() == pytest.approx([0.1, 100.0, 100.0 * 2**0.5])


def test_pitch_stays_within_a_human_voice() -> None:
    """Also where the model erred by octaves."""
    track = np.array([41.0, 3000.0], np.float32)
    moved = shift_pitch(track, VOICES["playful_expressive"])
    assert moved.min() >= 60.0
    assert moved.max() <= 520.0


def test_the_phase_is_the_one_of_a_known_minimum_phase_filter() -> None:
    """A one-pole filter has its phase in closed form."""
    turn = np.exp(-1j * np.linspace(0.0, np.pi, BINS))
    response = 1.0 / (1.0 - 0.9 * turn)
    spectrum = np.log(np.abs(response)).astype(np.float32)[:, None]
    angle = np.pi * np.tanh(minimum_phase(spectrum)[:, 0])
    assert angle == pytest.approx(np.angle(response), abs=0.01)


def test_silence_at_the_ends_goes_and_inside_stays() -> None:
    """Only the margins are cut."""
    rng = np.random.default_rng(0)
    burst = rng.uniform(-0.5, 0.5, 2400).astype(np.float32)
    gap = np.zeros(4800, np.float32)
    cut = trimmed(np.concatenate([gap, burst, gap, burst, gap]), sample_rate=RATE)
    assert cut.size == 2 * 2400 + 4800


@pytest.mark.parametrize("length", [0, 1, 500])
def test_pure_silence_is_cut_to_nothing(length: int) -> None:
    """There is nothing in it to keep."""
    assert trimmed(np.zeros(length, np.float32), sample_rate=RATE).size == 0


@pytest.mark.parametrize("length", [0, 1, 2, 5000])
def test_margins_are_added_and_the_ends_faded(length: int) -> None:
    """50 ms on both sides, whatever the length, and the input is left alone."""
    signal = np.ones(length, np.float32)
    out = with_margins(signal, sample_rate=RATE)
    assert out.size == length + 2 * 1200
    assert not out[:1200].any()
    assert (signal == 1.0).all()
    if length == 5000:
        assert out[1200] < 0.01
        assert out[1200 + 2500] == 1.0


def test_sentences_are_joined_with_a_pause_between_them() -> None:
    """Between, not around."""
    one = np.ones(10, np.float32)
    assert (
        joined([one, one], pause_s=0.001, sample_rate=RATE).tolist()
        == [1] * 10 + [0] * 24 + [1] * 10
    )
    assert joined([], pause_s=0.1, sample_rate=RATE).size == 0

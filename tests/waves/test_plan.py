"""Waves in ranges: for the places of a dome, and for a summary."""

import itertools

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_schema.water import Range
from tests.support.speechlike import speech_like
from waves import WavePlan, decompose, decompose_summary
from waves.dsp.grid import Float32, Int16
from waves.dsp.metrics import active_frames, measure, rms_envelope

RATE_HZ = 8_000
DOME: tuple[Range, ...] = ((80, 100), (50, 70), (20, 40), (20, 40), (50, 70), (80, 100))
UTTERANCES = {
    "own, next, own": WavePlan((DOME[0], DOME[1], DOME[0])),
    "three places": WavePlan(DOME[:3]),
    "one range": WavePlan((DOME[1],) * 3),
    "narrow": WavePlan(((15, 25), (100, 110), (190, 200))),
}


def as_float(wave: Int16) -> Float32:
    """Return 16-bit samples on the scale of speech."""
    return (wave / 32767).astype(np.float32)


def inside(wave: Int16, range_hz: Range) -> float:
    """Return the share of a wave's energy in a range widened by 12 Hz."""
    power = np.abs(np.fft.rfft(wave.astype(np.float64))) ** 2
    hertz = np.fft.rfftfreq(len(wave), 1 / RATE_HZ)
    low_hz, high_hz = range_hz
    return float(power[(hertz >= low_hz - 12) & (hertz <= high_hz + 12)].sum() / power.sum())


@pytest.fixture(scope="module", params=[(0, 95.0), (1, 130.0), (2, 200.0), (3, 290.0)])
def speech(request: pytest.FixtureRequest) -> Float32:
    """Speech of four voices."""
    seed, median_hz = request.param
    return speech_like(seed=seed, median_hz=median_hz).samples


def assert_whole(speech: Float32, wave: Int16, range_hz: Range) -> None:
    """Assert that a wave keeps to its range and follows the speech."""
    assert inside(wave, range_hz) >= 0.99
    correlation = measure(speech, as_float(wave)).envelope_correlation
    assert correlation is not None
    assert correlation >= 0.98
    active = active_frames(rms_envelope(speech))
    assert (rms_envelope(as_float(wave))[active] > 0.01 * rms_envelope(speech)[active]).all()


@pytest.mark.parametrize("name", UTTERANCES)
def test_each_wave_keeps_to_its_range_and_carries_the_whole_envelope(
    speech: Float32, name: str
) -> None:
    """So does the mix, which is their sum sample by sample."""
    plan = UTTERANCES[name]
    waves = decompose(speech, sample_rate_hz=RATE_HZ, plan=plan)
    for wave, range_hz in zip(waves[:3], plan.ranges_hz, strict=True):
        assert range_hz is not None
        assert_whole(speech, wave, range_hz)
    assert np.array_equal(waves.mix, sum(wave.astype(np.int32) for wave in waves[:3]))
    correlation = measure(speech, as_float(waves.mix)).envelope_correlation
    assert correlation is not None
    assert correlation >= 0.985


def test_a_higher_voice_is_higher_in_the_range() -> None:
    """A voice that rises makes the wave faster, from one end of the range to the other."""
    hertz = np.linspace(100, 200, 3 * RATE_HZ)
    rising = 0.3 * np.cos(2 * np.pi * np.cumsum(hertz) / RATE_HZ)
    wave = decompose(rising, sample_rate_hz=RATE_HZ, plan=WavePlan(DOME[:3])).wave1
    crossings = np.flatnonzero(np.diff(np.signbit(wave)))
    first, last = (crossings < RATE_HZ // 2).sum(), (crossings >= 2.5 * RATE_HZ).sum()
    assert first == pytest.approx(2 * 0.5 * 84, abs=4)
    assert last == pytest.approx(2 * 0.5 * 97, abs=4)


def test_waves_of_one_range_differ_by_sixty_degrees(speech: Float32) -> None:
    """So the first and the third add up to the second: cos(a - 60) + cos(a + 60) = cos(a)."""
    one, two, three, _ = decompose(speech, sample_rate_hz=RATE_HZ, plan=UTTERANCES["one range"])
    assert np.abs(one.astype(np.int32) + three - two).max() <= 2


def test_a_wave_without_a_range_is_as_ever(speech: Float32) -> None:
    """Its carrier, its weight and its share of the envelope, beside a wave that has a range."""
    ever = decompose(speech, sample_rate_hz=RATE_HZ)
    mixed = decompose(speech, sample_rate_hz=RATE_HZ, plan=WavePlan((None, DOME[2], None)))
    for number in (0, 2):
        assert np.abs(mixed[number].astype(np.int32) - ever[number]).max() <= 1
    assert_whole(speech, mixed.wave2, DOME[2])


def test_a_summary_has_a_wave_for_each_place(speech: Float32) -> None:
    """Each in the range of its place; those of one range are some sixths of a turn apart."""
    waves = decompose_summary(speech, sample_rate_hz=RATE_HZ, plan=WavePlan(DOME))
    assert waves.shape == (6, len(speech))
    for wave, range_hz in zip(waves, DOME, strict=True):
        assert_whole(speech, wave, range_hz)
    for one, other in itertools.combinations(range(6), 2):
        sixths = other - one
        expected = np.cos(np.pi / 3 * sixths) if DOME[one] == DOME[other] else 0.0
        assert np.corrcoef(waves[one], waves[other])[0, 1] == pytest.approx(expected, abs=0.1)


def test_a_summary_without_ranges_begins_with_the_waves_of_an_utterance(speech: Float32) -> None:
    """The other three have the same carriers, turned by a quarter, so they correlate with none."""
    waves = decompose_summary(speech, sample_rate_hz=RATE_HZ)
    ever = decompose(speech, sample_rate_hz=RATE_HZ)
    assert np.abs(waves[:3].astype(np.int32) - np.stack(ever[:3])).max() <= 1
    for number in range(3):
        assert inside(waves[3 + number], (27 * (number + 1), 76 * (number + 1))) >= 0.99
    for one, other in itertools.combinations(waves, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.1


LOUD = np.sign(np.sin(2 * np.pi * 120 * np.arange(RATE_HZ) / RATE_HZ))


@pytest.mark.parametrize("name", UTTERANCES)
@pytest.mark.parametrize("sound", [LOUD, 10 * LOUD, np.zeros(RATE_HZ), np.ones(1)])
def test_what_sounds_together_keeps_one_ceiling(
    name: str, sound: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> None:
    """However loud the sound is, and however short."""
    waves = decompose(sound, sample_rate_hz=RATE_HZ, plan=UTTERANCES[name])
    for wave in waves:
        assert np.abs(wave.astype(np.int32)).max() <= 0.98 * 32767 + 3
    six = decompose_summary(sound, sample_rate_hz=RATE_HZ, plan=WavePlan(DOME))
    assert np.abs(six.astype(np.int32)).max() <= 0.98 * 32767 + 1


@pytest.mark.parametrize(
    ("ranges_hz", "reason"),
    [
        ((), "0 ranges"),
        (((80, 100),) * 4, "4 ranges"),
        (((14, 40), None, None), "15 to 200 Hz"),
        ((None, (150, 201), None), "15 to 200 Hz"),
        ((None, None, (50, 59)), "narrower than 10 Hz"),
        ((None, None, (70, 50)), "70 to 50 Hz"),
        ((None, None, (float("nan"), 50)), "15 to 200 Hz"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(ranges_hz: tuple[Range | None, ...], reason: str) -> None:
    """The error names the range and the rule."""
    with pytest.raises(ValueError, match=reason):
        WavePlan(ranges_hz)


def test_a_plan_of_three_is_none_of_six() -> None:
    """And the other way round."""
    sound = np.zeros(80)
    with pytest.raises(ValueError, match="a plan of 6 waves instead of 3"):
        decompose(sound, sample_rate_hz=RATE_HZ, plan=WavePlan(DOME))
    with pytest.raises(ValueError, match="a plan of 3 waves instead of 6"):
        decompose_summary(sound, sample_rate_hz=RATE_HZ, plan=WavePlan())


@given(
    ranges_hz=st.lists(
        st.none() | st.tuples(st.integers(15, 100), st.integers(110, 200)), min_size=3, max_size=3
    )
)
def test_a_plan_travels(ranges_hz: list[Range | None]) -> None:
    """It is the same after it was encoded and decoded, and the check is made again."""
    plan = WavePlan(tuple(ranges_hz))
    assert msgspec.json.decode(msgspec.json.encode(plan), type=WavePlan) == plan
    with pytest.raises(msgspec.ValidationError, match="2 ranges"):
        msgspec.json.decode(b'{"ranges_hz":[null,null]}', type=WavePlan)

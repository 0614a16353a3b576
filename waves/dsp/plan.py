"""The plan of an utterance's waves: their number, and the frequency range of each."""

import cmath
import math
from typing import Final

from msgspec import Struct

from shared_schema.water import NARROWEST_HZ, Range, check_range

_MARGIN_HZ: Final = 3.0  # of the narrowest range, on both sides
# Peak over root mean square of the mix of three equal harmonic waves.
HIGHEST_CREST: Final = 1.7
WAVES: Final = 3  # of an utterance
SUMMARY_WAVES: Final = 6


class WavePlan(Struct, frozen=True):
    """The waves of one utterance or summary.

    Attributes
    ----------
    ranges_hz : tuple of (low, high) or None
        For each wave the range of the place where it is played; None for a multiple of the base
        carrier, with a share of the speech's envelope. Three for an utterance, whose waves are
        mixed; six for a summary, whose waves are each played at a place of their own.

    Raises
    ------
    ValueError
        If there are neither three nor six, or a range is not within 15 to 200 Hz or is narrower
        than 10 Hz.
    """

    ranges_hz: tuple[Range | None, ...] = (None,) * WAVES

    def __post_init__(self) -> None:
        """Validate the ranges; msgspec also calls this after decoding."""
        if len(self.ranges_hz) not in (WAVES, SUMMARY_WAVES):
            raise ValueError(f"{len(self.ranges_hz)} ranges; {WAVES} or {SUMMARY_WAVES} are needed")
        for range_hz in self.ranges_hz:
            if range_hz is not None:
                check_range(range_hz)

    def sweep_hz(self, wave: int) -> Range:
        """Return the lowest and the highest frequency of a wave, counted from 0, that has a range.

        They are a little inside the range, more so in a narrow one: the sidebands of a carrier at
        the edge, which every change of amplitude makes, would be outside.
        """
        range_hz = self.ranges_hz[wave]
        if range_hz is None:
            raise ValueError(f"wave {wave + 1} has no range")
        low_hz, high_hz = range_hz
        margin_hz = _MARGIN_HZ * NARROWEST_HZ / (high_hz - low_hz)
        return low_hz + margin_hz, high_hz - margin_hz

    def turn_of(self, wave: int) -> float:
        """Return the phase of a wave, counted from 0, in turns ahead of others in its range."""
        return (wave + 1) / 6

    def share(self) -> float:
        """Return the root mean square of each wave in a range, relative to the speech.

        The mix is then as loud as the speech, or up to 3 dB softer if its peaks would otherwise
        exceed the ceiling. A summary's waves are as loud as three that are mixed.
        """
        if len(self.ranges_hz) > WAVES:
            return 1 / math.sqrt(WAVES)
        # Waves of one range add as phasors, other ranges and harmonic waves in power.
        together = sum(abs(each) ** 2 for each in self._phasors())
        harmonic = self.ranges_hz.count(None) / WAVES
        as_loud = math.sqrt((1 - harmonic) / together)
        return min(as_loud, HIGHEST_CREST / (math.sqrt(2) * self.crest()))

    def crest(self) -> float:
        """Return the largest magnitude at one place, of waves with amplitude 1."""
        return 1.0 if len(self.ranges_hz) > WAVES else max(1.0, sum(map(abs, self._phasors())))

    def _phasors(self) -> list[complex]:
        """Return the sum of the waves of each range, as a phasor."""
        sums: dict[Range, complex] = {}
        for wave, range_hz in enumerate(self.ranges_hz):
            if range_hz is not None:
                phasor = cmath.rect(1.0, 2 * math.pi * self.turn_of(wave))
                sums[range_hz] = sums.get(range_hz, 0) + phasor
        return list(sums.values())


UTTERANCE: Final = WavePlan()
SUMMARY: Final = WavePlan((None,) * SUMMARY_WAVES)

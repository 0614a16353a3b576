"""A show's ``water.toml``: read into the water map, and searched for ranges that beat."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Final

from msgspec import Struct

from chat_backend.toml_file import read_toml
from shared_schema.ids import SLOT_IDS
from shared_schema.water import DEFAULT_WATER, Destination, Range, WaterMap, check_range

OWN: Final = Path(__file__).with_name("defaults") / "water.toml"
# Two waves of one melody, this far apart or more, do not beat visibly in their sum.
BEAT_FREE_HZ: Final = 30.0


class _Slot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    range_hz: Range | None = None


class _WaterFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    wave1: Destination = DEFAULT_WATER.wave1
    wave2: Destination = DEFAULT_WATER.wave2
    wave3: Destination = DEFAULT_WATER.wave3
    slot1: _Slot = _Slot()
    slot2: _Slot = _Slot()
    slot3: _Slot = _Slot()
    slot4: _Slot = _Slot()
    slot5: _Slot = _Slot()
    slot6: _Slot = _Slot()


def load_water(path: Path) -> WaterMap:
    """Return the water map of a file.

    Raises
    ------
    InvalidSetting
        Naming file, line, key and remedy.
    """
    file = read_toml(path)
    content = file.converted(_WaterFile)
    ranges: list[Range | None] = []
    for slot_id in SLOT_IDS:
        name = f"slot{slot_id}"
        ranges.append(getattr(content, name).range_hz)
        try:
            if ranges[-1] is not None:
                check_range(ranges[-1])
        except ValueError as error:
            raise file.refused((name, "range_hz"), f"{error}; choose another") from None
    try:
        return WaterMap(
            ranges_hz=tuple(ranges),
            wave1=content.wave1,
            wave2=content.wave2,
            wave3=content.wave3,
        )
    except ValueError as error:
        # It begins with the wave's name.
        key, _, problem = str(error).partition(" ")
        raise file.refused((key,), f"{problem}; choose one of these") from None


def beats(water: WaterMap) -> Iterator[str]:
    """Yield a line for each two ranges that beat in a mix, with the remedy."""
    found: set[frozenset[Range]] = set()
    for slot_id in SLOT_IDS:
        ranges = {wave.range_hz for wave in water.waves_of(slot_id)} - {None}
        for one, other in combinations(sorted(filter(None, ranges)), 2):
            if _apart_hz(one, other) < BEAT_FREE_HZ and {one, other} not in found:
                found.add(frozenset((one, other)))
                yield (
                    f"{_text(one)} and {_text(other)} beat in the mix of slot {slot_id};"
                    f" make them the same, or {BEAT_FREE_HZ:g} Hz apart, low from low and high"
                    " from high"
                )


def _apart_hz(one: Range, other: Range) -> float:
    """Return how near two waves of one melody come to each other."""
    low, high = one[0] - other[0], one[1] - other[1]
    return 0.0 if low * high <= 0 else min(abs(low), abs(high))


def _text(range_hz: Range) -> str:
    return f"{range_hz[0]:g} to {range_hz[1]:g} Hz"

"""The water map: which wave plays where, and what is refused."""

from typing import Any

import msgspec
import pytest

from shared_schema.ids import SLOT_IDS
from shared_schema.water import DEFAULT_WATER, PlannedWave, WaterMap

DOME = ((80.0, 100.0), (50.0, 70.0), (20.0, 40.0), (20.0, 40.0), (50.0, 70.0), (80.0, 100.0))


def test_by_default_the_second_wave_plays_at_the_next_slot() -> None:
    """Without ranges: the first and the third at the own slot, the second at the next, 6 to 1."""
    assert [DEFAULT_WATER.places_of(slot) for slot in SLOT_IDS] == [
        (1, 2, 1), (2, 3, 2), (3, 4, 3), (4, 5, 4), (5, 6, 5), (6, 1, 6),
    ]  # fmt: skip
    assert {wave.range_hz for slot in SLOT_IDS for wave in DEFAULT_WATER.waves_of(slot)} == {None}


def test_a_wave_has_the_range_of_the_place_where_it_plays() -> None:
    """And one that plays at no place that of its own slot."""
    water = WaterMap(ranges_hz=DOME, wave2=(3, 4, 5, 6, 1, 2), wave3="none")
    assert water.waves_of(2) == (
        PlannedWave(range_hz=(50, 70), place=2),
        PlannedWave(range_hz=(20, 40), place=4),
        PlannedWave(range_hz=(50, 70), place=None),
    )


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"ranges_hz": (None,) * 5}, "5 ranges"),
        ({"ranges_hz": (*(None,) * 4, (50.0, 59.0), None)}, "slot 5: the range 50 to 59 Hz"),
        ({"ranges_hz": ((14.0, 60.0), *(None,) * 5)}, "slot 1: the range 14 to 60 Hz"),
        ({"ranges_hz": ((float("nan"), 60.0), *(None,) * 5)}, "slot 1"),
        ({"wave2": (1, 2, 3, 4, 5, 5)}, "wave2"),
        ({"wave3": (1, 2, 3)}, "wave3"),
        ({"wave1": "before"}, "wave1 is 'before' instead of 'own'"),
    ],
)
def test_a_map_that_cannot_be_is_refused_by_name(fields: dict[str, Any], named: str) -> None:
    """As a value, and as data that is converted."""
    with pytest.raises(ValueError, match=named):
        WaterMap(**fields)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fields, WaterMap)


def test_a_map_is_read_from_plain_data() -> None:
    """As it comes from a file."""
    assert msgspec.convert(
        {"ranges_hz": [[80, 100], *[None] * 5], "wave2": [2, 1, 4, 3, 6, 5]}, WaterMap
    ) == WaterMap(ranges_hz=((80, 100), *(None,) * 5), wave2=(2, 1, 4, 3, 6, 5))

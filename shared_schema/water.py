"""The water map: where each wave of an utterance plays, and in which range of frequencies."""

from typing import Annotated, Final, Literal, get_args

from msgspec import Meta, Struct

from shared_schema.decoding import CamelStruct
from shared_schema.ids import SLOT_IDS, SlotId

LOWEST_HZ: Final = 15.0
HIGHEST_HZ: Final = 200.0
NARROWEST_HZ: Final = 10.0

Range = tuple[float, float]
# One entry a physical slot, in increasing slot id.
BySlot = Annotated[tuple[SlotId, ...], Meta(min_length=len(SLOT_IDS), max_length=len(SLOT_IDS))]
# The slot of the utterance, the one after it (6 to 1), none, or a slot for each slot.
Rule = Literal["own", "next", "none"]
Destination = Rule | BySlot


class PlannedWave(CamelStruct, frozen=True, kw_only=True, omit_defaults=True):
    """How one wave is to be made: the range of its place, and the place if it has one."""

    range_hz: Range | None = None
    place: SlotId | None = None


class WaterMap(Struct, frozen=True, kw_only=True):
    """Where waves play. The defaults: no ranges, the second wave at the next slot.

    Attributes
    ----------
    ranges_hz : tuple of (low, high) or None
        For each physical slot, 1 to 6, the range of its loudspeaker.
    wave1, wave2, wave3 : Destination
        Where a slot's waves play. ``none``: the wave is made for the slot itself and is in the mix,
        but plays at no place of its own.

    Raises
    ------
    ValueError
        Naming the slot or the wave.
    """

    ranges_hz: tuple[Range | None, ...] = (None,) * len(SLOT_IDS)
    wave1: Destination = "own"
    wave2: Destination = "next"
    wave3: Destination = "own"

    def __post_init__(self) -> None:
        """Validate the map; msgspec also calls this after decoding."""
        if len(self.ranges_hz) != len(SLOT_IDS):
            raise ValueError(f"{len(self.ranges_hz)} ranges; one for each of the six slots")
        for slot_id, range_hz in zip(SLOT_IDS, self.ranges_hz, strict=True):
            if range_hz is not None:
                try:
                    check_range(range_hz)
                except ValueError as error:
                    raise ValueError(f"slot {slot_id}: {error}") from None
        for name in ("wave1", "wave2", "wave3"):
            destination = getattr(self, name)
            if destination not in get_args(Rule) and sorted(destination) != list(SLOT_IDS):
                raise ValueError(
                    f"{name} is {destination!r} instead of 'own', 'next', 'none' or each of the"
                    " slots 1 to 6 once"
                )

    def waves_of(self, slot_id: int) -> tuple[PlannedWave, ...]:
        """Return how the three waves of an utterance of this slot are to be made."""
        return tuple(
            PlannedWave(range_hz=self.ranges_hz[(place or slot_id) - 1], place=place)
            for place in self.places_of(slot_id)
        )

    def places_of(self, slot_id: int) -> tuple[int | None, ...]:
        """Return the physical slots where the three waves of an utterance of this slot play."""
        return tuple(_place(slot_id, each) for each in (self.wave1, self.wave2, self.wave3))


def check_range(range_hz: Range) -> None:
    """Raise ValueError for a range that no wave can be made for."""
    low, high = range_hz
    if not (low >= LOWEST_HZ and low + NARROWEST_HZ <= high <= HIGHEST_HZ):
        raise ValueError(
            f"the range {low:g} to {high:g} Hz is not within {LOWEST_HZ:g} to {HIGHEST_HZ:g} Hz,"
            f" or narrower than {NARROWEST_HZ:g} Hz"
        )


def _place(slot_id: int, destination: Destination) -> int | None:
    match destination:
        case "own":
            return slot_id
        case "next":
            return slot_id % len(SLOT_IDS) + 1
        case "none":
            return None
        case by_slot:
            return by_slot[slot_id - 1]


DEFAULT_WATER: Final = WaterMap()

"""What happens in each session of a run; every process makes the same plan from the same seed."""

import random

from msgspec import structs

from tests.support.sessions import Truth, session_id, with_additions

FAILURES = 0.08  # share of wave jobs that fail
ADDITIONS = 0.5  # share of sessions with a sentiment and a summary


def truth_of(seed: int, number: int) -> Truth:
    """Return what really happens in session `number` of the run with this seed."""
    chance = random.Random(f"{seed}/{number}")
    slots = tuple(sorted(chance.sample(range(1, 7), chance.choice((1, 2, 4, 6, 6, 6)))))
    targets: dict[int, int] = {}
    if len(slots) > 1:
        targets = {slot: chance.choice([s for s in slots if s != slot]) for slot in slots}
    bare = Truth(
        session_id=session_id((seed << 24) + number),
        slots=slots,
        targets=targets,
        replied=tuple(sorted(set(targets.values()))),
        ready=frozenset(),
    )
    ready = frozenset(part for part in bare.parts() if chance.random() > FAILURES)
    truth = structs.replace(bare, ready=ready)
    if chance.random() < ADDITIONS:
        truth = with_additions(truth, summary_ready=chance.random() > FAILURES)
    return truth

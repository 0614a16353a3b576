"""Decides who comments, who replies, and which dialogues exist (pure functions)."""

from collections.abc import Collection, Mapping

from shared_schema.facts import Dialogue


def commenters(answered: Collection[int]) -> tuple[int, ...]:
    """Return who comments in Turn 2: all that answered, if there is another to comment on."""
    return tuple(sorted(answered)) if len(answered) > 1 else ()


def repliers(targets: Mapping[int, int]) -> tuple[int, ...]:
    """Return who replies in Turn 3, given the target of each comment: all that received one."""
    return tuple(sorted(set(targets.values())))


def comments_on(slot_id: int, targets: Mapping[int, int]) -> tuple[int, ...]:
    """Return the slots whose comment was on this one, in increasing slot id."""
    return tuple(sorted(slot for slot, target in targets.items() if target == slot_id))


def dialogues(targets: Mapping[int, int], replied: Collection[int]) -> tuple[Dialogue, ...]:
    """Return the session's dialogues in the order of their events.

    There is one for each slot whose reply succeeded; its commenters are all whose comment on it
    succeeded.
    """
    return tuple(
        Dialogue(target_slot_id=slot, commenter_slot_ids=comments_on(slot, targets))
        for slot in sorted(replied)
    )

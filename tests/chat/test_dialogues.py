"""Who takes part, and which dialogues exist."""

import hypothesis.strategies as st
from hypothesis import given

from chat_backend.session.dialogues import commenters, comments_on, dialogues, repliers

targets = st.dictionaries(st.integers(1, 6), st.integers(1, 6)).map(
    lambda each: {slot: target for slot, target in each.items() if slot != target}
)


def test_all_that_answered_comment_unless_alone() -> None:
    """With a single answering slot there is no Turn 2."""
    assert commenters({4, 1, 3}) == (1, 3, 4)
    assert commenters({5, 2}) == (2, 5)
    assert commenters({4}) == ()
    assert commenters(set()) == ()


def test_who_received_a_comment_replies() -> None:
    """Once, however many comments there are."""
    assert repliers({1: 2, 3: 2, 2: 5}) == (2, 5)
    assert repliers({}) == ()


def test_a_dialogue_has_all_its_commenters_in_order() -> None:
    """One for each slot that replied, in increasing slot id."""
    first, second = dialogues({6: 2, 1: 2, 2: 5}, {5, 2})
    assert (first.target_slot_id, first.commenter_slot_ids) == (2, (1, 6))
    assert (second.target_slot_id, second.commenter_slot_ids) == (5, (2,))
    assert first.dialogue_id == "turn23-slot2"


@given(targets)
def test_every_comment_is_in_exactly_one_dialogue_if_all_reply(chosen: dict[int, int]) -> None:
    """No comment is lost or told twice."""
    existing = dialogues(chosen, repliers(chosen))
    told = [slot for dialogue in existing for slot in dialogue.commenter_slot_ids]
    assert sorted(told) == sorted(chosen)
    assert all(comments_on(d.target_slot_id, chosen) == d.commenter_slot_ids for d in existing)
    ids = [dialogue.target_slot_id for dialogue in existing]
    assert ids == sorted(set(ids))

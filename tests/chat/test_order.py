"""The order in which events are told, whatever the order in which they come."""

from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
from hypothesis import given
from msgspec import Struct

from chat_backend.session.order import TurnOrder
from shared_schema.chat import (
    ChatEvent,
    SlotAudio,
    SlotDone,
    SlotError,
    SlotProblem,
    SlotStart,
    TurnDone,
    TurnStart,
)
from shared_schema.ids import AGENT_IDS, KIND_OF_TURN, SLOT_IDS, TURNS, TurnIndex
from tests.support.sessions import session_id

SESSION = session_id()


class Begin(Struct, frozen=True):
    """A turn's questions are asked."""

    turn: TurnIndex
    slots: tuple[int, ...]


Step = Begin | SlotStart


def of_slot(turn: TurnIndex, slot: int, *, text: bool, speech: bool) -> Iterator[SlotStart]:
    """What a slot has to tell: its start, perhaps its text, and its speech or an error."""
    common: dict[str, Any] = {
        "session_id": SESSION,
        "turn_index": turn,
        "kind": KIND_OF_TURN[turn],
        "slot_id": slot,
        "agent_id": AGENT_IDS[slot - 1],
    }
    yield SlotStart(**common)
    if text:
        yield SlotDone(**common, text="so", voice_profile="friendly_casual")
    if text and speech:
        yield SlotAudio(
            **common, voice_profile="friendly_casual", audio_path="x.wav", audio_format="wav"
        )
    else:
        yield SlotError(**common, error=SlotProblem(type="timeout", message="late"))


@st.composite
def stories(draw: st.DrawFn) -> list[Step]:
    """What happens in a session, as it comes: each turn begins when it will, after the others."""
    steps: list[Step] = []
    threads: list[list[SlotStart]] = []
    waiting = list(TURNS[: draw(st.integers(1, 3))])
    while waiting or threads:
        if waiting and (not threads or draw(st.booleans())):
            turn = waiting.pop(0)
            slots = draw(st.sets(st.sampled_from(SLOT_IDS), min_size=1))
            steps.append(Begin(turn, tuple(sorted(slots))))
            for slot in sorted(slots):
                ends = {"text": draw(st.booleans()), "speech": draw(st.booleans())}
                threads.append(list(of_slot(turn, slot, **ends)))
        else:
            thread = draw(st.sampled_from(threads))
            steps.append(thread.pop(0))
            threads = [each for each in threads if each]
    return steps


def in_order(steps: list[Step]) -> list[ChatEvent]:
    """What must have been told after these steps: turn by turn, as far as they are over."""
    told: list[ChatEvent] = []
    for begin in (step for step in steps if isinstance(step, Begin)):
        events = [e for e in steps if isinstance(e, SlotStart) and e.turn_index == begin.turn]
        told += [TurnStart(session_id=SESSION, turn_index=begin.turn), *events]
        if sum(isinstance(each, SlotAudio | SlotError) for each in events) < len(begin.slots):
            break
        answered = sum(isinstance(each, SlotDone) for each in events)
        told.append(TurnDone(session_id=SESSION, turn_index=begin.turn, slot_count=answered))
    return told


def take(order: TurnOrder, step: Step) -> list[ChatEvent]:
    return order.begin(step.turn, step.slots) if isinstance(step, Begin) else order.add(step)


@given(stories())
def test_all_is_told_turn_by_turn_and_as_early_as_that_allows(steps: list[Step]) -> None:
    """At each point of any interleaving; in the end nothing is missing."""
    order = TurnOrder(SESSION)
    told: list[ChatEvent] = []
    for count, step in enumerate(steps, start=1):
        told += take(order, step)
        assert told == in_order(steps[:count])
    turns = sum(isinstance(step, Begin) for step in steps)
    assert len(told) == len(steps) + turns  # a start for each beginning, and a TurnDone more


@given(stories(), st.data())
def test_a_stop_ends_no_turn_and_begins_none(steps: list[Step], data: st.DataObject) -> None:
    """What comes after it of the turn that was told is told; nothing of the others is."""
    order = TurnOrder(SESSION)
    at = data.draw(st.integers(0, len(steps)))
    told = [event for step in steps[:at] for event in take(order, step)]
    running = [e.turn_index for e in told if isinstance(e, TurnStart)][-1:]
    if any(isinstance(each, TurnDone) and each.turn_index in running for each in told):
        running = []
    order.stop()
    rest = [step for step in steps[at:] if not isinstance(step, Begin)]
    after = [event for step in rest for event in take(order, step)]
    assert after == [step for step in rest if step.turn_index in running]

"""Whole sessions whose turns overlap, in virtual time: what is told, when, and of whom."""

from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from shared_schema.chat import (
    ChatEvent,
    Done,
    SlotAudio,
    SlotDone,
    SlotError,
    SlotStart,
    TurnDone,
    TurnStart,
    UserSentiment,
)
from shared_schema.facts import (
    SentimentReported,
    SessionComplete,
    SummaryReported,
    Turn1Complete,
    Turn3Complete,
    UtteranceReported,
)
from shared_schema.ids import SLOT_IDS, TURNS
from tests.support.planned_session import SESSION, SUMMARY, TURN_TIMEOUT_S, Key, Plan, Work, play
from tests.support.visitor import Stream

SAID = (UtteranceReported, SummaryReported, SentimentReported)

works = st.builds(
    Work,
    takes_s=st.integers(0, 12).map(float),
    end=st.sampled_from(["well", "well", "well", "fails", "hangs"]),
)
keys = st.tuples(st.sampled_from(TURNS), st.sampled_from(SLOT_IDS))
plans = st.builds(
    Plan,
    slots=st.sets(st.sampled_from(SLOT_IDS), min_size=1).map(lambda slots: tuple(sorted(slots))),
    texts=st.dictionaries(keys, works),
    speech=st.dictionaries(keys, works),
    lanes=st.integers(1, 6),
)
more = st.builds(
    Plan,
    slots=st.sets(st.sampled_from(SLOT_IDS), min_size=1).map(lambda slots: tuple(sorted(slots))),
    texts=st.dictionaries(keys | st.just(SUMMARY), works),
    speech=st.dictionaries(keys | st.just(SUMMARY), works),
    lanes=st.integers(1, 6),
    summary=st.booleans(),
    sentiment=st.none() | works,
)


@given(more)
def test_a_session_is_told_in_the_order_of_its_turns(plan: Plan) -> None:
    """Whatever takes how long, fails or hangs: on the stream, and as facts."""
    played = play(plan)
    Stream(events=played.events).assert_in_order()
    told = [event for _, event in played.events]
    for turn in (event.turn_index for event in told if isinstance(event, TurnStart)):
        count = sum(isinstance(e, SlotDone) and e.turn_index == turn for e in told)
        assert TurnDone(session_id=SESSION, turn_index=turn, slot_count=count) in told
    closing = [fact for _, fact in played.facts if not isinstance(fact, SAID)][1:]
    assert [type(fact) for fact in closing] == [Turn1Complete, Turn3Complete, SessionComplete]
    turn1, turn3, _ = closing
    assert isinstance(turn1, Turn1Complete)
    assert isinstance(turn3, Turn3Complete)
    assert [each.slot_id for each in turn1.utterances] == list(plan.slots)
    assert [(each.turn_index, each.slot_id) for each in turn3.utterances] == sorted(
        (event.turn_index, event.slot_id)
        for event in told
        if type(event) is SlotStart and event.turn_index in TURNS
    )
    replied = [e.slot_id for e in told if isinstance(e, SlotDone) and e.turn_index == 3]
    assert [each.target_slot_id for each in turn3.dialogues] == sorted(replied)


@given(plans, st.integers(0, 40))
def test_a_stopped_session_ends_at_once_and_in_order(plan: Plan, stopped_at: int) -> None:
    """The turn that was told ends in errors and without turn.done; facts of later ones stay."""
    played = play(Plan(**{**_fields(plan), "stopped_at": stopped_at + 0.5}))
    before = [event for at, event in played.events if at < stopped_at + 0.5]
    if isinstance(before[-1], Done):
        Stream(events=played.events).assert_in_order()
        return
    after = [event for at, event in played.events if at == stopped_at + 0.5]
    assert [*before, *after] == [event for _, event in played.events]
    unfinished = _unfinished(before)
    assert all(isinstance(event, SlotError) for event in after[:-1])
    assert sorted(event.slot_id for event in after if isinstance(event, SlotError)) == unfinished
    # But for what only a stop leaves out, the order is that of any session.
    assert not isinstance(before[-1], UserSentiment)
    turn = before[-1].turn_index
    ends = [TurnDone(session_id=SESSION, turn_index=turn, slot_count=0)] if unfinished else []
    told = [*before, *after[:-1], *ends, after[-1]]
    Stream(events=[(0.0, event) for event in told]).assert_in_order()
    begun = {(e.turn_index, e.slot_id) for e in before if isinstance(e, SlotStart)}
    (turn3,) = (fact for _, fact in played.facts if isinstance(fact, Turn3Complete))
    assert begun <= {(each.turn_index, each.slot_id) for each in turn3.utterances}
    assert all(each.text or each.state == "failed" for each in turn3.utterances)
    assert turn3.dialogues == ()


def _fields(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in plan.__struct_fields__}


def _unfinished(events: list[ChatEvent]) -> list[int]:
    """The slots of the turn that is told which have neither speech nor error."""
    slots: set[int] = set()
    for event in events:
        if type(event) is SlotStart:
            slots.add(event.slot_id)
        elif isinstance(event, SlotAudio | SlotError):
            slots.discard(event.slot_id)
    return sorted(slots)


@given(plans)
def test_turn_1_is_as_soon_as_if_it_were_alone(plan: Plan) -> None:
    """Whatever later turns ask of the voice."""
    later = {(turn, slot): Work(0.0, "fails") for turn in (2, 3) for slot in SLOT_IDS}
    alone = Plan(**{**_fields(plan), "texts": {**plan.texts, **later}})
    assert play(plan).first(Turn1Complete) == play(alone).first(Turn1Complete)


def of_all(work: Work) -> dict[Key, Work]:
    return {(turn, slot): work for turn in TURNS for slot in SLOT_IDS}


def test_a_session_takes_its_longest_chain_and_not_the_sum() -> None:
    """Three texts and one speech, where each lane is free when it is needed."""
    played = play(Plan(texts=of_all(Work(2.0)), speech=of_all(Work(2.0)), lanes=6))
    assert [max(played.spoken(turn)) for turn in TURNS] == [4.0, 6.0, 8.0]


def test_earlier_turns_are_spoken_first() -> None:
    """With one voice for all: six of Turn 1, then Turn 2, although its texts came long before."""
    played = play(Plan(speech=of_all(Work(1.0)), lanes=1))
    assert [key for _, key in played.jobs] == sorted(key for _, key in played.jobs)
    assert played.first(Turn1Complete) == 6.0


def test_the_wait_for_the_desk_is_not_a_slots_own_time() -> None:
    """Six of four seconds each by one voice, where the limit is ten."""
    speech = {(1, slot): Work(4.0) for slot in SLOT_IDS}
    played = play(Plan(speech=speech, lanes=1))
    assert not [event for _, event in played.events if isinstance(event, SlotError)]
    assert played.spoken(1) == [4.0, 8.0, 12.0, 16.0, 20.0, 24.0]


def test_text_and_speech_share_a_slots_time() -> None:
    """Six seconds of text leave four for the speech."""
    texts = {(1, slot): Work(6.0) for slot in (1, 2)}
    speech = {(1, 1): Work(3.9), (1, 2): Work(4.1)}
    played = play(Plan(slots=(1, 2), texts=texts, speech=speech))
    (late,) = [(at, event) for at, event in played.events if isinstance(event, SlotError)]
    assert late[0] == TURN_TIMEOUT_S
    assert isinstance(late[1], SlotError)
    assert (late[1].slot_id, late[1].error.type) == (2, "timeout")


def test_a_voice_that_hangs_in_turn_1_lets_no_later_turn_close_it() -> None:
    """Turns 2 and 3 are spoken meanwhile, and told when Turn 1 has ended by its time-out."""
    played = play(Plan(slots=(1, 2, 3), speech={(1, 1): Work(0.0, "hangs")}))
    assert max(played.spoken(3)) < TURN_TIMEOUT_S
    assert played.first(Turn1Complete) == played.first(Turn3Complete) == TURN_TIMEOUT_S
    later = [at for at, event in played.events if getattr(event, "turn_index", 0) > 1]
    assert min(later) == TURN_TIMEOUT_S
    facts = [fact for _, fact in played.facts]
    closed = next(n for n, fact in enumerate(facts) if isinstance(fact, Turn1Complete))
    early = [fact.utterance for fact in facts[:closed] if isinstance(fact, UtteranceReported)]
    assert {each.turn_index for each in early} == {1, 2, 3}

"""The sentiment beside Turn 1, and the summary as a fourth turn."""

import hypothesis.strategies as st
from hypothesis import given
from structlog.testing import capture_logs

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
    WaveFailed,
)
from shared_schema.ids import SLOT_IDS
from tests.support.planned_session import SUMMARY, Key, Plan, Played, Work, play
from tests.support.visitor import Stream

SLOW = {(1, slot): Work(4.0) for slot in SLOT_IDS}


def of_turn(played: Played, turn: int) -> list[ChatEvent]:
    return [event for _, event in played.events if getattr(event, "turn_index", 0) == turn]


def last_word(played: Played) -> SessionComplete:
    fact = played.facts[-1][1]
    assert isinstance(fact, SessionComplete)
    return fact


def turns(played: Played) -> int:
    done = played.events[-1][1]
    assert isinstance(done, Done)
    return done.turns


# Summary


def test_a_summary_is_a_fourth_turn() -> None:
    """Slot 0, agent and kind ``summary``; its voice is the show's; the last word has it."""
    played = play(Plan(summary=True))
    Stream(events=played.events).assert_in_order()
    start, began, done, audio, end = of_turn(played, 4)
    assert isinstance(start, TurnStart)
    assert type(began) is SlotStart
    assert (began.kind, began.slot_id, began.agent_id) == ("summary", 0, "summary")
    assert isinstance(done, SlotDone)
    assert (done.text, done.voice_profile) == ("4 0", "calm_soothing")
    assert isinstance(audio, SlotAudio)
    assert audio.audio_path.endswith("/summary/summary_calm_soothing.wav")
    assert isinstance(end, TurnDone)
    assert end.slot_count == 1
    assert turns(played) == 4
    summary = last_word(played).summary
    assert summary is not None
    assert (summary.text, summary.state) == ("4 0", "pending")
    assert played.jobs[-1][1] == SUMMARY


def test_by_default_there_is_neither() -> None:
    """Three turns, no mood, no summary in the last word."""
    played = play(Plan())
    assert of_turn(played, 4) == []
    assert turns(played) == 3
    assert last_word(played).summary is None
    assert not any(isinstance(event, UserSentiment) for _, event in played.events)


def test_a_summary_is_asked_while_turn_3_is_spoken_and_spoken_last() -> None:
    """Turns overlap: its text needs only the texts of the others."""
    speech = {(3, slot): Work(5.0) for slot in SLOT_IDS}
    texts: dict[Key, Work] = {SUMMARY: Work(2.0)}
    played = play(Plan(summary=True, texts=texts, speech=speech, lanes=7))
    assert played.first(Turn3Complete) == 5.0
    assert [at for at, key in played.jobs if key == SUMMARY] == [2.0]
    assert [at for at, event in played.events if event in of_turn(played, 4)] == [5.0] * 5


def test_one_slot_has_a_summary_and_no_dialogue() -> None:
    """Turn 3 is complete before it is told: nobody comments on a single voice."""
    played = play(Plan(slots=(4,), summary=True, speech={SUMMARY: Work(3.0)}))
    assert (of_turn(played, 2), of_turn(played, 3)) == ([], [])
    assert played.first(Turn3Complete) == 0.0
    assert played.first(SessionComplete) == 3.0
    assert turns(played) == 4


def test_without_any_answer_nothing_remains() -> None:
    """Every model failed: no Turn 4, and three turns as before."""
    texts = {(1, slot): Work(0.0, "fails") for slot in SLOT_IDS}
    played = play(Plan(summary=True, texts=texts))
    assert of_turn(played, 4) == []
    assert (turns(played), last_word(played).summary) == (3, None)


def test_a_summary_that_fails_is_an_error_of_slot_0() -> None:
    """Without a text there is no fact of it; with one the fact says that its speech failed."""
    for plan, text in (
        (Plan(summary=True, texts={SUMMARY: Work(0.0, "fails")}), None),
        (Plan(summary=True, speech={SUMMARY: Work(0.0, "fails")}), "4 0"),
    ):
        played = play(plan)
        (error,) = [event for event in of_turn(played, 4) if isinstance(event, SlotError)]
        assert (error.slot_id, error.kind) == (0, "summary")
        end = of_turn(played, 4)[-1]
        assert isinstance(end, TurnDone)
        assert end.slot_count == (0 if text is None else 1)
        assert turns(played) == 4
        summary = last_word(played).summary
        facts = [fact for _, fact in played.facts if isinstance(fact, SummaryReported)]
        if text is None:
            assert (summary, facts) == (None, [])
        else:
            assert summary is not None
            assert isinstance(summary.wave, WaveFailed)
            assert (summary.text, summary.wave.stage) == (text, "speech")


def test_a_stop_in_the_summary_ends_it_and_keeps_the_dialogues() -> None:
    """Told turns end in errors; what was complete stays complete."""
    played = play(Plan(summary=True, speech={SUMMARY: Work(5.0)}, stopped_at=2.0))
    assert [type(event) for event in of_turn(played, 4)] == [
        TurnStart, SlotStart, SlotDone, SlotError,
    ]  # fmt: skip
    assert (turns(played), last_word(played).stopped) == (4, True)
    (turn3,) = [fact for _, fact in played.facts if isinstance(fact, Turn3Complete)]
    assert turn3.dialogues
    summary = last_word(played).summary
    assert summary is not None
    assert isinstance(summary.wave, WaveFailed)
    assert summary.wave.stage == "stopped"


def test_a_stop_before_the_summary_is_told_tells_three_turns() -> None:
    """It was asked already; the page never heard that it began."""
    played = play(Plan(summary=True, speech={(3, 1): Work(5.0)}, slots=(1, 2), stopped_at=2.0))
    assert of_turn(played, 4) == []
    assert turns(played) == 3


# Sentiment


def test_a_sentiment_is_told_in_turn_1() -> None:
    """On the stream and as a fact, as soon as it is known."""
    played = play(Plan(texts=SLOW, sentiment=Work(1.0)))
    told = [
        (at, event.sentiment) for at, event in played.events if isinstance(event, UserSentiment)
    ]
    assert told == [(1.0, "positive")]
    assert played.first(SentimentReported) == 1.0
    assert played.first(Turn1Complete) == 4.0


@given(
    takes_s=st.integers(0, 12).map(float),
    texts=st.dictionaries(
        st.tuples(st.just(1), st.sampled_from(SLOT_IDS)), st.integers(0, 9).map(Work)
    ),
)
def test_a_sentiment_delays_nothing_and_is_never_late(
    takes_s: float, texts: dict[tuple[int, int], Work]
) -> None:
    """Told within its time and before Turn 1 is over, or not at all; the rest as without it."""
    plan = Plan(texts=texts, sentiment=Work(takes_s))
    played, without = play(plan), play(Plan(texts=texts))
    rest = [each for each in played.events if not isinstance(each[1], UserSentiment)]
    # What happens at one moment has no order.
    assert sorted(map(repr, rest)) == sorted(map(repr, without.events))
    found = [at for at, fact in played.facts if isinstance(fact, SentimentReported)]
    told = [at for at, event in played.events if isinstance(event, UserSentiment)]
    assert found == told
    turn1_s = played.first(Turn1Complete)
    if takes_s < min(turn1_s, 5.0):
        assert found == [takes_s]
    elif takes_s > min(turn1_s, 5.0):
        assert found == []


def test_a_sentiment_that_crashes_leaves_the_session_as_it_is() -> None:
    """It is logged, and Turn 1 is the first."""
    with capture_logs():
        played = play(Plan(sentiment=Work(0.0, "fails")))
    assert not any(isinstance(fact, SentimentReported) for _, fact in played.facts)
    assert turns(played) == 3

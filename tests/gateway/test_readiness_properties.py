"""Every order, duplicate, loss and restart: what must hold of readiness in all of them."""

import ast
import math
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import event_gateway.core.readiness
from event_gateway.core.decisions import (
    CLOSED_KEY,
    SENTIMENT_KEY,
    SUMMARY_KEY,
    TURN1_KEY,
    BackendBack,
    BackendSilent,
    Decision,
    DialogueDropped,
    DialogueDue,
    EpochRetired,
    Origin,
    SentimentDue,
    SnapshotMerged,
    SummaryDue,
    Turn1Due,
)
from event_gateway.core.readiness import Readiness
from shared_schema.bus import SnapshotSession
from shared_schema.facts import Fact
from tests.support.readiness import LIMITS
from tests.support.sessions import BRIGHT, Truth, session_id

SLOTS = (1, 2, 3, 4, 5, 6)


@st.composite
def truths(draw: st.DrawFn, number: int = 1) -> Truth:
    """Draw what really happened in a session."""
    slots = tuple(sorted(draw(st.sets(st.sampled_from(SLOTS), min_size=1))))
    targets: dict[int, int] = {}
    if len(slots) > 1:
        for slot in draw(st.sets(st.sampled_from(slots))):
            targets[slot] = draw(st.sampled_from([each for each in slots if each != slot]))
    replied = tuple(
        sorted(draw(st.sets(st.sampled_from(sorted(targets.values()))))) if targets else ()
    )
    bare = Truth(
        session_id=session_id(number),
        slots=slots,
        targets=targets,
        replied=replied,
        ready=frozenset(),
    )
    parts = bare.parts()
    ready = frozenset(draw(st.sets(st.sampled_from(parts)))) if draw(st.booleans()) else parts
    return Truth(
        session_id=bare.session_id,
        slots=slots,
        targets=targets,
        replied=replied,
        ready=frozenset(ready),
        sentiment=draw(st.sampled_from([None, BRIGHT])),
        summary_ready=draw(st.sampled_from([None, False, True])),
    )


def due(truth: Truth) -> list[str]:
    """Return every key of a session in order, but for its sentiment's."""
    dialogues = [each.dialogue_id for each in truth.dialogues]
    summary = [] if truth.summary_ready is None else [SUMMARY_KEY]
    return [TURN1_KEY, *dialogues, *summary, CLOSED_KEY]


def without_sentiment(keys: list[str]) -> list[str]:
    """Return the keys after a sentiment, if it is the first."""
    return keys[1:] if keys[:1] == [SENTIMENT_KEY] else keys


class Ledger:
    """Plays the outbox: what was decided of each session, in order, and how."""

    def __init__(self) -> None:
        self.decisions: dict[str, list[Decision]] = {}

    def keys(self, session: str) -> list[str]:
        return [decision.key for decision in self.decisions.get(session, [])]

    def readiness(self) -> Readiness:
        """Return a machine that has nobody but this to remember."""
        return Readiness(LIMITS, recall=lambda news: self.keys(news.session_id))

    def record(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            assert decision.key not in self.keys(decision.session_id), "decided twice"
            self.decisions.setdefault(decision.session_id, []).append(decision)


class Show(RuleBasedStateMachine):
    """Two sessions told in any order, with repeats and losses, across restarts of the gateway."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Ledger()
        self.readiness = self.outbox.readiness()
        self.now = 0.0

    @initialize(one=truths(1), other=truths(2))
    def happen(self, one: Truth, other: Truth) -> None:
        self.truths = {truth.session_id: truth for truth in (one, other)}
        self.facts: list[tuple[Fact, int]] = [
            (fact, number)
            for truth in self.truths.values()
            for number, fact in enumerate(truth.facts(), start=1)
        ]

    def hear(self, fact: Fact | SnapshotSession, origin: Origin) -> None:
        self.outbox.record(self.readiness.apply(fact, self.now, origin=origin))

    @rule(data=st.data())
    def a_fact_arrives(self, data: st.DataObject) -> None:
        fact, number = data.draw(st.sampled_from(self.facts))
        self.hear(fact, Origin("life", number))

    @rule(data=st.data())
    def a_run_of_facts_arrives(self, data: st.DataObject) -> None:
        begin = data.draw(st.integers(0, len(self.facts) - 1))
        for fact, number in self.facts[begin : begin + data.draw(st.integers(1, 12))]:
            self.hear(fact, Origin("life", number))

    @rule(seconds=st.floats(0.1, 40))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.outbox.record(self.readiness.advance(self.now))

    @rule()
    def the_gateway_restarts(self) -> None:
        self.readiness = self.outbox.readiness()

    @rule(data=st.data())
    def a_snapshot_tells_a_whole_session(self, data: st.DataObject) -> None:
        truth = data.draw(st.sampled_from(sorted(self.truths.values(), key=lambda t: t.session_id)))
        self.hear(truth.snapshot(age_s=data.draw(st.floats(0, 20))), Origin("life", 99))

    @rule()
    def the_backend_is_silent_and_comes_back(self) -> None:
        self.outbox.record(self.readiness.apply(BackendSilent(), self.now))
        self.outbox.record(self.readiness.apply(BackendBack(), self.now))

    @invariant()
    def each_comes_in_its_place(self) -> None:
        for session, decisions in self.outbox.decisions.items():
            keys = without_sentiment([each.key for each in decisions])
            # A sentiment is the first or none.
            assert SENTIMENT_KEY not in keys
            assert keys[:1] in ([], [TURN1_KEY])
            if SUMMARY_KEY in keys:
                dialogues = [each.dialogue_id for each in self.truths[session].dialogues]
                assert keys[: keys.index(SUMMARY_KEY)] == [TURN1_KEY, *dialogues]
            targets = [
                each.dialogue.target_slot_id
                for each in decisions
                if isinstance(each, DialogueDue | DialogueDropped)
            ]
            assert targets == sorted(targets)

    @invariant()
    def nothing_is_kept_of_a_closed_session(self) -> None:
        live = {session.session_id for session in self.readiness}
        for session in self.outbox.decisions:
            if CLOSED_KEY in self.outbox.keys(session):
                assert session not in live

    @invariant()
    def a_deadline_is_known_while_anything_is_open(self) -> None:
        assert self.readiness.next_deadline() is not None or len(self.readiness) == 0

    @invariant()
    def what_is_told_is_true(self) -> None:
        for session, decisions in self.outbox.decisions.items():
            truth = self.truths[session]
            for decision in decisions:
                if isinstance(decision, Turn1Due):
                    told = {(1, each.slot_id) for each in decision.ready}
                    assert told <= truth.ready
                    assert decision.slots_expected == len(truth.slots)
                    slots = [each.slot_id for each in decision.ready]
                    assert sorted([*slots, *decision.missing_slot_ids]) == list(truth.slots)
                elif isinstance(decision, DialogueDue):
                    assert (3, decision.dialogue.target_slot_id) in truth.ready
                    assert {(2, each.slot_id) for each in decision.commenters} <= truth.ready
                elif isinstance(decision, SummaryDue):
                    assert truth.summary_ready or decision.summary.state != "ready"
                elif isinstance(decision, SentimentDue):
                    assert decision.sentiment == truth.sentiment

    def teardown(self) -> None:
        """In the end a snapshot comes and deadlines pass: then everything was told once."""
        if not hasattr(self, "truths"):
            return
        for truth in self.truths.values():
            self.hear(truth.snapshot(), Origin("life", 99))
        self.outbox.record(self.readiness.advance(self.now + 31))
        for session, truth in self.truths.items():
            assert without_sentiment(self.outbox.keys(session)) == due(truth)
        assert len(self.readiness) == 0


TestShow = Show.TestCase
TestShow.settings = settings(max_examples=150, stateful_step_count=30)


@given(truth=truths(), data=st.data())
@settings(max_examples=200)
def test_any_order_with_repeats_tells_the_same(truth: Truth, data: st.DataObject) -> None:
    """Without any deadline, every permutation of the facts, some twice, tells all that is true."""
    facts = truth.facts()
    heard = data.draw(st.permutations(facts + data.draw(st.lists(st.sampled_from(facts)))))
    outbox = Ledger()
    readiness = outbox.readiness()
    for fact in heard:
        outbox.record(readiness.apply(fact, 0.0, origin=Origin("life", 1)))
    decisions = outbox.decisions[truth.session_id]
    if isinstance(decisions[0], SentimentDue):
        assert decisions.pop(0).key == SENTIMENT_KEY
    assert [each.key for each in decisions] == due(truth)
    turn1 = decisions[0]
    assert isinstance(turn1, Turn1Due)
    assert {(1, each.slot_id) for each in turn1.ready} == {p for p in truth.ready if p[0] == 1}
    summaries = [each.summary for each in decisions if isinstance(each, SummaryDue)]
    assert summaries == ([] if truth.summary() is None else [truth.summary()])
    for dialogue, decision in zip(truth.dialogues, decisions[1:], strict=False):
        assert isinstance(decision, DialogueDue) == ((3, dialogue.target_slot_id) in truth.ready)
        if isinstance(decision, DialogueDue):
            told = {each.slot_id for each in decision.commenters}
            assert told == {s for s in dialogue.commenter_slot_ids if (2, s) in truth.ready}


@given(truth=truths(), heard=st.integers(0, 60), epoch=st.booleans())
@settings(max_examples=200)
def test_giving_up_ends_every_session(truth: Truth, heard: int, epoch: bool) -> None:
    """Wherever it stands, an abandoned session is told at most once more and then gone."""
    outbox = Ledger()
    readiness = outbox.readiness()
    for fact in truth.facts()[: 1 + heard]:
        outbox.record(readiness.apply(fact, 0.0, origin=Origin("life", 1)))
    gone = EpochRetired("life") if epoch else SnapshotMerged("life", 1, frozenset())
    outbox.record(readiness.apply(gone, 1.0))
    keys = without_sentiment(outbox.keys(truth.session_id))
    assert keys[0] == TURN1_KEY
    assert keys[:-1] == due(truth)[: len(keys) - 1]
    assert keys[-1] == CLOSED_KEY
    assert len(readiness) == 0
    assert readiness.advance(math.inf) == []


def test_the_machine_is_pure() -> None:
    """No clock, socket, loop or chance is imported by the module that decides."""
    tree = ast.parse(Path(event_gateway.core.readiness.__file__).read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
    }
    assert imported.isdisjoint({"asyncio", "zmq", "time", "random", "starlette", "socket"})

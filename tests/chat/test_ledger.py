"""What a session has done, numbered, and published again on request."""

import hypothesis.strategies as st
from hypothesis import given
from msgspec import structs

from chat_backend.facts.ledger import MAX_FINISHED, Ledger
from shared_schema.bus import FactPublished, SnapshotSession
from shared_schema.facts import Turn1Complete, Turn3Complete, UtteranceReported
from shared_schema.session_document import SessionDocument
from tests.support.sessions import Truth, session_id, whole

KEEP_S = 345.0


def happen(truth: Truth, ledger: Ledger, *, ended: bool = True, now: float = 0.0) -> None:
    """Let a session happen."""
    ledger.begin(truth.session_id, truth.begun().slots)
    for part in truth.parts():
        ledger.utterance(truth.session_id, truth.utterance(*part, ended=False), now)
    ledger.turn1_complete(truth.session_id, now)
    if ended:
        for part in truth.parts():
            ledger.utterance(truth.session_id, truth.utterance(*part), now)
    ledger.turn3_complete(truth.session_id, truth.dialogues, now)
    ledger.session_complete(truth.session_id, now, stopped=False)


def ledger_with(*truths: Truth, now: float = 0.0) -> Ledger:
    ledger = Ledger(epoch="life", keep_s=KEEP_S)
    for truth in truths:
        happen(truth, ledger, now=now)
    return ledger


def number(message: FactPublished | None) -> int:
    assert message is not None
    return message.n


def test_every_new_fact_gets_the_next_number() -> None:
    """Without a hole, from 1."""
    truth, ledger = whole(), Ledger(epoch="life", keep_s=KEEP_S)
    numbers = [number(ledger.begin(truth.session_id, truth.begun().slots))]
    for slot in truth.slots:
        utterance = truth.utterance(1, slot)
        numbers.append(number(ledger.utterance(truth.session_id, utterance, 0.0)))
    numbers.append(number(ledger.turn1_complete(truth.session_id, 0.0)))
    assert numbers == list(range(1, 9))
    assert ledger.n == 8


def test_a_repetition_is_no_fact() -> None:
    """What was known, or is worse than what was known, gets no number."""
    truth, ledger = whole(), ledger_with(whole())
    before = ledger.n
    assert ledger.utterance(truth.session_id, truth.utterance(1, 1), 0.0) is None
    assert ledger.utterance(truth.session_id, truth.utterance(1, 1, ended=False), 0.0) is None
    assert ledger.turn1_complete(truth.session_id, 9.0) is None
    assert ledger.turn3_complete(truth.session_id, (), 9.0) is None
    assert ledger.session_complete(truth.session_id, 9.0, stopped=True) is None
    assert ledger.n == before


def test_a_session_it_does_not_know_is_no_fact() -> None:
    """A late result of a session that was forgotten changes nothing."""
    ledger, truth = Ledger(epoch="life", keep_s=KEEP_S), whole()
    assert ledger.utterance(truth.session_id, truth.utterance(1, 1), 0.0) is None
    assert ledger.turn1_complete(truth.session_id, 0.0) is None
    assert ledger.turn3_complete(truth.session_id, (), 0.0) is None
    assert ledger.session_complete(truth.session_id, 0.0, stopped=False) is None
    assert ledger.snapshot_of(truth.session_id, 0.0) is None
    assert ledger.record(truth.session_id) is None


def test_turns_are_complete_in_themselves() -> None:
    """Turn 1 carries its utterances, the end carries all, each as it stands."""
    truth, ledger = whole(), Ledger(epoch="life", keep_s=KEEP_S)
    ledger.begin(truth.session_id, truth.begun().slots)
    for part in truth.parts():
        ledger.utterance(truth.session_id, truth.utterance(*part), 0.0)
    turn1 = ledger.turn1_complete(truth.session_id, 1.0)
    assert turn1 is not None
    assert turn1.fact == truth.turn1()
    turn3 = ledger.turn3_complete(truth.session_id, truth.dialogues, 2.0)
    assert turn3 is not None
    assert isinstance(turn3.fact, Turn3Complete)
    assert set(turn3.fact.utterances) == {truth.utterance(*part) for part in truth.parts()}
    assert turn3.fact.dialogues == truth.dialogues
    assert turn3.fact.age_s == 0.0
    complete = ledger.session_complete(truth.session_id, 3.0, stopped=False)
    assert complete is not None
    assert complete.fact == truth.complete()


def test_a_snapshot_has_ages() -> None:
    """How long ago the turns ended, by our own clock."""
    ledger = ledger_with(whole(), now=100.0)
    recent = ledger.snapshot_of(whole().session_id, 100.25)
    assert recent is not None
    assert recent.complete == whole().complete(age_s=0.25)
    snapshot = ledger.snapshot_of(whole().session_id, 130.0)
    assert snapshot is not None
    assert isinstance(snapshot.turn1, Turn1Complete)
    assert snapshot.turn1.age_s == 30.0
    assert snapshot.turn3 is not None
    assert snapshot.turn3.age_s == 30.0
    assert {utterance.state for utterance in snapshot.utterances} == {"ready"}


def test_a_snapshot_of_a_running_session_has_no_turns() -> None:
    """What has not happened is not in it."""
    truth, ledger = whole(), Ledger(epoch="life", keep_s=KEEP_S)
    ledger.begin(truth.session_id, truth.begun().slots)
    snapshot = ledger.snapshot_of(truth.session_id, 5.0)
    assert snapshot is not None
    assert (snapshot.turn1, snapshot.turn3, snapshot.utterances) == (None, None, ())


def test_a_session_is_kept_until_its_jobs_end_and_then_for_a_while() -> None:
    """A pending job holds it; then it stays for the window of those who were away."""
    truth, ledger = whole(), Ledger(epoch="life", keep_s=KEEP_S)
    happen(truth, ledger, ended=False)
    assert ledger.forget(1e6) == 0
    for part in truth.parts():
        ledger.utterance(truth.session_id, truth.utterance(*part), 1e6)
    assert ledger.forget(1e6 + KEEP_S) == 0
    assert ledger.session_ids() == (truth.session_id,)
    assert ledger.forget(1e6 + KEEP_S + 1) == 1
    assert len(ledger) == 0


def test_of_finished_sessions_only_the_newest_are_kept() -> None:
    """A busy day does not fill the memory."""
    ledger = Ledger(epoch="life", keep_s=KEEP_S)
    for day in range(MAX_FINISHED + 5):
        happen(whole(day), ledger, now=float(day) / 1000)
    assert ledger.forget(1.1) == 5
    assert whole(4).session_id not in ledger.session_ids()
    assert whole(5).session_id in ledger.session_ids()


@given(st.permutations(range(12)), st.sets(st.integers(0, 11)))
def test_a_wave_only_gets_better(order: list[int], repeated: set[int]) -> None:
    """Whatever order reports come in, ready stays ready and each change is published once."""
    truth = whole(lost=frozenset({(1, 2), (1, 5)}))
    reports = [
        truth.utterance(1, slot, ended=ended) for slot in truth.slots for ended in (False, True)
    ]
    ledger = Ledger(epoch="life", keep_s=KEEP_S)
    ledger.begin(truth.session_id, truth.begun().slots)
    facts = []
    for place in [*order, *repeated]:
        fact = ledger.utterance(truth.session_id, reports[place], 0.0)
        if fact is not None:
            assert isinstance(fact.fact, UtteranceReported)
            facts.append(fact.fact.utterance)
    record = ledger.record(truth.session_id)
    assert record is not None
    assert record.of_turns(1) == tuple(truth.utterance(1, slot) for slot in truth.slots)
    assert len(facts) == len({(fact.slot_id, fact.state) for fact in facts})


def test_facts_say_whose_they_are() -> None:
    """Each names the life that it belongs to, its number, and its session."""
    truth, ledger = whole(), Ledger(epoch="life", keep_s=KEEP_S)
    begun = ledger.begin(truth.session_id, truth.begun().slots)
    assert begun == FactPublished(epoch="life", n=1, fact=truth.begun())
    made = ledger.utterance(truth.session_id, truth.utterance(1, 1), 0.0)
    told = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 1))
    assert made == FactPublished(epoch="life", n=2, fact=told)


def test_a_snapshot_has_each_utterance_once() -> None:
    """The session's utterances in the order of turns and slots; its turns name who, and when."""
    truth = whole()
    snapshot = ledger_with(truth, now=100.0).snapshot_of(truth.session_id, 130.0)
    assert snapshot == SnapshotSession(
        epoch="life",
        begun=truth.begun(),
        utterances=tuple(truth.utterance(*part) for part in sorted(truth.parts())),
        turn1=structs.replace(truth.turn1(age_s=30.0), utterances=()),
        turn3=structs.replace(truth.turn3(age_s=30.0), utterances=()),
        complete=truth.complete(age_s=30.0),
    )


def test_a_record_becomes_the_document_of_its_session() -> None:
    """Running until it is complete; then done, or stopped."""
    truth, ledger = whole(), Ledger(epoch="life", keep_s=KEEP_S)
    ledger.begin(truth.session_id, truth.begun().slots)
    record = ledger.record(truth.session_id)
    assert record is not None
    head = {"started_at": "2026-01-01T00:00:00.000Z", "message": "m", "seed": 7}
    assert record.document(**head).state == "running"  # type: ignore[arg-type]
    for part in truth.parts():
        ledger.utterance(truth.session_id, truth.utterance(*part), 0.0)
    ledger.turn3_complete(truth.session_id, truth.dialogues, 0.0)
    assert not record.document(**head).settled  # type: ignore[arg-type]
    ledger.session_complete(truth.session_id, 0.0, stopped=True)
    more = {"usage": ("row",), "recording_id": session_id(9)}
    assert record.document(**head, **more) == SessionDocument(  # type: ignore[arg-type]
        format=2,
        session_id=truth.session_id,
        state="stopped",
        slots=truth.begun().slots,
        utterances=tuple(truth.utterance(*part) for part in sorted(truth.parts())),
        dialogues=truth.dialogues,
        **head,  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )
    done = ledger_with(whole(2)).record(whole(2).session_id)
    assert done is not None
    assert done.document(**head).state == "done"  # type: ignore[arg-type]


def test_a_dropped_session_is_gone_at_once() -> None:
    """What still comes of it is nothing new, and makes no fact."""
    ledger = Ledger(epoch="life", keep_s=1.0)
    truth = whole()
    ledger.begin(truth.session_id, truth.begun().slots)
    ledger.drop(truth.session_id)
    ledger.drop(truth.session_id)
    assert ledger.utterance(truth.session_id, truth.utterance(1, 1), 0.0) is None
    assert ledger.snapshot_of(truth.session_id, 0.0) is None

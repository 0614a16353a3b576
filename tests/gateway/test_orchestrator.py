"""From bus frames to rows: the machines and the outbox together, without a socket."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from event_gateway.errors import OutboxUnavailable
from event_gateway.metrics import Metrics
from event_gateway.orchestrator import Orchestrator
from event_gateway.outbox import Entry, Outbox, Row
from shared_schema.bus import (
    TOPIC_FACTS,
    FactPublished,
    Message,
    SnapshotBegin,
    SnapshotEnd,
    SnapshotSession,
    encode_message,
    snapshot_topic,
)
from shared_schema.facts import Fact, UtteranceReported
from shared_schema.settings import Settings
from tests.support.client import write_wav
from tests.support.platforms import posix
from tests.support.sessions import Truth, whole


class Rig:
    """An orchestrator with a clock that is set by hand, and what it emitted."""

    def __init__(self, folder: Path) -> None:
        numbers = itertools.count()
        self.now = 0.0
        self.rows: list[Row] = []
        self.topics: set[bytes] = set()
        self.outbox = Outbox.open(folder / "gateway")
        self.folder = folder
        self.it = Orchestrator(
            Settings(artifacts_dir=folder),
            outbox=self.outbox,
            metrics=Metrics(),
            subscribe=self.topics.add,
            unsubscribe=self.topics.discard,
            on_events=lambda rows, _: self.rows.extend(rows),
            clock=lambda: self.now,
            nonces=lambda: f"q{next(numbers)}",
        )
        self.it.start()

    def write(self, truth: Truth) -> None:
        for path in truth.wave_files():
            write_wav(self.folder / path)

    def receive(self, *facts: Fact) -> None:
        for n, fact in enumerate(facts, start=1):
            message = FactPublished(epoch="life", n=n, fact=fact)
            self.it.handle([TOPIC_FACTS, encode_message(message)])

    def answer(self, *sessions: SnapshotSession, nonce: str = "q0") -> None:
        """Let the backend answer a question, by default the first."""
        begin = SnapshotBegin(epoch="life", n=100)
        end = SnapshotEnd(epoch="life", count=len(sessions))
        messages: list[Message] = [begin, *sessions, end]
        for message in messages:
            self.it.handle([snapshot_topic(nonce), encode_message(message)])

    @property
    def seqs(self) -> list[int]:
        return [row.seq for row in self.rows]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    it = Rig(tmp_path)
    yield it
    it.outbox.close()


def test_it_listens_and_asks_from_the_start(rig: Rig) -> None:
    """Facts, completions, and the answer to its first question."""
    assert rig.topics == {b"facts", b"waves", b"snapshot/q0"}


def test_late_repetitions_of_a_closed_session_leave_nothing_behind(rig: Rig) -> None:
    """The outbox is the tombstone: no event, no session in memory, no row more."""
    truth = whole()
    rig.write(truth)
    rig.receive(*truth.facts())
    assert rig.seqs == [1, 2, 3]
    rows = rig.outbox.count()
    rig.receive(*truth.facts())
    rig.receive(truth.facts()[3], truth.facts()[-1])
    assert rig.seqs == [1, 2, 3]
    assert len(rig.it.readiness) == 0
    assert rig.outbox.count() == rows


def test_a_session_half_told_by_another_process_is_taken_up(rig: Rig, tmp_path: Path) -> None:
    """What is on record is restored, so that only the rest is decided."""
    truth = whole()
    rig.write(truth)
    facts = truth.facts()
    rig.receive(*facts[:15])
    assert rig.seqs == [1]
    rig.outbox.close()
    again = Rig(tmp_path)
    again.receive(*facts)
    assert again.seqs == [2, 3]
    again.outbox.close()


def test_a_mix_that_is_not_there_is_told_as_missing(rig: Rig) -> None:
    """Two processes that disagree about the folder never make an event with a dead path."""
    truth = whole()
    rig.receive(*truth.facts())
    assert '"slotsReady":0' in rig.rows[0].event
    assert '"missingSlotIds":[1,2,3,4,5,6]' in rig.rows[0].event
    assert rig.seqs == [1]


def test_a_mix_that_is_not_there_is_counted_as_missing(rig: Rig) -> None:
    """The alarm on partial events and dropped dialogues sounds for lost files too."""
    rig.receive(*whole().facts())
    counted = rig.it.metrics.text().decode()
    assert 'rr_events_total{status="partial",type="turn1.waves.ready"} 1.0' in counted
    assert 'type="dialogue.waves.ready"' not in counted
    assert "rr_decisions_dropped_total{reason=\"the respondent's wave-mix is not" in counted


def test_what_can_not_be_recorded_waits_and_keeps_its_order(rig: Rig) -> None:
    """While the disk refuses nothing is told; afterwards everything is, once and in order."""
    first, second = whole(1), whole(2)
    rig.write(first)
    rig.write(second)
    record = rig.outbox.record
    rig.outbox.record = _refusing  # type: ignore[method-assign]
    rig.receive(*first.facts(), *second.facts())
    assert rig.rows == []
    assert not rig.it.recording
    rig.outbox.record = record  # type: ignore[method-assign]
    rig.now = 0.2
    rig.it.tick()
    assert rig.it.recording
    told = [(row.session_id, row.seq) for row in rig.rows]
    assert told == [(truth.session_id, seq) for truth in (first, second) for seq in (1, 2, 3)]


def test_what_waits_for_the_disk_is_decided_all_the_same(rig: Rig) -> None:
    """A session that was closed while nothing could be recorded is not taken up again."""
    truth = whole()
    rig.write(truth)
    record = rig.outbox.record
    rig.outbox.record = _refusing  # type: ignore[method-assign]
    rig.receive(*truth.facts())
    assert len(rig.it.readiness) == 0
    rig.receive(*truth.facts())
    assert len(rig.it.readiness) == 0
    rig.outbox.record = record  # type: ignore[method-assign]
    rig.it.tick()
    assert rig.seqs == [1, 2, 3]


def test_an_outbox_that_can_not_be_read_repeats_nothing(rig: Rig) -> None:
    """Nobody knows then what was told, but what is on record is not recorded twice."""
    truth = whole()
    rig.write(truth)
    rig.receive(*truth.facts())
    rig.outbox.decided = _refusing  # type: ignore[method-assign, assignment]
    rig.receive(*truth.facts())
    assert rig.seqs == [1, 2, 3]
    assert rig.it.recording


def test_what_could_not_be_looked_up_is_asked_for_again(rig: Rig) -> None:
    """A session whose decisions cannot be read is not decided anew; a snapshot tells it later."""
    truth = whole()
    rig.write(truth)
    decided = rig.outbox.decided
    rig.outbox.decided = _refusing  # type: ignore[method-assign, assignment]
    rig.answer(truth.snapshot())
    assert len(rig.it.readiness) == 0
    rig.outbox.decided = decided  # type: ignore[method-assign]
    rig.now = 0.2
    rig.it.tick()
    assert b"snapshot/q1" in rig.topics
    rig.answer(truth.snapshot(), nonce="q1")
    assert rig.seqs == [1, 2, 3]


def test_a_lost_outbox_tells_no_session_again_that_is_past_turn_1(tmp_path: Path) -> None:
    """Whatever of it is heard before the snapshot that shows how far it was."""
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway/outbox.sqlite3").write_bytes(b"damaged" * 1000)
    rig = Rig(tmp_path)
    old, new = whole(1), whole(2)
    rig.write(old)
    rig.write(new)
    rig.receive(old.facts()[3], *new.facts()[:8])
    assert [session.session_id for session in rig.it.readiness] == [new.session_id]
    rig.answer(old.snapshot(), new.snapshot())
    assert {row.session_id for row in rig.rows} == {new.session_id}
    rig.receive(*whole(3).facts()[1:3])
    assert len(rig.it.readiness) == 1
    rig.outbox.close()


def test_retention_on_a_full_disk_leaves_the_gateway_running(rig: Rig) -> None:
    """It is counted, and works again when the disk does."""
    rig.receive(*whole().facts())
    prune = rig.outbox.prune
    rig.outbox.prune = _refusing  # type: ignore[method-assign, assignment]
    list(rig.it.prune(now=1e12, retention_s=1.0))
    assert "rr_outbox_failures_total 1.0" in rig.it.metrics.text().decode()
    rig.outbox.prune = prune  # type: ignore[method-assign]
    list(rig.it.prune(now=1e12, retention_s=1.0))
    assert rig.outbox.count() == 1


def test_without_retention_only_rehearsals_age(rig: Rig) -> None:
    """A rehearsal in a loop would fill the disk."""
    real = Entry(session_id="real", key="turn1", status="produced", render=lambda _: "{}")
    copy = structs.replace(real, session_id="copy", render=lambda _: '{"rehearsal":true}')
    rig.outbox.record([copy, real], at=0.0)
    list(rig.it.prune(now=1e9, retention_s=0.0))
    assert [row.session_id for row in rig.outbox.after(0)] == ["real"]


def test_a_damaged_outbox_ages_like_the_others(rig: Rig, tmp_path: Path) -> None:
    """What it holds was said, too; one that is young can still be looked at."""
    names = ("outbox.sqlite3.damaged-1", "outbox.sqlite3.damaged-1-wal", "outbox.sqlite3.damaged-2")
    old, companion, young = (tmp_path / "gateway" / name for name in names)
    for path, written_at in ((old, 1000.0), (companion, 1000.0), (young, 9000.0)):
        path.write_bytes(b"damaged")
        os.utime(path, (written_at, written_at))
    list(rig.it.prune(now=10_000.0, retention_s=5000.0))
    assert [each.exists() for each in (old, companion, young)] == [False, False, True]


@posix("links without a privilege")
def test_what_was_moved_aside_and_is_no_file_is_no_obstacle(rig: Rig, tmp_path: Path) -> None:
    """A link goes with age, not what it leads to; a folder stays: nobody knows what is in it."""
    (tmp_path / "theirs").touch()
    folder = tmp_path / "gateway" / "outbox.sqlite3.damaged-1"
    folder.mkdir()
    (folder / "inside").touch()
    links = tmp_path / "gateway" / "outbox.sqlite3.damaged-2", tmp_path / "gateway.damaged-1"
    for link in links:
        link.symlink_to(tmp_path / "theirs")
    file = tmp_path / "gateway" / "outbox.sqlite3.damaged-3"
    file.touch()
    for path in (folder, *links, file):
        os.utime(path, (1000.0, 1000.0), follow_symlinks=False)
    list(rig.it.prune(now=10_000.0, retention_s=5000.0))
    assert [os.path.lexists(each) for each in (folder, *links, file)] == [True, False, False, False]
    assert (tmp_path / "theirs").exists()
    assert (folder / "inside").exists()


def _refusing(*_: object, **__: object) -> list[Row]:
    raise OutboxUnavailable("no space left on device")


def test_nothing_that_anybody_sends_raises(rig: Rig) -> None:
    """One frame, three frames, nonsense, deep nesting, another protocol."""
    for frames in (
        [b"facts"],
        [b"facts", b"{}", b"{}"],
        [b"facts", b"nonsense"],
        [b"facts", b"[" * 100_000],
        [b"facts", b'{"type":"heartbeat","protocol":9}'],
        [b"snapshot/\xff", b'{"type":"snapshot_end","epoch":"x","count":0}'],
    ):
        rig.it.handle(frames)
    assert rig.rows == []


@pytest.mark.parametrize(
    ("was", "odd"),
    [
        (b'"places":[2,3,2]', b'"places":[2,3]'),
        (b'"places":[2,3,2]', b'"places":[2,3,2,3]'),
        (b'"speechPath":"tts/', b'"path":"tts/'),
        (b'"speechPath":"tts/', b'"speechPath":"sound/'),
    ],
)
def test_a_session_in_an_odd_form_is_left_out(rig: Rig, was: bytes, odd: bytes) -> None:
    """A backend of another version may send it: the last utterance's waves, or the summary's."""
    truth = structs.replace(whole(), summary_ready=True)
    rig.write(truth)
    before, after = encode_message(truth.snapshot()).rsplit(was, 1)
    rig.it.handle([snapshot_topic("q0"), encode_message(SnapshotBegin(epoch="life", n=9))])
    rig.it.handle([snapshot_topic("q0"), before + odd + after])
    assert rig.rows == []
    rig.it.handle([snapshot_topic("q0"), encode_message(truth.snapshot())])
    assert rig.rows


def test_deadlines_are_held_until_the_answer_or_the_silence_limit(rig: Rig) -> None:
    """Turn 1 is late when the gateway starts: it is not judged before 10 s are over."""
    truth = whole()
    rig.write(truth)
    one = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 1))
    rig.receive(truth.begun(), truth.turn1(ended=False, age_s=60.0), one)
    for tenth in range(1, 100):
        rig.now = tenth / 10
        rig.it.tick()
    assert rig.rows == []
    rig.now = 10.2
    rig.it.tick()
    assert rig.seqs == [1]

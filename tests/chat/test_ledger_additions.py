"""The sentiment and the summary in the ledger."""

from msgspec import structs

from chat_backend.facts.ledger import Ledger
from shared_schema.facts import (
    SentimentReported,
    SessionComplete,
    Summary,
    SummaryReported,
)
from tests.support.sessions import BRIGHT, whole, with_additions

KEEP_S = 345.0
TRUTH = with_additions(whole())
SESSION = TRUTH.session_id


def begun() -> Ledger:
    """Return a ledger with a session that has begun."""
    ledger = Ledger(epoch="life", keep_s=KEEP_S)
    ledger.begin(SESSION, TRUTH.begun().slots)
    return ledger


def summary(*, ended: bool) -> Summary:
    made = TRUTH.summary(ended=ended)
    assert made is not None
    return made


def test_a_sentiment_is_a_fact_once_and_only_until_turn_1() -> None:
    """What is not there by then is not told."""
    ledger = begun()
    fact = ledger.sentiment(SESSION, BRIGHT, 1.0)
    assert fact is not None
    assert fact.fact == TRUTH.sentiment_fact()
    assert ledger.sentiment(SESSION, BRIGHT, 2.0) is None
    late = begun()
    late.turn1_complete(SESSION, 1.0)
    assert late.sentiment(SESSION, BRIGHT, 2.0) is None
    assert late.sentiment("unknown", BRIGHT, 2.0) is None


def test_a_summary_grows_like_an_utterance() -> None:
    """Pending, then ready; a repetition, or less than what is known, is no fact."""
    ledger = begun()
    for ended in (False, True):
        fact = ledger.summary(SESSION, summary(ended=ended), 0.0)
        assert fact is not None
        assert fact.fact == SummaryReported(session_id=SESSION, summary=summary(ended=ended))
        assert ledger.summary(SESSION, summary(ended=ended), 0.0) is None
    assert ledger.summary(SESSION, summary(ended=False), 0.0) is None
    assert ledger.summary("unknown", summary(ended=True), 0.0) is None


def test_the_last_word_says_whether_there_is_a_summary() -> None:
    """As it stands then; after it none is added, and only the wave job can end."""
    ledger = begun()
    ledger.summary(SESSION, summary(ended=False), 0.0)
    fact = ledger.session_complete(SESSION, 0.0, stopped=False)
    assert fact is not None
    assert fact.fact == TRUTH.complete(ended=False)
    assert ledger.summary(SESSION, summary(ended=True), 0.0) is not None
    without = begun()
    last = without.session_complete(SESSION, 0.0, stopped=False)
    assert last is not None
    assert isinstance(last.fact, SessionComplete)
    assert last.fact.summary is None
    assert without.summary(SESSION, summary(ended=True), 0.0) is None


def test_a_snapshot_has_both_with_the_sentiments_age() -> None:
    """The summary is in it once."""
    ledger = begun()
    ledger.sentiment(SESSION, BRIGHT, 100.0)
    ledger.summary(SESSION, summary(ended=True), 0.0)
    ledger.session_complete(SESSION, 120.0, stopped=False)
    snapshot = ledger.snapshot_of(SESSION, 130.0)
    assert snapshot is not None
    assert snapshot.sentiment == SentimentReported(session_id=SESSION, sentiment=BRIGHT, age_s=30.0)
    assert snapshot.summary == summary(ended=True)
    complete = structs.replace(TRUTH.complete(age_s=10.0), summary=None)
    assert snapshot.complete == complete


def test_a_session_is_kept_until_its_summarys_job_ends() -> None:
    """And its document is not settled before."""
    ledger = begun()
    ledger.sentiment(SESSION, BRIGHT, 0.0)
    ledger.summary(SESSION, summary(ended=False), 0.0)
    ledger.session_complete(SESSION, 0.0, stopped=False)
    assert ledger.forget(1e6) == 0
    record = ledger.record(SESSION)
    assert record is not None
    document = record.document(started_at="2026-01-01T00:00:00.000Z", message="m", seed=7)
    assert (document.sentiment, document.summary) == (BRIGHT, summary(ended=False))
    assert not document.settled
    ledger.summary(SESSION, summary(ended=True), 1e6)
    assert record.document(started_at="2026-01-01T00:00:00.000Z", message="m", seed=7).settled
    assert ledger.forget(1e6 + KEEP_S + 1) == 1

"""What the sessions of a process tell about themselves, and how they end."""

from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from chat_backend.facts.ledger import Ledger
from chat_backend.facts.publisher import SessionEvents
from chat_backend.metrics import Metrics
from chat_backend.session.sessions import Sessions
from chat_backend.session.visits import Visits
from chat_backend.session.workflow import Services
from chat_backend.speech.desk import Desk
from shared_schema.chat import ChatRequest
from shared_schema.layout import Artifacts
from tests.support.planned_session import Cast, Plan
from tests.support.sessions import Truth, session_id


def sessions_in(folder: Path) -> Sessions:
    """The sessions of a backend whose agents and voice take no time."""
    cast: Any = Cast(Plan())
    services = Services(
        agents=cast,
        speech=cast,
        desk=Desk(1),
        events=SessionEvents(Ledger(epoch="test", keep_s=0.0)),
        artifacts=Artifacts(folder),
        submit=lambda _: None,
        turn_timeout_s=1.0,
        metrics=Metrics(),
    )
    return Sessions(services, Visits(exchanges=0, idle_s=1.0), max_sessions=1, seed=None)


def test_how_long_a_wave_job_took_is_logged(tmp_path: Path) -> None:
    """With its place: the only word outside the bus on where a session's time goes."""
    truth = Truth(
        session_id=session_id(), slots=(3,), targets={}, replied=(), ready=frozenset({(1, 3)})
    )
    finished = truth.finished(1, 3)
    with capture_logs() as logs:
        sessions_in(tmp_path).waves_finished(finished)
    assert logs == [
        {
            "event": "waves done",
            "log_level": "debug",
            "session": session_id(),
            "turn": 1,
            "slot": 3,
            "took_ms": round(finished.result.duration_ms, 1),
        }
    ]


async def test_a_session_that_is_stopped_at_once_ends_in_order(tmp_path: Path) -> None:
    """Before its task ran a single step: whoever follows it is told, and nothing stays behind."""
    sessions = sessions_in(tmp_path)
    workflow = sessions.start(ChatRequest(message="Who are you?"))
    await sessions.stop_all()
    await sessions.close()
    assert workflow.stream.ended
    assert sessions.live == frozenset()

"""What the sessions of a process tell about themselves."""

from typing import Any

from structlog.testing import capture_logs

from chat_backend.facts.ledger import Ledger
from chat_backend.facts.publisher import SessionEvents
from chat_backend.metrics import Metrics
from chat_backend.session.sessions import Sessions
from chat_backend.session.visits import Visits
from chat_backend.session.workflow import Services
from shared_schema.layout import Artifacts
from tests.support.sessions import Truth, session_id


def test_how_long_a_wave_job_took_is_logged(tmp_path: Any) -> None:
    """With its place: the only word outside the bus on where a session's time goes."""
    nobody: Any = None
    services = Services(
        agents=nobody,
        speech=nobody,
        desk=nobody,
        events=SessionEvents(Ledger(epoch="test", keep_s=0.0)),
        artifacts=Artifacts(tmp_path),
        submit=nobody,
        turn_timeout_s=1.0,
        metrics=Metrics(),
    )
    truth = Truth(
        session_id=session_id(), slots=(3,), targets={}, replied=(), ready=frozenset({(1, 3)})
    )
    finished = truth.finished(1, 3)
    visits = Visits(exchanges=0, idle_s=1.0)
    with capture_logs() as logs:
        Sessions(services, visits, max_sessions=1, seed=None).waves_finished(finished)
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

"""Short runs under fire; ``python -m tests.chaos`` is the long one."""

from pathlib import Path

from tests.chaos.run import Plan, Run


async def test_whatever_is_killed_every_event_comes_exactly_once(tmp_path: Path) -> None:
    """Forty sessions, the gateway killed ten times: nothing lost, nothing twice, in order."""
    report = await Run(tmp_path, Plan(seed=11, sessions=40, kills=10, spread_s=12.0)).run()
    assert report.faults == [], report.text()
    assert report.counted["events seen"] == report.counted["events due"]
    assert report.injected["gateway killed"] >= 10


async def test_a_killed_backend_leaves_no_session_open_and_none_told_twice(tmp_path: Path) -> None:
    """Three lives of the backend: each session is told in order as far as it came, once."""
    report = await Run(tmp_path, Plan(seed=12, sessions=30, kills=3, spread_s=9.0, lives=3)).run()
    assert report.faults == [], report.text()
    assert report.injected["backend killed"] == 2

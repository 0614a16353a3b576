"""All measurements of the gateway, one after the other."""

from collections.abc import Callable

from benchmarks.gateway import growth, intake, latency
from benchmarks.report import machine
from shared_schema.runtime.log.logs import configure_logging


def run(*, rounds: int, sessions: int) -> int:
    """Print every table; return 1 if a figure is missed."""
    # This process plays the backend too, whose log would stand among the tables.
    configure_logging(level="warning", form="text", service="benchmark")
    print(machine("pyzmq", "uvicorn", "websockets", "msgspec", "watchdog"))
    print()
    missed = False
    reports: tuple[Callable[[], str], ...] = (
        lambda: latency.report(rounds),
        lambda: intake.report(rounds),
        growth.latency_report,
        lambda: growth.soak_report(sessions),
    )
    for report in reports:
        text = report()
        missed |= "MISSED" in text
        print(text, end="\n\n", flush=True)
    return int(missed)

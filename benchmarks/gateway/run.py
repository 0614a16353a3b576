"""All measurements of the gateway, one after the other."""

from benchmarks.gateway import growth, intake, latency
from benchmarks.report import machine


def run(*, rounds: int, sessions: int) -> int:
    """Print every table."""
    print(machine("pyzmq", "uvicorn", "websockets", "msgspec", "watchdog"))
    print()
    print(latency.report(rounds), end="\n\n", flush=True)
    print(intake.report(rounds), end="\n\n", flush=True)
    print(growth.latency_report(), end="\n\n", flush=True)
    print(growth.soak_report(sessions), flush=True)
    return 0

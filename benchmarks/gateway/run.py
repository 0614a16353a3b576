"""All measurements of the gateway, one after the other."""

from benchmarks.gateway import latency
from benchmarks.report import machine


def run(*, rounds: int, sessions: int) -> int:
    """Print every table."""
    print(machine("pyzmq", "uvicorn", "websockets", "msgspec", "watchdog"))
    print()
    print(latency.report(rounds), flush=True)
    return 0

"""The most memory that a process has had."""

import os
from pathlib import Path

import psutil


def peak_mb(pid: int | None = None) -> float:
    """Return the peak of a process (default: this one), or its present use if there is no record.

    Not from `getrusage`: its figure begins with that of the process which started this one.
    """
    pid = os.getpid() if pid is None else pid
    status = Path(f"/proc/{pid}/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return float(psutil.Process(pid).memory_info().rss) / 2**20

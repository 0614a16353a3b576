"""The long run. Example: python -m tests.chaos --sessions 400 --kills 80 --spread-s 120"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Plan, Run


def main() -> int:
    """Run, print what was injected and counted, and return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--spread-s", type=float, default=60.0)
    parser.add_argument("--lives", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        report = asyncio.run(Run(Path(folder), Plan(**vars(arguments))).run())
    print(report.text())  # the command's output
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""Supervises a toy server: ``python -m tests.runtime.toy_supervisor <module> <run dir>``."""

import sys
from pathlib import Path

from shared_schema.runtime.process.supervise import supervise

if __name__ == "__main__":
    sys.exit(supervise(sys.argv[1], run_dir=Path(sys.argv[2])))

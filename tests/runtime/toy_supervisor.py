"""Supervises the toy server: ``python -m tests.runtime.toy_supervisor <run dir>``."""

import sys
from pathlib import Path

from shared_schema.runtime.supervise import supervise

if __name__ == "__main__":
    sys.exit(supervise("tests.runtime.toy_server", run_dir=Path(sys.argv[1])))

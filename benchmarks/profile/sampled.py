"""A server that is sampled, and its workers: ``python -m benchmarks.profile.sampled chat``."""

import os
import sys
from pathlib import Path

from benchmarks.profile.sampler import Sampler

FOLDER = "PROFILE_FOLDER"
MODULES = {"gateway": "event_gateway.server", "chat": "chat_backend.server"}

if __name__ == "__mp_main__":
    # A wave worker, which imports the main module of its parent once more as it starts.
    Sampler(Path(os.environ[FOLDER]), "wave worker").start()

if __name__ == "__main__":
    from shared_schema.runtime.process.plain import serve_as

    Sampler(Path(os.environ[FOLDER]), sys.argv[1]).start()
    sys.exit(serve_as(sys.argv[1], MODULES[sys.argv[1]]))

"""A server without a command line: what ``python -m <package>`` is when nothing follows it.

The library of the commands is a sixth of a server's start, and a supervisor starts servers again
and again, so `__main__` comes here at once when there is no argument. It may import neither that
library nor what only a supervisor needs, so it is a room of its own.
"""

import os
from importlib import import_module

from shared_schema.environment import undo_honcho
from shared_schema.runtime.process.ending import SUPERVISED
from shared_schema.runtime.process.exits import exit_code_of
from shared_schema.runtime.process.logs import configure_logging, use_utf8_streams
from shared_schema.settings import load_settings


def serve_as(service: str, module: str) -> int:
    """Read the settings, begin the log, and serve until asked to end; return the exit code.

    `module` has the function ``serve(settings) -> int``. It is imported last: a wrong setting is
    reported at once, and the log is there before anybody logs.
    """
    use_utf8_streams()
    if SUPERVISED not in os.environ:  # otherwise the supervisor has done that
        undo_honcho()

    def run() -> int:
        settings = load_settings()
        configure_logging(level=settings.log_level, form=settings.log_format, service=service)
        code: int = import_module(module).serve(settings)
        return code

    return exit_code_of(run, name=service)

"""A server without a command line: ``python -m <package>`` without arguments.

The command line library takes a sixth of the time of a start, and a supervisor restarts servers, so
`__main__` uses this module directly when there are no arguments. It must import neither that
library nor what only a supervisor needs.
"""

import os
from importlib import import_module

from shared_schema.environment import undo_honcho
from shared_schema.runtime.log.files import LogFiles
from shared_schema.runtime.log.logs import buffer_stderr, configure_logging, use_utf8_streams
from shared_schema.runtime.process.ending import SUPERVISED
from shared_schema.runtime.process.exits import exit_code_of
from shared_schema.runtime.process.path_limits import require_short_paths
from shared_schema.runtime.process.start_note import take_note_pipe
from shared_schema.settings import load_settings


def serve_as(service: str, module: str) -> int:
    """Read the settings, configure logging, and serve until stopped; return the exit code.

    `module` has the function ``serve(settings) -> int``. It is imported last: a wrong setting is
    reported immediately, and logging is configured before the first line.
    """
    use_utf8_streams()
    buffer_stderr()
    take_note_pipe()
    if SUPERVISED not in os.environ:  # otherwise the supervisor has done this
        undo_honcho()

    def run() -> int:
        settings = load_settings()
        configure_logging(
            level=settings.log_level,
            form=settings.log_format,
            service=service,
            files=LogFiles.of(settings),
        )
        require_short_paths(settings.artifacts_dir)
        code: int = import_module(module).serve(settings)
        return code

    return exit_code_of(run, name=service)

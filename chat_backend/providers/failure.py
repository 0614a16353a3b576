"""Failures of calls to providers, in the contract's terms.

Messages go to logs, streams and files. Quotes from a provider must be redacted before they are cut
here: part of a key is no longer recognised.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal

from msgspec import Struct

from chat_backend.errors import ChatBackendError
from shared_schema.chat import ErrorType

# How much of a provider's message is quoted.
EXCERPT_CHARS: Final = 160
# The status of an error that has none.
UNNAMED_STATUS: Final = 500

Kind = Literal[
    "key", "access", "credit", "load", "busy", "model", "missing", "filter", "timeout", "server",
    "request", "network", "protocol", "redirect", "sound",
]  # fmt: skip


class _Treatment(Struct, frozen=True):
    """How a kind of failure is treated: on the visitor's page, in retries, and by the operator."""

    sentence: str
    error_type: ErrorType
    again: bool
    down: bool
    remedy: str


_SERVER: Final = "server_error"
_TREATMENTS: Final[Mapping[Kind, _Treatment]] = {
    "key": _Treatment(
        "rejected the API key", _SERVER, again=False, down=True,
        remedy="Put a valid key of this provider into .env.",
    ),
    "access": _Treatment(
        "denied access", _SERVER, again=False, down=False,
        remedy="The key lacks permission for this: grant it, or choose another model or voice.",
    ),
    "credit": _Treatment(
        "has no credit or quota left", "rate_limit", again=False, down=True,
        remedy="Add credit or raise the limit in the provider's account.",
    ),
    "load": _Treatment(
        "limits our calls", "rate_limit", again=True, down=False,
        remedy="Lower RR_LLM_CONCURRENCY or RR_TTS_CONCURRENCY, or raise the account's rate limit.",
    ),
    "busy": _Treatment(
        "is overloaded", _SERVER, again=True, down=True,
        remedy="Try again later; if it persists, choose another model or provider.",
    ),
    "model": _Treatment(
        "does not know the model", _SERVER, again=False, down=False,
        remedy="Choose one that it serves: RR_LLM_MODEL, RR_AGENT_MODELS, RR_TTS_OPENAI_MODEL or"
        " RR_STT_OPENAI_MODEL.",
    ),
    "missing": _Treatment(
        "has nothing at this URL", _SERVER, again=False, down=True,
        remedy="Correct the server's URL; it usually ends with /v1.",
    ),
    "filter": _Treatment(
        "refused to answer, or its filter did", _SERVER, again=False, down=False,
        remedy="It refused this text, not the key: ignore it unless it happens often.",
    ),
    "timeout": _Treatment(
        "timed out", "timeout", again=True, down=True,
        remedy="Raise RR_PROVIDER_TIMEOUT_S, or choose a faster model.",
    ),
    "server": _Treatment(
        "failed", _SERVER, again=True, down=True,
        remedy="The provider failed: check its status page or its log, and try again.",
    ),
    "request": _Treatment(
        "rejected the request", _SERVER, again=False, down=False,
        remedy="Its message names what it does not accept: model, voice or settings.",
    ),
    "network": _Treatment(
        "cannot be reached, or the connection was lost", "network", again=True, down=True,
        remedy="Is the server running, and are URL, network and proxy right?",
    ),
    "protocol": _Treatment(
        "did not answer in its protocol", _SERVER, again=False, down=True,
        remedy="Is the URL that of a server of this protocol, and not of a web page or a login?",
    ),
    "sound": _Treatment(
        "sent no speech", _SERVER, again=True, down=True,
        remedy="Send it the same request by hand: are its URL, model and voice right?",
    ),
    "redirect": _Treatment(
        "redirects to another host", _SERVER, again=False, down=True,
        remedy="If that host is the right one, put it into the server's URL.",
    ),
}  # fmt: skip


class ProviderFailed(ChatBackendError):
    """One call failed.

    Attributes
    ----------
    kind : Kind
        What happened.
    error_type : ErrorType
        How the visitor's page classifies it.
    again : bool
        Whether a retry of the same call may succeed.
    down : bool
        Whether the provider as a whole is unusable, rather than for this request.
    remedy : str
        What an operator can do about it.
    retry_after_s : float or None
        The pause that the provider requested.
    """

    def __init__(
        self,
        message: str,
        kind: Kind,
        *,
        again: bool | None = None,
        down: bool | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        treatment = _TREATMENTS[kind]
        self.kind: Kind = kind
        self.error_type = treatment.error_type
        self.remedy = treatment.remedy
        self.again = treatment.again if again is None else again
        self.down = treatment.down if down is None else down
        self.retry_after_s = retry_after_s


# Patterns of providers' messages, by kind; the first match counts. Status codes alone mislead: an
# empty account is a 401, 402, 403 or 429, a rejected key a 400 or 403, depending on the provider.
_PATTERNS: Final[tuple[tuple[Kind, str], ...]] = (
    (
        "credit",
        r"insufficient[ _]?(quota|credit|fund|balance)|quota[ _]exceeded|payment[ _]required"
        r"|billing[ _](hard|not)|credit (balance|limit|card)|(not enough|no|out of) credits?"
        r"|exceeds your quota|balance is (too low|not enough)|arrear|exceeded_current_quota",
    ),
    (
        "load",
        r"rate[ _-]?limit|too[ _]many[ _](concurrent[ _])?requests"
        r"|(try again|retry) in \d"
        r"|per[ _-]minute|per[ _-]second|concurren|throttl",
    ),
    (
        "credit",
        r"exceeded your (current|monthly) quota|\bquota\b|\bbilling\b|payment|\bcredits?\b"
        r"|spend(ing)? limit|usage limit",
    ),
    (
        "filter",
        r"content[ _]?(filter|management|policy)|moderation|flagged|prohibited[ _]content"
        r"|(blocked|rejected|refused).{0,40}(content|prompt|safety|policy)|\bsafety\b|blocklist"
        r"|responsible ?ai|\brefusal\b",
    ),
    (
        "key",
        r"(invalid|incorrect|wrong|missing|expired|revoked|no|bad|not)[ _-]?.{0,24}"
        r"(api|access|auth)[ _-]?(key|token)"
        r"|api[ _-]?key.{0,24}(invalid|not valid|missing|wrong|expired|required|incorrect)"
        r"|(invalid|validate)[ _](x-api-key|credentials)|unauthenticated|unauthorized"
        r"|authentication[ _](error|fail)",
    ),
    (
        "access",
        r"missing[ _]permission|permission|not (have|been granted) access|no access|forbidden"
        r"|not (allowed|entitled|authorized) (to|for)|country|region",
    ),
    (
        "model",
        r"model[ _]not[ _](found|exist|supported|available)|(unknown|invalid|no such) model"
        r"|model.{0,80}(not found|not exist|n't exist|not (be )?loaded|unavailable"
        r"|not available|not supported|is unknown|deprecated|decommissioned)"
        r"|(not[ _]found|no|unknown).{0,16}model\b",
    ),
    ("busy", r"overload|over capacity|at capacity|system_busy|server is busy|loading model"),
    ("timeout", r"timed? ?out|deadline exceeded"),
)
_WORDS: Final = tuple((kind, re.compile(pattern)) for kind, pattern in _PATTERNS)
_BY_STATUS: Final[Mapping[int, Kind]] = {
    401: "key", 402: "credit", 403: "access", 404: "missing", 405: "missing", 408: "timeout",
    410: "missing", 429: "load", 502: "busy", 503: "busy", 504: "timeout", 524: "timeout",
    529: "busy",
}  # fmt: skip
# If the status is clear, the message may only make the kind more precise.
_MORE_PRECISE: Final[Mapping[Kind, tuple[Kind, ...]]] = {
    "key": ("credit", "load", "filter", "access", "model"),
    "credit": (),
    "load": ("credit", "load"),
    "timeout": (),
    "missing": ("model", "credit", "key"),
    "busy": ("load", "credit"),
    "server": ("credit", "load", "filter", "key", "model", "busy", "timeout"),
}


def kind_of(status: int, words: str) -> Kind:
    """Return the kind of failure that a status and a provider's message mean."""
    by_status = _BY_STATUS.get(status, "server" if status >= 500 else "request")
    allowed = _MORE_PRECISE.get(by_status)
    lowered = words.lower()
    for kind, pattern in _WORDS:
        if (allowed is None or kind in allowed) and pattern.search(lowered):
            return kind
    return by_status


class Trouble(Struct, frozen=True, kw_only=True):
    """Why a response is no answer.

    Attributes
    ----------
    status : int
        Its own, or the one that it stands for; from 200 up.
    words : str
        The provider's own message; redacted before `refused` cuts it.
    known : Kind or None
        What happened, if that is known.
    inside : bool
        Whether it arrived inside a 200.
    retry_after_s : float or None
        The pause that the provider requested.
    other_format : bool
        Whether a request for another format may succeed.
    remedy : str
        What an operator can do, if it is more specific than that of the kind.
    """

    status: int
    words: str
    known: Kind | None = None
    inside: bool = False
    retry_after_s: float | None = None
    other_format: bool = False
    remedy: str = ""

    @property
    def kind(self) -> Kind:
        """What happened; derived from status and message if it is not known."""
        return self.known or kind_of(self.status, self.words)


def refused(provider: str, trouble: Trouble) -> ProviderFailed:
    """Return the failure that a response means."""
    kind, words, status = trouble.kind, trouble.words, trouble.status
    pause = trouble.retry_after_s
    if pause is None and kind in {"load", "busy"}:
        pause = _wait_in(words)
    if kind == "sound":
        failure = failed(provider, kind, f"({excerpt(words)})", retry_after_s=pause)
    else:
        context = str(status)
        if trouble.inside and status != 200:
            context = "inside a 200" if status == UNNAMED_STATUS else f"{status} inside a 200"
        if kind == "load" and pause is not None:
            context += f", asks to wait {pause:g} s"
        quoted = f": {excerpt(words)}" if words.strip() else ""
        failure = failed(provider, kind, f"({context}){quoted}", retry_after_s=pause)
    failure.remedy = trouble.remedy or failure.remedy
    return failure


def failed(
    provider: str, kind: Kind, detail: str = "", *, retry_after_s: float | None = None
) -> ProviderFailed:
    """Return a failure of a kind, with its message."""
    message = f"{provider} {_TREATMENTS[kind].sentence} {detail}".rstrip()
    return ProviderFailed(message, kind, retry_after_s=retry_after_s)


def timed_out(provider: str, limit_s: float | None = None, *, down: bool = True) -> ProviderFailed:
    """Return the failure of a call that exceeded its time limit."""
    limit = "in time" if limit_s is None else f"within {limit_s:.3g} s"
    return ProviderFailed(f"{provider} did not answer {limit}", "timeout", down=down)


def excerpt(text: str) -> str:
    """Return the beginning of a provider's message on one line."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= EXCERPT_CHARS else line[: EXCERPT_CHARS - 1] + "\u2026"


def retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Return the seconds in a ``Retry-After`` header: a number or an HTTP date."""
    try:
        seconds = float(value or "nan")
    except ValueError:
        try:
            at = parsedate_to_datetime(value or "")
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
            seconds = (at - (now or datetime.now(UTC))).total_seconds()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if seconds < float("inf") else None


def _wait_in(words: str) -> float | None:
    """Return the pause that a provider requests in its message."""
    match = re.search(
        r"(?:again|retry|wait)\D{0,20}?(\d+(?:\.\d+)?)\s*(ms|s\b|sec|min)", words.lower()
    )
    if match is None:
        return None
    return float(match[1]) * {"ms": 0.001, "min": 60.0}.get(match[2], 1.0)

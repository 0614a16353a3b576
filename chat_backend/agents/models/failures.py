"""pydantic-ai's errors in our terms. Imported only where pydantic-ai is."""

from pydantic_ai import exceptions as theirs

from chat_backend.providers.failure import ProviderFailed, refused, unreachable
from chat_backend.providers.keys import Keys


def failure_of(error: Exception, provider: str, keys: Keys) -> ProviderFailed:
    """Return the failure that one request's error stands for, with no key in its words."""
    match error:
        case theirs.ModelQuotaExceededError():
            return refused(402, provider)
        case theirs.ModelHTTPError():
            return refused(
                error.status_code,
                provider,
                detail=keys.struck_out(_detail(error.body)),
                retry_after_s=error.retry_after,
            )
        case theirs.ModelTimeoutError():
            return ProviderFailed(
                f"{provider} did not answer in time", error_type="timeout", again=True, down=True
            )
        case theirs.ModelConnectionError():
            return unreachable(provider, type(error.__cause__ or error).__name__)
        case theirs.ContentFilterError():
            return ProviderFailed(f"{provider} filtered the answer", error_type="server_error")
        case theirs.AgentRunError():
            return ProviderFailed(
                f"{provider} answered something else than its protocol",
                error_type="server_error",
                down=True,
            )
        case _:
            return ProviderFailed(
                f"asking {provider} broke: {type(error).__name__}", error_type="unknown"
            )


def _detail(body: object) -> str:
    """Return the provider's own sentence, where it stands where providers put it."""
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, dict):
        inner = body.get("error", body)
        return str(inner.get("message", "")) if isinstance(inner, dict) else str(inner)
    return ""

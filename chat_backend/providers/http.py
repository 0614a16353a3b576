"""Requests to one provider over HTTP: its route, redirects, and its failures in our terms."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

from chat_backend.errors import ChatBackendError
from chat_backend.providers import replies
from chat_backend.providers.failure import Trouble, excerpt, failed, retry_after, timed_out
from chat_backend.providers.keys import Keys
from chat_backend.providers.servers import MAX_REDIRECTS, Hints, redirected
from shared_schema.runtime.web.clients import route_to

_ERROR_BYTES: Final = 16_384


class ProviderHttp:
    """The connections to one provider."""

    def __init__(self, provider: str, url: str, keys: Keys, hints: Hints) -> None:
        self._provider = provider
        self._keys = keys
        route = route_to(url)
        hints.add(route.hint)
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(60.0, connect=10.0),
            trust_env=False,
            proxy=route.proxy,
            verify=route.verify,
        )

    @asynccontextmanager
    async def post(self, url: str, **request: Any) -> AsyncIterator[httpx.Response]:
        """Send a request and yield its response, of any status, before its body.

        Raises
        ------
        ProviderFailed
            If there is no response, it ends too early, or it leads to another host.
        """
        try:
            for _ in range(MAX_REDIRECTS):
                async with self._http.stream("POST", url, **request) as reply:
                    if not reply.has_redirect_location:
                        yield reply
                        return
                    url = redirected(self._provider, url, reply.headers.get("location"))
        except httpx.TimeoutException:
            raise timed_out(self._provider) from None
        except (ChatBackendError, OSError):
            raise
        except Exception as error:  # a proxy's handshake may raise anything
            # Without the cause: its request contains the key in a header.
            reason = excerpt(self._keys.redacted(str(error))) or type(error).__name__
            raise failed(self._provider, "network", f"({reason})") from None
        raise failed(self._provider, "protocol", "(a redirect loop)")

    async def refusal(self, reply: httpx.Response) -> Trouble:
        """Return the error that a response of another status than 2xx means."""
        body = bytearray()
        async for chunk in reply.aiter_bytes():
            body += chunk
            if len(body) >= _ERROR_BYTES:
                break
        return Trouble(
            status=reply.status_code,
            words=self._keys.redacted(replies.text_in(bytes(body))),
            retry_after_s=retry_after(reply.headers.get("retry-after")),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

"""Calls of a running gateway by commands; what goes wrong becomes one line with the remedy."""

from http import HTTPStatus
from types import TracebackType
from typing import TypeVar

import httpx
import msgspec
from msgspec import Struct

from event_gateway.errors import GatewayError
from shared_schema import START_THEM
from shared_schema.decoding import UNREADABLE
from shared_schema.runtime.web.clients import bearer, gateway_token, local_http
from shared_schema.runtime.web.hosts import gateway_url
from shared_schema.settings import Settings

T = TypeVar("T")


class _Problem(Struct):
    message: str


class _Refusal(Struct):
    error: _Problem


class CallFailed(Exception):
    """The gateway refused, or there is none; the message has the remedy."""


class GatewayCalls:
    """An open client for one command."""

    def __init__(self, settings: Settings) -> None:
        self._gateway = gateway_url(settings)
        self._http = local_http(timeout=10.0, headers=bearer(gateway_token(settings)))

    def __enter__(self) -> "GatewayCalls":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def call(self, method: str, path: str, answer: type[T], body: object = None) -> T:
        """Return the gateway's answer, which has the type `answer`.

        Raises
        ------
        CallFailed
            If there is no gateway, it is switched off, or it refuses.
        """
        try:
            response = self._http.request(method, f"{self._gateway}{path}", json=body)
            if response.is_error:
                refusal = msgspec.json.decode(response.content, type=_Refusal)
                raise CallFailed(refusal.error.message)
            return msgspec.json.decode(response.content, type=answer)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise CallFailed(f"no gateway at {self._gateway} ({reason}): {START_THEM}") from None
        except UNREADABLE:
            raise CallFailed(
                f"{self._gateway} does not serve {path}: the gateway is switched off"
                " (RR_EVENTS_WS_ENABLED=false), or another program uses its port (RR_GATEWAY_PORT)"
            ) from None


def answer_of_running(
    settings: Settings, method: str, path: str, answer: type[T], *, timeout_s: float
) -> T | None:
    """Return the answer, of a type, of the gateway that has the outbox open; None if none has.

    Raises
    ------
    GatewayError
        If it refuses, or does not answer.
    """
    try:
        with local_http(timeout=timeout_s, headers=bearer(gateway_token(settings))) as http:
            response = http.request(method, f"{gateway_url(settings)}{path}")
    except httpx.ConnectError:
        return None
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise GatewayError(f"the gateway did not answer ({reason})") from None
    if response.status_code == HTTPStatus.NOT_FOUND:
        return None  # it is switched off: it serves health only
    if response.is_error:
        raise GatewayError(f"the gateway answered {response.status_code}: {response.text}")
    try:
        return msgspec.json.decode(response.content, type=answer)
    except UNREADABLE:
        return None  # another program uses its port

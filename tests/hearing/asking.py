"""One request to ``POST /v1/stt``."""

from typing import Any

import httpx

from tests.support.local_http import LOCAL

# A machine that runs other tests may take its time.
WITHIN_S = 90.0


def stt(
    chat_url: str, data: bytes, *, name: str = "recording.webm", **fields: str
) -> httpx.Response:
    """Send a recording as a page does."""
    return httpx.post(
        f"{chat_url}/v1/stt",
        files={"file": (name, data, "audio/webm;codecs=opus")},
        data=fields,
        timeout=WITHIN_S,
        **LOCAL,
    )


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Return the status of an error and the field that it names; every error has both texts."""
    body: dict[str, Any] = response.json()
    assert body["detail"].endswith((".", "!")), body
    assert body["error"]["message"]
    assert set(body) == {"detail", "error"}
    return response.status_code, body["error"]["field"]

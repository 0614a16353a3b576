"""Pages and their policy, asked in this process."""

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from shared_schema.runtime.web.hosts import gateway_url_for_page
from shared_schema.runtime.web.pages import SHARED_PAGES, Pages
from shared_schema.runtime.web.tokens import Token
from shared_schema.settings import Settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.html").write_text("<title>water</title>", "utf-8")
    (tmp_path / "pages" / "kiosk.js").write_text("export {}", "utf-8")
    (tmp_path / "secret.js").write_text("hush", "utf-8")
    return tmp_path / "pages"


def client(folder: Path, *, token: Token | None = None) -> httpx.AsyncClient:
    app = Starlette(routes=[*Pages(folder, token=token).routes()])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/pages/kiosk.js", "text/javascript; charset=utf-8"),
        ("/pages/water.css", "text/css; charset=utf-8"),
        ("/pages/drop.svg", "image/svg+xml"),
    ],
)
async def test_a_file_is_served_under_the_policy(path: str, media_type: str, folder: Path) -> None:
    """From the server's own folder and from what both share; asked for again, it is not sent."""
    async with client(folder) as http:
        first = await http.get(path)
        assert first.status_code == httpx.codes.OK
        assert first.headers["content-type"] == media_type
        again = await http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (httpx.codes.NOT_MODIFIED, b"")
    for response in (first, again):
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")


@pytest.mark.parametrize(
    "path",
    ["/pages/none.js", "/pages/", "/pages/%2e%2e/secret.js", "/pages/%00"],
)
async def test_what_is_not_there_is_refused_like_everything(path: str, folder: Path) -> None:
    """Nothing outside of the two folders, ever."""
    async with client(folder) as http:
        response = await http.get(path)
    assert response.status_code == httpx.codes.NOT_FOUND
    assert response.json() == {"error": {"field": "", "message": "no such file"}}


async def test_a_page_cannot_be_posted_to(folder: Path) -> None:
    async with client(folder) as http:
        response = await http.post("/pages/kiosk.js")
    assert response.status_code == httpx.codes.METHOD_NOT_ALLOWED
    assert response.headers["allow"] == "GET, HEAD"


async def test_the_page_keeps_the_token_that_it_was_opened_with(folder: Path) -> None:
    async with client(folder, token=Token("events_token", "open sesame")) as http:
        cookie = (await http.get("/")).headers["set-cookie"]
        secure = (await http.get("https://localhost/")).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    # The gateway's plain http has the same host, and so the same cookies.
    assert ("Secure" in cookie, "Secure" in secure) == (False, True)
    assert SHARED_PAGES.is_dir()


@pytest.mark.parametrize(
    ("host", "opened_at", "url"),
    [
        ("localhost", "127.0.0.1", "http://localhost:8000"),
        ("0.0.0.0", "192.168.1.5", "http://192.168.1.5:8000"),  # noqa: S104  # as a setting
        ("::", "::1", "http://[::1]:8000"),
        ("10.0.0.2", "localhost", "http://10.0.0.2:8000"),
    ],
)
def test_a_page_finds_the_gateway(host: str, opened_at: str, url: str) -> None:
    """At its own address; one that listens on all of them, where the page was opened."""
    assert gateway_url_for_page(Settings(gateway_host=host), opened_at) == url

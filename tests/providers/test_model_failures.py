"""How models fail at servers that are "compatible", and what is told of it."""

import asyncio
import time
from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="needs the extra: uv sync --extra llm")

from chat_backend.providers.calls import CallLimits
from chat_backend.providers.servers import Hints
from shared_schema.settings import Settings
from tests.providers.asking import response_question
from tests.providers.conftest import SECRETS
from tests.providers.odd import Odd, Reply, Request, as_json
from tests.providers.odd_models import (
    AGENT,
    TEXT,
    WORDS,
    agents_of,
    answer_of,
    chat,
    failure_of,
    in_protocol,
)

SAID = "You told me that you stole your sister's ring, and I keep it."
ERRORS = [
    ({"error": {"message": "Invalid API key", "code": 401}}, "rejected the API key", 1),
    (
        {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}},
        "no credit or quota left",
        1,
    ),
    ({"error": {"message": "Rate limit", "code": 429}}, "limits our calls", 3),
    ({"error": "internal"}, "failed (inside a 200): internal", 3),
    ({"error": {"message": "Overloaded", "type": "overloaded_error"}}, "is overloaded", 3),
    ({"error": {"message": "No such model: x", "code": 404}}, "does not know the model", 1),
    ({"object": "error", "message": "context too long", "code": 400}, "rejected the req", 2),
    ({"detail": "Could not validate credentials"}, "rejected the API key (inside a 200)", 1),
]


@pytest.mark.parametrize(("body", "says", "calls"), ERRORS)
@pytest.mark.parametrize("protocol", AGENT)
async def test_an_error_inside_a_200_counts_as_its_status(  # noqa: PLR0917
    odd: Odd, quick: CallLimits, protocol: str, body: Any, says: str, calls: int
) -> None:
    """In all four protocols."""
    odd.always(as_json(body))
    assert says in str(await failure_of(odd, quick, protocol))
    assert len(odd.received) == calls


@pytest.mark.parametrize(
    ("body", "says", "calls"),
    [
        ({"choices": []}, "an answer", 3),
        ({"choices": [{"error": {"code": 502, "message": "upstream"}}]}, "overloaded", 3),
        ({"choices": [{"error": {"message": "Insufficient credits", "code": 402}}]}, "credit", 1),
        ({"choices": None, "message": "out of credits"}, "credit", 1),
        (chat(None, refusal="I'd rather not."), "refused to answer, or its filter", 1),
        (chat("", finish="content_filter"), "refused to answer, or its filter", 1),
        (chat(None), "no valid answer", 2),
    ],
)
async def test_a_completion_that_holds_no_answer_is_called_what_it_is(
    odd: Odd, quick: CallLimits, body: Any, says: str, calls: int
) -> None:
    """Retried where that can help."""
    odd.always(as_json(body))
    assert says in str(await failure_of(odd, quick))
    assert len(odd.received) == calls


REFUSAL = {"type": "refusal", "refusal": "I can't discuss credit cards."}
REFUSED: dict[str, list[Any]] = {
    "anthropic": [{"content": [], "stop_reason": "refusal"}],
    "responses": [
        {"output": [{"type": "message", "content": [REFUSAL]}]},
        {"output": [], "incomplete_details": {"reason": "content_filter"}, "status": "incomplete"},
    ],
    "gemini": [
        {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}},
        {"candidates": [{"finishReason": "SAFETY"}]},
        {"candidates": [{"finishReason": "RECITATION", "content": {"parts": []}}]},
    ],
    "chat": [
        chat(None, refusal="I can't discuss credit cards."),
        chat("", finish="content_filter"),
    ],
}


@pytest.mark.parametrize(
    ("protocol", "body"), [(name, each) for name, bodies in REFUSED.items() for each in bodies]
)
async def test_a_refusal_is_called_that_in_every_protocol(
    odd: Odd, quick: CallLimits, protocol: str, body: Any
) -> None:
    """And is not asked for again; what the model says to the visitor about it is not quoted."""
    odd.always(as_json(body))
    message = str(await failure_of(odd, quick, protocol))
    assert "refused to answer, or its filter did" in message
    assert "credit" not in message
    assert len(odd.received) == 1


@pytest.mark.parametrize(
    ("status", "body", "says", "calls"),
    [
        (401, {"error": {"message": "Incorrect API key"}}, "rejected the API key (401): Inc", 1),
        (403, {"error": {"message": "no access to model x"}}, "denied access (403): no acc", 1),
        (429, {"error": {"code": "insufficient_quota", "message": "quota"}}, "no credit", 1),
        (400, {"error": {"message": "Your credit balance is too low"}}, "no credit", 1),
        (404, {"error": {"message": "model 'small' not found, try pulling it"}}, "the model", 1),
        (400, {"error": {"code": "content_filter", "message": "content management"}}, "refus", 1),
        (503, {"error": {"message": "Loading model"}}, "is overloaded", 3),
    ],
)
@pytest.mark.parametrize("protocol", AGENT)
async def test_the_providers_words_reach_the_operator(  # noqa: PLR0917
    odd: Odd, quick: CallLimits, protocol: str, status: int, body: Any, says: str, calls: int
) -> None:
    """In all four protocols alike."""
    odd.always(as_json(body, status))
    assert says in str(await failure_of(odd, quick, protocol))
    assert len(odd.received) == calls


async def test_a_forgotten_v1_is_found_once_and_hinted(odd: Odd, quick: CallLimits) -> None:
    """For the rest of the process's life."""
    odd.answer = lambda request: (
        as_json(chat(TEXT)) if request.path.startswith("/v1/") else Reply(status=404)
    )
    hints = Hints()
    async with agents_of(odd, quick, hints, llm_url=odd.url) as agents:
        for _ in range(2):
            await agents.of("gpt-4o").respond(response_question("gpt-4o"))
    completions = "/chat/completions"
    assert odd.paths() == [completions, f"/v1{completions}", f"/v1{completions}"]
    assert hints.lines == [f"llm answers at {odd.url}/v1: add the /v1 to its URL"]


async def test_a_server_that_knows_only_chat_completions_is_told_its_setting(
    odd: Odd, quick: CallLimits
) -> None:
    """RR_OPENAI_URL is for OpenAI's Responses."""
    odd.always(as_json({"detail": "Not Found"}, 404))
    assert "RR_LLM_URL" in (await failure_of(odd, quick, "responses")).remedy


async def test_a_url_that_leads_nowhere_says_so(odd: Odd, quick: CallLimits) -> None:
    """Both were tried."""
    odd.always(Reply(status=404, body=b"404 page not found"))
    error = await failure_of(odd, quick, llm_url=odd.url)
    assert "has nothing at this URL (404): 404 page not found" in str(error)
    assert "/v1" in error.remedy
    assert len(odd.received) == 2


@pytest.mark.parametrize(
    ("protocol", "url"),
    [
        ("anthropic", "/v1"),
        ("anthropic", "/v1/messages"),
        ("gemini", "/v1beta/"),
        ("chat", "/v1/chat/completions"),
        ("responses", "/v1/responses"),
    ],
)
async def test_a_url_may_end_as_it_was_copied(
    odd: Odd, quick: CallLimits, protocol: str, url: str
) -> None:
    """With a version that the library adds itself, or with the endpoint."""
    setting = {"responses": "openai", "gemini": "google", "chat": "llm"}.get(protocol, protocol)
    odd.answer = lambda request: as_json(in_protocol(request.path, TEXT))
    await answer_of(odd, quick, protocol, **{f"{setting}_url": odd.url + url})
    assert odd.paths()[0].count("/v1") == 1


@pytest.mark.parametrize("protocol", AGENT)
async def test_redirects_stay_on_the_host(odd: Odd, quick: CallLimits, protocol: str) -> None:
    """With the key there, and never elsewhere."""

    def answer(request: Request) -> Reply:
        if request.path.startswith("/moved"):
            return as_json(in_protocol(request.path, TEXT))
        return Reply(status=308, headers={"location": f"/moved{request.path}"})

    odd.answer = answer
    assert (await answer_of(odd, quick, protocol)).text == WORDS
    odd.received.clear()
    odd.always(Reply(status=301, headers={"location": "https://elsewhere.example/v1"}))
    error = await failure_of(odd, quick, protocol)
    assert "redirects to another host (https://elsewhere.example)" in str(error)
    assert len(odd.received) == 1


@pytest.mark.parametrize("protocol", AGENT)
async def test_a_key_that_is_quoted_back_is_redacted(
    odd: Odd, quick: CallLimits, protocol: str
) -> None:
    """In the words of an error, of one inside a 200, and of a page."""
    key = {"anthropic": "ANTHROPIC", "gemini": "GOOGLE", "chat": "LLM"}.get(protocol, "OPENAI")
    secret = SECRETS[f"{key}_API_KEY"]
    for reply in (
        as_json({"error": {"message": f"bad key {secret}"}}, 401),
        as_json({"error": {"message": f"bad key {secret}"}}),
        Reply(body=f"<html><title>{secret}</title></html>".encode()),
    ):
        odd.always(reply)
        message = str(await failure_of(odd, quick, protocol))
        assert "[key]" in message
        assert "MARKED" not in message


@pytest.mark.parametrize("protocol", AGENT)
@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=SAID.encode()),
        as_json([SAID]),
        as_json(SAID),
        as_json({"outputs": [{"text": SAID}]}),
        as_json({"detail": SAID}),
    ],
)
async def test_an_answer_in_another_form_is_not_quoted(
    odd: Odd, quick: CallLimits, protocol: str, reply: Reply
) -> None:
    """It is what a voice says to a visitor, and failures are logged."""
    odd.always(reply)
    assert "sister" not in str(await failure_of(odd, quick, protocol))


async def test_an_endless_answer_ends(
    odd: Odd, quick: CallLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before the memory is full."""
    monkeypatch.setattr("chat_backend.agents.models.client.MAX_BYTES", 10_000)
    odd.always(as_json({**chat(TEXT), "more": "x" * 20_000}))
    assert "more than 10000 bytes" in str(await failure_of(odd, quick))
    assert len(odd.received) == 1


async def test_models_and_voices_have_limits_of_their_own(odd: Odd) -> None:
    """Six calls of models at once by default."""
    busy: list[int] = [0, 0]

    def answer(_: Request) -> Reply:
        busy[0] += 1
        busy[1] = max(busy[1], busy[0])
        time.sleep(0.2)
        busy[0] -= 1
        return as_json(chat(TEXT))

    odd.answer = answer
    async with agents_of(odd, CallLimits(concurrency=Settings().llm_concurrency)) as agents:
        agent = agents.of("gpt-4o")
        await asyncio.gather(*(agent.respond(response_question("gpt-4o")) for _ in range(12)))
    assert busy[1] <= 6

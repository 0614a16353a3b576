"""Servers of models that are "compatible": how they are asked, what they answer, how they fail."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="needs the extra: uv sync --extra llm")

from chat_backend.agents.base import Agents, SpokenResponse
from chat_backend.agents.models.opening import open_agents
from chat_backend.agents.models.seats import Seat, decide
from chat_backend.agents.models.table import load_models
from chat_backend.errors import AgentFailed
from chat_backend.metrics import Metrics
from chat_backend.providers.calls import CallLimits
from chat_backend.providers.keys import Keys
from chat_backend.providers.servers import Remarks
from shared_schema.settings import Settings
from tests.providers.asking import comment_question, response_question
from tests.providers.conftest import SECRETS
from tests.providers.odd import Odd, Reply, Request, as_json

WORDS = "The harbour keeps the ropes."
ANSWER = {"text": WORDS, "voice_profile": "calm_soothing"}
TEXT = json.dumps(ANSWER)
# An agent of each protocol, where all agents' providers are the odd server.
AGENT = {
    "anthropic": "claude-opus-4-5",
    "responses": "gpt-5.2",
    "gemini": "gemini-3",
    "chat": "gpt-4o",
}


def chat(content: Any, *, finish: str = "stop", **message: Any) -> dict[str, Any]:
    """Return a chat completion."""
    whole = {"role": "assistant", "content": content, **message}
    return {"choices": [{"message": whole, "finish_reason": finish}]}


def in_protocol(path: str, text: str) -> dict[str, Any]:
    """Return an answer in the protocol that a path belongs to."""
    if path.endswith("/messages"):
        return {"content": [{"type": "text", "text": text}]}
    if path.endswith("/responses"):
        content = [{"type": "output_text", "text": text, "annotations": []}]
        item = {"type": "message", "id": "m", "role": "assistant", "status": "completed"}
        return {"output": [{**item, "content": content}]}
    if path.endswith(":generateContent"):
        return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]}
    return chat(text)


@asynccontextmanager
async def agents_of(
    odd: Odd, limits: CallLimits, remarks: Remarks | None = None, **more: Any
) -> AsyncIterator[Agents]:
    """Yield the agents of a show whose providers are all the odd server."""
    chosen: dict[str, Any] = {
        "anthropic_url": odd.url,
        "openai_url": f"{odd.url}/v1",
        "google_url": odd.url,
        "llm_url": f"{odd.url}/v1",
        "llm_model": "small",
    }
    settings = Settings(**{**chosen, **more})
    models = load_models(settings.agent_models)
    if not settings.agent_models:
        models.agents["gpt-4o"] = load_own()
    keys = Keys(SECRETS)
    seats = decide(settings, models, keys)
    async with open_agents(
        seats, keys, settings, Metrics(), limits=limits, remarks=remarks
    ) as agents:
        yield agents


def load_own() -> Any:
    """Return the agent that asks the server of RR_LLM_URL."""
    from chat_backend.agents.models.table import AgentModel  # noqa: PLC0415

    return AgentModel(provider="llm", model="small")


def seat_of(protocol: str) -> Seat:
    """Return an agent's seat in a protocol, at a server that nobody calls."""
    url = "http://localhost:1"
    settings = Settings(
        anthropic_url=url,
        openai_url=f"{url}/v1",
        google_url=url,
        llm_url=f"{url}/v1",
        llm_model="m",
    )
    models = load_models(None)
    models.agents["gpt-4o"] = load_own()
    agent_id: Any = AGENT[protocol]
    return decide(settings, models, Keys({})).taken[agent_id]


async def answer_of(
    odd: Odd, limits: CallLimits, protocol: str = "chat", **more: Any
) -> SpokenResponse:
    """Ask once."""
    agent_id: Any = AGENT[protocol]
    async with agents_of(odd, limits, **more) as agents:
        return await agents.of(agent_id).respond(response_question(agent_id))


async def failure_of(
    odd: Odd, limits: CallLimits, protocol: str = "chat", **more: Any
) -> AgentFailed:
    """Ask, and return why there was no answer."""
    with pytest.raises(AgentFailed) as raised:
        await answer_of(odd, limits, protocol, **more)
    assert raised.value.remedy, "an operator learns what to do"
    assert raised.value.error_type != "unknown"
    return raised.value


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        f"```json\n{TEXT}\n```",
        f"```\n{TEXT}\n```\nI hope that helps!",
        f"Certainly! Here it is: {TEXT} Anything else?",
        f"The braces {{ of a poet }} first. {TEXT}",
        f"<think>Shall I say {{'text': 'no'}}?</think>\n{TEXT}",
        f"I wonder, {{maybe}} not.\n</think>\n\n{TEXT}",
        f"\ufeff  {TEXT}",
        f"[{TEXT}]",
        json.dumps({"answer": ANSWER}),
        json.dumps(TEXT),
        TEXT[:-1] + ",}",
        str(ANSWER),
        TEXT.replace("calm_soothing", "Calm Soothing"),
        TEXT.replace("harbour", "har\\ud83dbour").replace("keeps", "keeps \\u0000"),
        TEXT.replace("ropes.", "ropes.\n"),
        [{"type": "text", "text": TEXT}],
        [{"type": "thinking", "thinking": [{"text": "{}"}]}, {"type": "text", "text": TEXT}],
        [TEXT[:20], TEXT[20:]],
        ANSWER,
    ],
)
async def test_an_answer_is_found_wherever_it_stands(
    odd: Odd, quick: CallLimits, content: Any
) -> None:
    """In fences, prose, after thoughts, in parts, by the letter of JSON or nearly."""
    odd.always(as_json(chat(content)))
    answer = await answer_of(odd, quick)
    assert answer.voice_profile == "calm_soothing"
    assert answer.text.startswith("The har")
    answer.text.encode()
    assert len(odd.received) == 1


@pytest.mark.parametrize(
    "reply",
    [
        chat(None, reasoning_content=f"Let me see. {TEXT}"),
        chat("", reasoning=TEXT),
        chat(None, tool_calls=[{"function": {"name": "answer", "arguments": TEXT}}]),
        chat(None, tool_calls=[{"function": {"name": "answer", "arguments": ANSWER}}]),
        chat(None, function_call={"name": "answer", "arguments": TEXT}),
        {"choices": [{"text": TEXT}]},
        {"message": {"role": "assistant", "content": TEXT}, "done": True},
        {"response": TEXT, "done": True},
        {**chat(TEXT), "usage": None, "id": None, "created": "yesterday", "model": None},
        {**chat(TEXT), "usage": {"prompt_tokens": "many", "total_tokens": -1}},
        {"choices": [{"message": {"content": TEXT}, "finish_reason": None, "index": "0"}]},
        {"error": None, **chat(TEXT)},
        chat(TEXT, finish="length"),
        chat(TEXT, finish="eos"),
    ],
)
async def test_an_answer_is_read_though_its_protocol_is_not_kept(
    odd: Odd, quick: CallLimits, reply: Any
) -> None:
    """What is left out is not missed."""
    odd.always(as_json(reply))
    assert (await answer_of(odd, quick)).text == WORDS


async def test_a_server_that_streams_all_the_same_is_read(odd: Odd, quick: CallLimits) -> None:
    """Its events add up to the answer."""
    events = [
        {"choices": [{"delta": {"content": TEXT[at : at + 9]}}]} for at in range(0, len(TEXT), 9)
    ]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    odd.always(Reply(body=body.encode(), headers={"content-type": "text/event-stream"}))
    assert (await answer_of(odd, quick)).text == WORDS


@pytest.mark.parametrize("protocol", AGENT)
async def test_every_protocol_is_read_generously(
    odd: Odd, quick: CallLimits, protocol: str
) -> None:
    """Without ids and usage, and with prose around the object."""
    odd.answer = lambda request: as_json(in_protocol(request.path, f"Here: ```{TEXT}```"))
    assert (await answer_of(odd, quick, protocol)).text == WORDS


@pytest.mark.parametrize("protocol", AGENT)
async def test_the_prompt_says_the_form(odd: Odd, quick: CallLimits, protocol: str) -> None:
    """In words, with its fields and an example: some servers ignore every schema."""
    odd.answer = lambda request: as_json(in_protocol(request.path, TEXT))
    await answer_of(odd, quick, protocol)
    prompt = json.dumps(odd.received[0].body)
    for said in ("one JSON object", "voice_profile", "playful_expressive", "For example"):
        assert said in prompt


async def test_a_comments_prompt_names_its_targets(odd: Odd, quick: CallLimits) -> None:
    """And a number in words is a number."""
    odd.always(as_json(chat(json.dumps({**ANSWER, "target_slot_id": "slot 4"}))))
    async with agents_of(odd, quick) as agents:
        comment = await agents.of("gpt-4o").comment(comment_question("gpt-4o"))
    assert comment.target_slot_id == 4
    assert "one of 2, 4, 5" in json.dumps(odd.received[0].body)


def refusing(*names: str, status: int = 400) -> Any:
    """Return a server that rejects requests with any of these names in them, naming it."""

    def answer(request: Request) -> Reply:
        sent = json.dumps({key: value for key, value in request.body.items() if key != "messages"})
        for name in names:
            if f'"{name}"' in sent:
                return as_json({"error": {"message": f"Unsupported parameter: '{name}'"}}, status)
        if "tools" in request.body:
            call = {"function": {"name": "answer", "arguments": TEXT}}
            return as_json(chat(None, tool_calls=[call]))
        return as_json(chat(TEXT))

    return answer


def form_of(request: Request) -> str:
    """Return how a request asks for JSON."""
    if "tools" in request.body:
        return "tool"
    form: str = request.body.get("response_format", {"type": "prompt"})["type"]
    return form


@pytest.mark.parametrize(
    ("rejected", "forms"),
    [
        ([], ["json_schema"]),
        (["json_schema"], ["json_schema", "tool"]),
        (["json_schema", "tools"], ["json_schema", "tool", "json_object"]),
        (["response_format", "tools"], ["json_schema", "tool", "json_object", "prompt"]),
    ],
)
async def test_a_server_is_asked_as_it_takes_it(
    odd: Odd, quick: CallLimits, rejected: list[str], forms: list[str]
) -> None:
    """JSON schema, else a tool, else JSON mode, else the prompt alone; remembered, and remarked."""
    odd.answer = refusing(*rejected)
    remarks = Remarks()
    async with agents_of(odd, quick, remarks) as agents:
        for _ in range(2):
            answer = await agents.of("gpt-4o").respond(response_question("gpt-4o"))
            assert answer.text == WORDS
    assert [form_of(each) for each in odd.received] == [*forms, forms[-1]]
    assert len(remarks.lines) == (1 if rejected else 0)


@pytest.mark.parametrize("status", [400, 404, 422, 500, 501])
async def test_what_is_learned_holds_for_all_agents_of_a_server(
    odd: Odd, quick: CallLimits, status: int
) -> None:
    """Whatever the status of its rejection."""
    odd.answer = refusing("response_format", "tools", status=status)
    settings = Settings(llm_url=f"{odd.url}/v1", llm_model="small")
    seats = decide(settings, load_models(None), Keys({}))
    async with open_agents(seats, Keys({}), settings, Metrics(), limits=quick) as agents:
        for agent_id in seats.taken:
            await agents.of(agent_id).respond(response_question(agent_id))
    assert len(odd.received) == 3 + 6


@pytest.mark.parametrize(
    ("rejected", "sent"),
    [
        (["max_completion_tokens"], ["max_completion_tokens", "max_tokens"]),
        (["max_completion_tokens", "max_tokens"], ["max_completion_tokens", "max_tokens", None]),
    ],
)
async def test_the_limit_on_tokens_is_called_as_the_server_calls_it(
    odd: Odd, quick: CallLimits, rejected: list[str], sent: list[str | None]
) -> None:
    """Or left out."""
    odd.answer = refusing(*rejected)
    await answer_of(odd, quick)
    names = ("max_completion_tokens", "max_tokens")
    found = [next((name for name in names if name in each.body), None) for each in odd.received]
    assert found == sent


@pytest.mark.parametrize(
    ("protocol", "rejected"),
    [
        ("anthropic", "output_config"),
        ("anthropic", "thinking"),
        ("responses", "text.format"),
        ("responses", "reasoning"),
        ("responses", "include"),
        ("gemini", "responseJsonSchema"),
        ("gemini", "thinkingConfig"),
    ],
)
async def test_in_other_protocols_what_is_rejected_is_left_out(
    odd: Odd, quick: CallLimits, protocol: str, rejected: str
) -> None:
    """A gateway between us and the provider may know less than the provider."""
    field = rejected.partition(".")[0]

    def answer(request: Request) -> Reply:
        if f'"{field}": {{' in json.dumps(request.body) or f'"{field}": [' in json.dumps(
            request.body
        ):
            return as_json({"error": {"message": f"Unknown name {rejected}"}}, 400)
        return as_json(in_protocol(request.path, TEXT))

    odd.answer = answer
    assert (await answer_of(odd, quick, protocol)).text == WORDS
    assert len(odd.received) == 2


async def test_a_rejection_that_names_nothing_is_met_with_the_prompt_alone(
    odd: Odd, quick: CallLimits
) -> None:
    """Once; where that is rejected, too, the words of the server are told."""
    odd.answer = lambda request: (
        as_json({}, 400) if "response_format" in request.body else as_json(chat(TEXT))
    )
    assert (await answer_of(odd, quick)).text == WORDS
    odd.received.clear()
    odd.always(as_json({"error": {"message": "Bad Request"}}, 400))
    assert "rejected the request (400): Bad Request" in str(await failure_of(odd, quick))
    assert len(odd.received) == 2


async def test_the_settings_file_says_what_a_server_takes(
    odd: Odd, quick: CallLimits, tmp_path: Path
) -> None:
    """Of a server, or of one agent's model."""
    file = tmp_path / "agents.toml"
    file.write_text(
        f'[servers.shelf]\nurl = "{odd.url}/v1"\nform = "json"\ntokens = "max_tokens"\n'
        '[agents.gpt-4o]\nprovider = "shelf"\nmodel = "a"\n'
        '[agents."gpt-5.1"]\nprovider = "shelf"\nmodel = "b"\nform = "prompt"\n',
        "utf-8",
    )
    odd.always(as_json(chat(TEXT)))
    async with agents_of(odd, quick, agent_models=file) as agents:
        await agents.of("gpt-4o").respond(response_question("gpt-4o"))
        await agents.of("gpt-5.1").respond(response_question("gpt-5.1"))
    assert [form_of(each) for each in odd.received] == ["json_object", "prompt"]
    assert all("max_tokens" in each.body for each in odd.received)


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
        (chat(None), "no usable answer", 2),
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
    """And is not asked for again."""
    odd.always(as_json(body))
    assert "refused to answer, or its filter did" in str(await failure_of(odd, quick, protocol))
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


async def test_a_forgotten_v1_is_found_once_and_remarked(odd: Odd, quick: CallLimits) -> None:
    """For the rest of the process's life."""
    odd.answer = lambda request: (
        as_json(chat(TEXT)) if request.path.startswith("/v1/") else Reply(status=404)
    )
    remarks = Remarks()
    async with agents_of(odd, quick, remarks, llm_url=odd.url) as agents:
        for _ in range(2):
            await agents.of("gpt-4o").respond(response_question("gpt-4o"))
    completions = "/chat/completions"
    assert odd.paths() == [completions, f"/v1{completions}", f"/v1{completions}"]
    assert remarks.lines == [f"llm answers at {odd.url}/v1: write the /v1 into its URL"]


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
    """In the words of an error, a page, and a 200."""
    key = {"anthropic": "ANTHROPIC", "gemini": "GOOGLE", "chat": "LLM"}.get(protocol, "OPENAI")
    secret = SECRETS[f"{key}_API_KEY"]
    for reply in (
        as_json({"error": {"message": f"bad key {secret}"}}, 401),
        as_json({"error": {"message": f"bad key {secret}"}}),
        Reply(body=f"<html><title>{secret}</title></html>".encode()),
        Reply(body=f"who is {secret}?".encode()),
    ):
        odd.always(reply)
        message = str(await failure_of(odd, quick, protocol))
        assert "[key]" in message
        assert "MARKED" not in message


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

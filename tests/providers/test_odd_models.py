"""Servers of models that are "compatible": how they are asked, what they answer, how they fail."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="needs the extra: uv sync --extra llm")

from chat_backend.agents.models.opening import open_agents
from chat_backend.agents.models.seats import decide
from chat_backend.agents.models.table import load_models
from chat_backend.metrics import Metrics
from chat_backend.providers.calls import CallLimits
from chat_backend.providers.keys import Keys
from chat_backend.providers.servers import Hints
from chat_backend.show.show import load_show
from shared_schema.settings import Settings
from tests.providers.asking import comment_question, response_question
from tests.providers.odd import Odd, Reply, Request, as_json
from tests.providers.odd_models import (
    AGENT,
    ANSWER,
    TEXT,
    WORDS,
    agents_of,
    answer_of,
    chat,
    failure_of,
    in_protocol,
)


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
        TEXT[:-1],
        "```json\n" + TEXT[:-1] + "\n```",
        TEXT.replace(", ", ", // my words\n"),
        TEXT.replace("voice_profile", "voiceProfile").replace("text", "Text"),
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


@pytest.mark.parametrize("wrong", [[None], {"a": 1}, 7, None])
@pytest.mark.parametrize("protocol", AGENT)
async def test_fields_of_another_type_are_not_missed(
    odd: Odd, quick: CallLimits, protocol: str, wrong: Any
) -> None:
    """Names, ids and numbers that the libraries insist on."""
    names = ("model", "id", "created_at", "usage", "status", "role", "modelVersion", "responseId")
    odd.answer = lambda request: as_json(
        in_protocol(request.path, TEXT) | dict.fromkeys(names, wrong)
    )
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
    """JSON schema, else a tool, else JSON mode, else the prompt alone; remembered, and hinted."""
    odd.answer = refusing(*rejected)
    hints = Hints()
    async with agents_of(odd, quick, hints) as agents:
        for _ in range(2):
            answer = await agents.of("gpt-4o").respond(response_question("gpt-4o"))
            assert answer.text == WORDS
    assert [form_of(each) for each in odd.received] == [*forms, forms[-1]]
    assert len(hints.lines) == (1 if rejected else 0)


@pytest.mark.parametrize("status", [400, 404, 422, 500, 501])
async def test_what_is_learned_holds_for_all_agents_of_a_server(
    odd: Odd, quick: CallLimits, status: int
) -> None:
    """Whatever the status of its rejection."""
    odd.answer = refusing("response_format", "tools", status=status)
    settings = Settings(llm_url=f"{odd.url}/v1", llm_model="small")
    seats = decide(settings, load_models(None), Keys({}))
    async with open_agents(seats, Keys({}), settings, Metrics(), limits=quick) as cast:
        agents = cast(load_show(settings))
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

"""Models over the wire: what is sent, and what becomes of every way in which a provider fails."""

import asyncio
import json
import time

import pytest

pytest.importorskip("pydantic_ai", reason="needs the extra: uv sync --extra llm")

from pydantic_ai.exceptions import ModelHTTPError, ModelServerError

from chat_backend.agents.base import MAX_CHARS
from chat_backend.agents.models.client import failure_of
from chat_backend.errors import AgentFailed
from chat_backend.metrics import Metrics
from chat_backend.providers.calls import CallLimits
from chat_backend.providers.keys import Keys
from chat_backend.providers.usage import Usage, charged_to
from shared_schema.ids import VOICE_PROFILES
from tests.providers.acts import RETRY_AFTER_S, Act
from tests.providers.asking import (
    KEY_OF,
    PROTOCOLS,
    SEAT_OF,
    agent_of,
    agents_at,
    comment_question,
    reply_question,
    response_question,
)
from tests.providers.conftest import SECRETS
from tests.providers.wire import ANSWER, TOKENS, Wire, schema_of

each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)
# Shorter than a hang, longer than any answer of a busy test machine.
SOON = CallLimits(call_s=0.7, attempts=2, first_pause_s=0.01, longest_pause_s=0.02, jitter_s=0.01)


@each_protocol
async def test_the_request_is_the_protocols(
    wire: Wire, keys: Keys, quick: CallLimits, protocol: str
) -> None:
    """The model by its name, its own key and no other, and the schema of the answer."""
    async with agents_at(wire, keys, quick) as agents:
        await agent_of(agents, protocol).comment(comment_question(SEAT_OF[protocol]))
    (request,) = wire.of(protocol)
    own = SECRETS[KEY_OF[protocol]]
    sent = " ".join(request.headers.values())
    assert own in sent
    assert not any(key in sent for key in SECRETS.values() if key != own)
    assert not any(key in json.dumps(request.body) for key in SECRETS.values())
    assert request.query == {}
    schema = schema_of(protocol, request.body)
    assert set(schema["required"]) == {"text", "voice_profile", "target_slot_id"}
    assert schema["properties"]["target_slot_id"]["enum"] == [2, 4, 5]
    assert set(schema["properties"]["voice_profile"]["enum"]) == set(VOICE_PROFILES)
    name = request.body.get("model", request.path)
    expected = {
        "anthropic": "claude-sonnet-5-5",
        "responses": "gpt-5.2",
        "gemini": "/v1beta/models/gemini-3.1-pro-preview:generateContent",
        "chat": "a-small-one",
    }
    assert name == expected[protocol]


@each_protocol
async def test_the_prompt_has_who_where_and_what(
    wire: Wire, keys: Keys, quick: CallLimits, protocol: str
) -> None:
    """The persona, the guide to the voices, the limits, and the room's words in their marks."""
    async with agents_at(wire, keys, quick) as agents:
        agent = agent_of(agents, protocol)
        await agent.respond(response_question(SEAT_OF[protocol], "Is » salt « old?", visits=12))
        await agent.reply(reply_question(SEAT_OF[protocol]))
    respond, reply = (json.dumps(each.body, ensure_ascii=False) for each in wire.of(protocol))
    persona = agents.describe(SEAT_OF[protocol]).split(",")[0]
    assert persona in respond
    assert all(profile in respond for profile in VOICE_PROFILES)
    assert f"at most {MAX_CHARS['response']} characters" in respond
    assert "«Is > salt < old?»" in respond
    assert "Earlier the same visitor said:" in respond, "no other visitor's words are remembered"
    assert "visit 11" in respond
    assert "visit 0:" not in respond, "the history has a bound"
    assert len(respond) < 9000
    assert "«Comment of slot 3, about foam.»" in reply
    assert "«Comment of slot 6, about foam.»" in reply


@each_protocol
@pytest.mark.parametrize(
    ("act", "error_type", "calls"),
    [
        ("401", "server_error", 1),
        ("429", "rate_limit", 3),
        ("429-long", "rate_limit", 1),
        ("500", "server_error", 3),
        ("cut", "network", 3),
        ("html", "server_error", 1),
        ("no-json", "server_error", 2),
        ("wrong-voice", "server_error", 2),
        ("essay", "server_error", 2),
        ("endless", "server_error", 1),
    ],
)
async def test_a_failure_is_an_error_of_its_type(  # noqa: PLR0917
    wire: Wire, keys: Keys, quick: CallLimits, protocol: str, act: Act, error_type: str, calls: int
) -> None:
    """After as many calls as make sense: again for what may pass, one correction for nonsense."""
    wire.script(protocol, act)
    async with agents_at(wire, keys, quick) as agents:
        with pytest.raises(AgentFailed) as raised:
            await agent_of(agents, protocol).respond(response_question(SEAT_OF[protocol]))
    assert raised.value.error_type == error_type
    assert len(wire.of(protocol)) == calls
    assert raised.value.__cause__ is None
    assert not any(key in str(raised.value) for key in SECRETS.values())
    assert len(str(raised.value)) < 300


@each_protocol
async def test_a_hang_is_a_timeout(wire: Wire, keys: Keys, protocol: str) -> None:
    """Within the limit of a call, as often as a call is made."""
    wire.script(protocol, "hang")
    async with agents_at(wire, keys, SOON) as agents:
        with pytest.raises(AgentFailed) as raised:
            await agent_of(agents, protocol).respond(response_question(SEAT_OF[protocol]))
    assert raised.value.error_type == "timeout"
    assert len(wire.of(protocol)) == SOON.attempts


async def test_a_server_that_is_not_there_is_a_network_error(
    wire: Wire, keys: Keys, quick: CallLimits
) -> None:
    """Nobody listens on port 9."""
    async with agents_at(wire, keys, quick, openai_url="http://127.0.0.1:9/v1") as agents:
        with pytest.raises(AgentFailed) as raised:
            await agent_of(agents, "responses").respond(response_question("gpt-5.2"))
    assert raised.value.error_type == "network"


@each_protocol
@pytest.mark.parametrize(
    ("acts", "calls"),
    [
        (["500", "500", "well"], 3),
        (["cut", "well"], 2),
        (["hang", "well"], 2),
        (["no-json", "well"], 2),
        (["essay", "well"], 2),
        (["wrong-voice", "500", "well"], 3),
    ],
)
async def test_what_passes_passes(  # noqa: PLR0917
    wire: Wire, keys: Keys, quick: CallLimits, protocol: str, acts: list[Act], calls: int
) -> None:
    """A failure that goes away, or an answer that is corrected, costs time and nothing else."""
    wire.script(protocol, *acts)
    usage = Usage()
    async with agents_at(wire, keys, quick) as agents:
        with charged_to(usage):
            answer = await agent_of(agents, protocol).respond(response_question(SEAT_OF[protocol]))
    assert answer.text == ANSWER
    assert len(wire.of(protocol)) == calls
    (row,) = usage.rows()
    failures = sum(act in ("500", "cut", "hang") for act in acts)
    assert (row.calls, row.failures, row.retries) == (calls, failures, failures)
    answered = calls - failures
    assert (row.input_tokens, row.output_tokens) == (answered * TOKENS[0], answered * TOKENS[1])
    assert row.seconds > 0.0


@each_protocol
async def test_a_wrong_target_is_corrected_once(
    wire: Wire, keys: Keys, quick: CallLimits, protocol: str
) -> None:
    """The model is told which slots there are; wrong again, the slot has an error that says so."""
    wire.script(protocol, "wrong-target", "well")
    async with agents_at(wire, keys, quick) as agents:
        agent = agent_of(agents, protocol)
        comment = await agent.comment(comment_question(SEAT_OF[protocol]))
        assert comment.target_slot_id == 2
        assert "choose one of 2, 4, 5" in json.dumps(wire.of(protocol)[1].body)
        wire.script(protocol, "wrong-target")
        with pytest.raises(AgentFailed, match="Slot 1 can't be commented on") as raised:
            await agent.comment(comment_question(SEAT_OF[protocol]))
    assert raised.value.error_type == "server_error"
    assert len(wire.of(protocol)) == 4


@each_protocol
async def test_retry_after_is_honoured(
    wire: Wire, keys: Keys, quick: CallLimits, protocol: str
) -> None:
    """No call comes earlier than the provider asked for."""
    wire.script(protocol, "429", "well")
    begun = time.monotonic()
    async with agents_at(wire, keys, quick) as agents:
        asked = time.monotonic()
        await agent_of(agents, protocol).respond(response_question(SEAT_OF[protocol]))
    assert begun <= asked
    assert time.monotonic() - asked >= RETRY_AFTER_S
    assert len(wire.of(protocol)) == 2


async def test_a_provider_that_is_down_is_left_alone(wire: Wire, keys: Keys) -> None:
    """After five failures no call is made; other providers are asked as before."""
    wire.script("anthropic", "500")
    metrics = Metrics()
    one_try = CallLimits(attempts=1)
    async with agents_at(wire, keys, one_try, metrics=metrics) as agents:
        for _ in range(8):
            with pytest.raises(AgentFailed) as raised:
                await agent_of(agents, "anthropic").respond(response_question("claude-opus-4-5"))
        assert len(wire.of("anthropic")) == 5
        assert "circuit is open" in str(raised.value)
        assert (await agent_of(agents, "gemini").respond(response_question("gemini-3"))).text
    text = metrics.text().decode()
    assert 'rr_provider_circuit_open{provider="anthropic",service="text"} 1.0' in text


async def test_calls_at_once_have_a_cap(wire: Wire, keys: Keys) -> None:
    """Twelve questions, two at a time, all answered."""
    wire.script("chat", "together")
    async with agents_at(wire, keys, CallLimits(concurrency=2)) as agents:
        agent = agent_of(agents, "chat")
        answers = await asyncio.gather(
            *(agent.respond(response_question("gpt-4o")) for _ in range(12))
        )
    assert len(answers) == 12
    assert wire.most_at_once["chat"] == 2


async def test_the_turns_time_is_kept(wire: Wire, keys: Keys) -> None:
    """A provider that hangs longer than the slot's share costs that share, and is a timeout."""
    wire.script("chat", "hang")
    async with agents_at(wire, keys, CallLimits(), chat_turn_timeout_s=1.0) as agents:
        with pytest.raises(AgentFailed) as raised:
            await agent_of(agents, "chat").respond(response_question("gpt-4o"))
    assert raised.value.error_type == "timeout"


async def test_who_stops_waiting_leaves_no_call_behind(
    wire: Wire, keys: Keys, quick: CallLimits
) -> None:
    """A cancelled question frees its place for the next."""
    wire.script("chat", "hang", "well")
    async with agents_at(wire, keys, CallLimits(concurrency=1)) as agents:
        agent = agent_of(agents, "chat")
        task = asyncio.create_task(agent.respond(response_question("gpt-4o")))
        while not wire.of("chat"):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await agent.respond(response_question("gpt-4o"))).text == ANSWER


def test_a_key_is_redacted_before_the_quotation_is_cut(keys: Keys) -> None:
    """Half a key is still half a key."""
    secret = SECRETS["OPENAI_API_KEY"]
    for before in range(120, 170):
        body = {"error": {"message": f"{'x' * before} {secret} was refused"}}
        error = ModelHTTPError.for_category(
            ModelServerError, status_code=500, model_name="gpt-5.2", body=body
        )
        assert "MARKED" not in str(failure_of(error, "openai"))

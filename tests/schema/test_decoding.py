"""What does not fit is refused with the name of the field."""

import tracemalloc

import msgspec
import pytest

from shared_schema import bus, chat
from shared_schema.decoding import InvalidMessage, WrongProtocol
from tests.schema.test_golden import MESSAGES, golden
from tests.support.sessions import session_id


def request(body: object) -> chat.ChatRequest:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return chat.decode_chat_request(raw, max_chars=100)


def slots(*pairs: tuple[object, object]) -> list[dict[str, object]]:
    return [{"slotId": slot, "agentId": agent} for slot, agent in pairs]


def test_a_bare_message_goes_to_all_six() -> None:
    """Left out, slots are all six with their default agents; the message is stripped."""
    wanted = request({"message": "  hello \n"})
    assert wanted.message == "hello"
    assert [slot.slot_id for slot in wanted.slots] == [1, 2, 3, 4, 5, 6]
    assert len({slot.agent_id for slot in wanted.slots}) == 6


def test_slots_are_put_in_order() -> None:
    """The order of a request's slots does not matter."""
    wanted = request({"message": "x", "slots": slots((5, "gpt-4o"), (2, "gpt-4o"))})
    assert [slot.slot_id for slot in wanted.slots] == [2, 5]


def test_fields_that_are_not_ours_are_ignored() -> None:
    """Existing clients send more than the contract names."""
    extra = {"inputSessionId": "abc", "userAudio": None, "meta": {"page": [1, {"deep": True}]}}
    wanted = request({"message": "x", "visitId": "tablet-1"} | extra)
    assert (wanted.visit_id, wanted.recording_id) == ("tablet-1", None)


def test_a_question_may_name_the_recording_that_it_was_heard_in() -> None:
    """Only an id of ours is one: it becomes the name of a folder that may be removed."""
    for named, recording in ((session_id(3), session_id(3)), (f"../{session_id(3)}", None)):
        assert request({"message": "x", "inputSessionId": named}).recording_id == recording
    for odd in (b"null", b"7", b"{}", b'"\xc3\xa9"', b'"' + session_id(3)[1:].encode() + b'"'):
        assert request(b'{"message":"x","inputSessionId":%s}' % odd).recording_id is None


@pytest.mark.parametrize("field", ["inputSessionId", "meta"])
def test_what_is_ignored_takes_no_memory(field: str) -> None:
    """Two megabytes of empty lists would be fifty as objects, for as long as they are held."""
    body = b'{"message":"x","%s":[%s]}' % (field.encode(), b"[]," * 650_000 + b"[]")
    tracemalloc.start()
    try:
        wanted = request(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert wanted.recording_id is None
    assert peak < 2 * len(body)
    assert bytes(wanted.input_session_id) == b"null"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "message"),
        ({"message": None}, "message"),
        ({"message": " \n "}, "message"),
        ({"message": "x" * 101}, "message"),
        ({"message": "x", "slots": []}, "slots"),
        ({"message": "x", "slots": slots(*[(1, "gpt-4o")] * 7)}, "slots"),
        ({"message": "x", "slots": slots((0, "gpt-4o"))}, "slots[0].slotId"),
        ({"message": "x", "slots": slots((7, "gpt-4o"))}, "slots[0].slotId"),
        ({"message": "x", "slots": slots((1, "gpt-4o"), (1, "gpt-5.1"))}, "slots[1].slotId"),
        ({"message": "x", "slots": slots((1, "hal-9000"))}, "slots[0].agentId"),
        ({"message": "x", "slots": [{"slotId": 1}]}, "slots[0].agentId"),
        ({"message": "x", "visitId": "a b"}, "visitId"),
        ({"message": "x", "visitId": "x" * 65}, "visitId"),
        ({"message": "x", "visitId": ""}, "visitId"),
        (b"not json", ""),
        (b"\xff\xfe", ""),
        (b"[" * 100_000, ""),
        (b'{"message":' + b"[" * 100_000, "message"),
    ],
)
def test_a_request_that_does_not_fit_names_the_field(body: object, field: str) -> None:
    """The error says where the trouble is."""
    with pytest.raises(InvalidMessage) as caught:
        request(body)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"epoch": ""}, "epoch"),
        ({"n": 0}, "n"),
        ({"fact": {"type": "no_such"}}, "fact.type"),
        (
            {"fact": {"type": "session_begun", "sessionId": "../../etc", "slots": []}},
            "fact.sessionId",
        ),
    ],
)
def test_a_bus_message_that_does_not_fit_names_the_field(
    change: dict[str, object], field: str
) -> None:
    """Also a session id that would lead out of the artifacts folder."""
    message = msgspec.json.decode(golden("fact_session_begun")) | change
    with pytest.raises(InvalidMessage) as caught:
        bus.decode_message(msgspec.json.encode(message))
    assert caught.value.field == field


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../x.wav",
        "a/../../x.wav",
        "a\n/../../x.wav",
        "a/",
        "C:/x.wav",
        "a\\b.wav",
        "",
        "a//b",
        "./a",
        "x\x00",
        "x\u2044..",
        "tts/.hidden/x.wav",
        "tts/ö.wav",
    ],
)
def test_a_path_outside_the_artifacts_folder_is_refused(path: str) -> None:
    """No message may name a file that is not ours."""
    message = msgspec.json.decode(golden("waves_finished"))
    message["result"]["result"]["utterance"]["wave"]["mixPath"] = path
    with pytest.raises(InvalidMessage) as caught:
        bus.decode_message(msgspec.json.encode(message))
    assert caught.value.field == "result.result.utterance.wave.mixPath"


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_of_another_protocol_version_is_known_as_one(name: str) -> None:
    """Also where the message still fits in everything else."""
    message = msgspec.json.decode(golden(name))
    with pytest.raises(WrongProtocol):
        bus.decode_message(msgspec.json.encode({**message, "protocol": 3}))


def test_another_protocol_version_differs_from_nonsense() -> None:
    """Where the message does not fit."""
    with pytest.raises(WrongProtocol) as wrong:
        bus.decode_message(b'{"type":"new_thing","protocol":1}')
    assert (wrong.value.theirs, wrong.value.ours) == (1, bus.PROTOCOL)
    with pytest.raises(InvalidMessage) as caught:
        bus.decode_message(b'{"type":"new_thing"}')
    assert not isinstance(caught.value, WrongProtocol)


def test_an_oversized_message_is_refused_unread() -> None:
    """The limit counts before anything is parsed."""
    with pytest.raises(InvalidMessage, match="limit"):
        bus.decode_message(b" " * (bus.MAX_MESSAGE_BYTES + 1))

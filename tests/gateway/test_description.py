"""What the documents say of the socket is what is sent, in a form that tools understand."""

import json
import os
from pathlib import Path
from typing import Any, get_args

import pytest

from event_gateway.commands.describe import describe
from shared_schema.events import ControlEvent, SessionEvent
from shared_schema.settings import Settings
from tests.events_page import PAGE, page

DOCS = Path(__file__).parents[2] / "docs"


def described() -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(json.dumps(describe(Settings())))
    return sent


def test_the_page_is_up_to_date() -> None:
    """docs/events.md: `python -m tests.events_page`."""
    assert PAGE.read_text("utf-8") == page()


def test_the_document_is_up_to_date() -> None:
    """docs/asyncapi.json: `python -m event_gateway describe > docs/asyncapi.json`."""
    assert json.loads((DOCS / "asyncapi.json").read_text("utf-8")) == described()


def test_every_message_is_in_it() -> None:
    """Each type that is sent or understood has a message, and each reference leads somewhere."""
    document = described()
    kinds = [*get_args(SessionEvent), *get_args(ControlEvent)]
    names = {kind.__struct_config__.tag for kind in kinds} | {"hello", "playback"}
    assert {each["name"] for each in document["components"]["messages"].values()} == names
    for reference in references(document):
        target: Any = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


def test_the_address_is_one_that_a_client_can_use() -> None:
    """IPv6 is in brackets, as in a URL."""
    server = describe(Settings(gateway_host="::1", gateway_port=9000))["servers"]["gateway"]
    assert server["host"] == "[::1]:9000"


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [each for value in node.values() for each in references(value)]
    if isinstance(node, list):
        return [each for value in node for each in references(value)]
    return []


def test_it_is_asyncapi_3() -> None:
    """Checked against AsyncAPI's own JSON Schema (npm `@asyncapi/specs`, through NODE_TOOLS)."""
    path = Path(os.environ.get("NODE_TOOLS", "node_modules")) / "@asyncapi/specs/schemas/3.0.0.json"
    required = os.environ.get("REQUIRE_BROWSER") == "1"
    if not path.is_file() and not required:
        pytest.skip("the npm package @asyncapi/specs is missing (NODE_TOOLS)")
    if not required:
        pytest.importorskip("jsonschema", reason="jsonschema is missing (group browser)")
    from jsonschema import Draft7Validator  # noqa: PLC0415  # it is optional

    validator = Draft7Validator(json.loads(path.read_text("utf-8")))
    assert [error.message for error in validator.iter_errors(described())] == []
    broken = described()
    del broken["info"]["version"]
    assert list(validator.iter_errors(broken)), "the schema notices nothing"

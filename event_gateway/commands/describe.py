"""Describes the socket as AsyncAPI 3, generated from the types of the messages."""

import inspect
from typing import Any, get_args

import msgspec

from shared_schema import SERVER_NAME, VERSION
from shared_schema.events import ClientMessage, ControlEvent, SessionEvent
from shared_schema.runtime.web.hosts import gateway_url
from shared_schema.settings import Settings

Kinds = tuple[type[msgspec.Struct], ...]

_SENT: Kinds = (*get_args(SessionEvent), *get_args(ControlEvent))
_RECEIVED: Kinds = get_args(ClientMessage)
_REF = "#/components/schemas/{name}"


def describe(settings: Settings) -> dict[str, Any]:
    """Return the document as plain dicts and lists."""
    kinds = (*_SENT, *_RECEIVED)
    _, schemas = msgspec.json.schema_components(kinds, ref_template=_REF)
    messages = {kind.__name__: _message(kind) for kind in kinds}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Reflective Resonance events",
            "version": VERSION,
            "description": (
                "What is ready to be played, for one TouchDesigner. "
                f"The server calls itself {SERVER_NAME}."
            ),
        },
        "servers": {
            "gateway": {
                "host": gateway_url(settings, "ws").removeprefix("ws://"),
                "protocol": "ws",
                "description": "This machine.",
            }
        },
        "defaultContentType": "application/json",
        "channels": {
            "events": {
                "address": settings.events_ws_path,
                "title": "Events",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            "sendEvents": _operation("send", _SENT),
            "receiveMessages": _operation("receive", _RECEIVED),
        },
        "components": {"messages": messages, "schemas": _portable(schemas)},
    }


def _portable(node: Any) -> Any:
    """Return a schema with JSON Schema's regular expressions, the same on any Python version."""
    if isinstance(node, dict):
        portable = {key: _portable(value) for key, value in node.items()}
        if isinstance(node.get("pattern"), str):
            portable["pattern"] = node["pattern"].replace(r"\A", "^").replace(r"\Z", "$")
        if isinstance(node.get("description"), str):
            # Before Python 3.13 docstrings are indented, and so is the description.
            portable["description"] = inspect.cleandoc(node["description"])
        return portable
    if isinstance(node, list | tuple):
        return [_portable(each) for each in node]
    return node


def _message(kind: type[msgspec.Struct]) -> dict[str, Any]:
    tag = kind.__struct_config__.tag
    return {
        "name": tag,
        "title": tag,
        "summary": (kind.__doc__ or "").strip().splitlines()[0],
        "payload": {"$ref": _REF.format(name=kind.__name__)},
    }


def _operation(action: str, kinds: Kinds) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/events"},
        "messages": [{"$ref": f"#/channels/events/messages/{kind.__name__}"} for kind in kinds],
    }

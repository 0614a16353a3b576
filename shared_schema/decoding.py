"""JSON in, typed Struct out, or an error that names the field; the errors of outside data."""

import re
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T")


class CamelStruct(Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """Base of everything that becomes JSON: snake_case in Python, camelCase outside.

    All of it are trees of immutable values, so none can be part of a cycle: ``gc=False`` spares the
    garbage collector the hundreds of thousands that a busy gateway holds.
    """


_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_ABSENT = re.compile(r"missing required field `(?P<name>[^`]+)`|unknown field `(?P<other>[^`]+)`")


class SchemaError(Exception):
    """Base of what can go wrong with data that entered a process."""


class InvalidMessage(SchemaError):
    """Bytes or JSON from outside that do not fit their type.

    Attributes
    ----------
    field : str
        Where the trouble is, e.g. ``slots[0].slotId``; empty for the whole document.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class WrongProtocol(InvalidMessage):
    """A bus message of another protocol version than ours.

    Attributes
    ----------
    theirs, ours : int
        The two versions.
    """

    def __init__(self, theirs: int, ours: int) -> None:
        super().__init__(f"uses protocol {theirs}, this process {ours}", field="protocol")
        self.theirs = theirs
        self.ours = ours


class OutsideArtifacts(SchemaError):
    """A path that leads out of the artifacts folder."""


class InvalidSetting(SchemaError):
    """An ``RR_`` variable that is unknown or whose value does not parse."""


# What a decoder of msgspec raises. DecodeError includes its ValidationError; for what is not UTF-8
# comes a UnicodeError, which is a ValueError.
UNREADABLE: Final = (msgspec.DecodeError, RecursionError, ValueError)


def invalid(error: Exception) -> InvalidMessage:
    """Turn one of UNREADABLE into an error that says which field is wrong and why."""
    if not isinstance(error, msgspec.DecodeError):
        return InvalidMessage(f"not readable as JSON: {type(error).__name__}")
    match = _PLACE.match(str(error))
    what, path = (match["what"], match["path"] or "") if match else (str(error), "")
    absent = _ABSENT.search(what)
    if absent:
        path = f"{path}.{absent['name'] or absent['other']}"
    return InvalidMessage(what, field=path.lstrip("."))


def decode(decoder: msgspec.json.Decoder[T], data: bytes | str) -> T:
    """Decode `data`.

    Raises
    ------
    InvalidMessage
        For anything that does not fit: not JSON, not UTF-8, too deep, wrong type, missing field.
    """
    try:
        return decoder.decode(data)
    except UNREADABLE as error:
        raise invalid(error) from error

"""Reads a TOML file that an artist edits; its errors name file, line, key and remedy."""

import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec.inspect import DictType, LiteralType, StructType, UnionType, VarTupleType

from shared_schema.decoding import InvalidSetting, invalid
from shared_schema.small_files import content_of

T = TypeVar("T")

_STEP: Final = re.compile(r"\[(?P<index>\d+)\]|\[\.\.\.\]|(?P<name>[^.\[\]]+)")
_BAD_KEY: Final = re.compile(r"^(?P<what>.*'(?P<name>[^']*)') - at `key` in `\$\.?(?P<path>.*)`$")
_LINE: Final = re.compile(r" \(at line (\d+), column \d+\)")
# Python reads no longer one, and does not say where it is.
_ENDLESS_NUMBER: Final = re.compile(rf"\d[\d_]{{{sys.int_info.default_max_str_digits},}}")
# Thirty times what a persona needs.
MAX_BYTES: Final = 1_000_000
# Of a line that is quoted, and of a whole message, which also goes over the bus.
_QUOTED_CHARS: Final = 80
_MESSAGE_CHARS: Final = 1000

Key = tuple[str | int, ...]


class TomlFile(Struct, frozen=True, kw_only=True):
    """A file's text and content. `setting` is the variable that named it, for messages."""

    path: Path
    text: str
    content: dict[str, Any]
    setting: str = ""

    def converted(self, kind: type[T], defaults: T | None = None) -> T:
        """Return the content as a `kind`; what it leaves out is that of `defaults`.

        In a table this holds for each of its keys.

        Raises
        ------
        InvalidSetting
            If a key is unknown or missing, or its value does not fit.
        """
        whole: dict[str, Any] = {} if defaults is None else msgspec.to_builtins(defaults)
        for name, value in self.content.items():
            tables = isinstance(value, dict) and isinstance(whole.get(name), dict)
            whole[name] = whole[name] | value if tables else value
        try:
            return msgspec.convert(whole, kind)
        except msgspec.ValidationError as error:
            problem, key = _place_of(error, whole, kind)
            raise self.refused(key, f"{problem}; {_remedy(kind, key, problem)}") from None

    def refused(self, key: Sequence[str | int], problem: str) -> InvalidSetting:
        """Return an error about a key."""
        return _error(self.path, self.setting, _line_of(self.text, key), _dotted(key), problem)


def read_toml(path: Path, *, setting: str = "") -> TomlFile:
    """Read a file.

    Raises
    ------
    InvalidSetting
        If it cannot be read, is too large, or is not TOML in UTF-8.
    """
    try:
        text = content_of(path, max_bytes=MAX_BYTES).decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise _error(path, setting, 0, "", error.strerror or str(error)) from None
    except UnicodeDecodeError:
        problem = "is not UTF-8; save it with this encoding"
        raise _error(path, setting, 0, "", problem) from None
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        line, problem = _mistake(text, error)
        raise _error(path, setting, line, "", problem) from None
    if not text.strip():
        # An editor may be about to write it; and whoever wants the defaults needs no file.
        raise _error(path, setting, 0, "", "is empty; take it away for the defaults")
    return TomlFile(path=path, text=text, content=content, setting=setting)


def _mistake(text: str, error: ValueError | RecursionError) -> tuple[int, str]:
    """Return the line that is no TOML, and what is wrong with it."""
    lines = text.splitlines() or [""]
    problem = _LINE.sub("", str(error))
    found = _LINE.search(str(error))
    line = int(found[1]) if found else len(lines)
    if not isinstance(error, (tomllib.TOMLDecodeError, RecursionError)):
        endless = (n for n, each in enumerate(lines, start=1) if _ENDLESS_NUMBER.search(each))
        line, problem = next(endless, line), "a number has too many digits"
    return line, f"{problem}; correct `{_cut(lines[line - 1].strip(), _QUOTED_CHARS)}`"


def _error(path: Path, setting: str, line: int, key: str, problem: str) -> InvalidSetting:
    place = f"{setting}={path}" if setting else str(path)
    message = ": ".join(filter(None, (f"{place}:{line}" if line else place, key, problem)))
    return InvalidSetting(_cut(message, _MESSAGE_CHARS))


def _cut(text: str, chars: int) -> str:
    return text if len(text) <= chars else f"{text[:chars]}..."


def _dotted(key: Sequence[str | int]) -> str:
    """Return a key as TOML writes it, with the numbers of elements from 0 in brackets."""
    parts = (
        f"[{step}]" if isinstance(step, int) else f".{step}" if "." not in step else f'."{step}"'
        for step in key
    )
    return "".join(parts).removeprefix(".")


def _place_of(error: msgspec.ValidationError, whole: dict[str, Any], kind: type) -> tuple[str, Key]:
    """Return what is wrong, and the key.

    The library writes ``[...]`` for the key of a mapping: it is the one without whose siblings the
    error is the same.
    """
    bad = _BAD_KEY.match(str(error))
    if bad is not None:
        path = tuple(step["name"] for step in _STEP.finditer(bad["path"]))
        return bad["what"], (*path, bad["name"])
    told = invalid(error)
    found: list[str | int] = []
    inner: Any = whole
    for step in _STEP.finditer(told.field):
        if step["index"] is not None:
            found.append(int(step["index"]))
        elif step["name"] is not None:
            found.append(step["name"])
        else:
            found.append(next(_guilty(whole, tuple(found), inner, kind, str(error)), "?"))
        inner = _at(inner, found[-1:])
    return str(told), tuple(found)


def _remedy(kind: type, key: Sequence[str | int], problem: str) -> str:
    """Return what to do about a key: add it, choose among what is known there, or correct it."""
    if "missing" in problem:
        return "add it"
    expected: Any = msgspec.inspect.type_info(kind)
    for step in key:
        match expected:
            case StructType(fields=fields):
                known = {each.encode_name: each.type for each in fields}
                if step not in known:
                    return f"known here are {', '.join(known)}"
                expected = known[str(step)]
            case DictType(key_type=names, value_type=inner):
                expected = names if "enum" in problem and step == key[-1] else inner
            case VarTupleType(item_type=inner):
                expected = inner
            case _:
                break
    if isinstance(expected, UnionType):
        expected = next((each for each in expected.types if isinstance(each, LiteralType)), None)
    if isinstance(expected, LiteralType):
        return f"choose one of {', '.join(map(str, expected.values))}"
    return "correct it or leave it out"


def _guilty(
    whole: dict[str, Any], path: Key, table: Any, kind: type, problem: str
) -> Iterator[str]:
    """Yield the keys of a table that alone make the same error."""
    for name in table:
        try:
            msgspec.convert(_replaced(whole, path, {name: table[name]}), kind)
        except msgspec.ValidationError as error:
            if str(error) == problem:
                yield name


def _replaced(value: Any, path: Sequence[str | int], new: Any) -> Any:
    if not path:
        return new
    return {**value, path[0]: _replaced(value[path[0]], path[1:], new)}


def _line_of(text: str, key: Sequence[str | int]) -> int:
    """Return the line of a key or of an element of its list; 0 if the file does not have it.

    A place where its name stands is the right one if another name there changes the key's value,
    but leaves the table or list that it is in.
    """
    content = tomllib.loads(text)
    while key:
        value = _at(content, key)
        name = value if isinstance(key[-1], int) else key[-1]
        if value is not None and isinstance(name, str):
            begin = name.split("\n", 1)[0]
            ends = [match.end() for match in re.finditer(re.escape(begin), text)]
            end = next(_right_ends(text, ends, key, value), None)
            if end is not None:
                return text.count("\n", 0, end - len(begin)) + 1
        key = key[:-1]
    return 0


def _right_ends(
    text: str, ends: Sequence[int], key: Sequence[str | int], value: Any
) -> Iterator[int]:
    """Yield those places among `ends`, where a name ends, at which changing it changes the value.

    Many are asked about at once: a persona's entry may be named in each of its sentences, and each
    answer costs reading the whole file.
    """
    if not ends:
        return
    pieces = (text[begin:end] for begin, end in pairwise((0, *ends, len(text))))
    try:
        other = tomllib.loads("_".join(pieces))
    except (ValueError, RecursionError):
        changed, whole = len(ends) > 1, False
    else:
        changed, whole = _at(other, key) != value, _at(other, key[:-1]) is not None
    if changed and len(ends) > 1:
        half = len(ends) // 2
        yield from _right_ends(text, ends[:half], key, value)
        yield from _right_ends(text, ends[half:], key, value)
    elif changed and whole:
        yield ends[0]


def _at(value: Any, key: Sequence[str | int]) -> Any:
    """Return the value of a key; None if there is none."""
    for step in key:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value

"""The environment: the shell's variables, and those of ``.env`` that the shell does not set.

``.env`` is parsed by our own rules, which are the usual ones except that backslashes stay as they
are, because of Windows paths. What cannot be read is refused with file, line and remedy.

honcho reads ``.env`` too, by the rules of a POSIX shell and in the system's code page, and its
values override the shell's variables: ``C:\\shows\\art`` becomes ``C:showsart``. Started with
``-e none``, as the documents do, it reads nothing. Otherwise `undo_honcho` undoes its exports at
the start of each of our processes, so that our parser applies, the shell's variables win, and
changes of ``.env`` take effect after a restart.
"""

import contextlib
import io
import os
import re
from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Final

from shared_schema.decoding import InvalidSetting
from shared_schema.small_files import UnfitFile, content_of

DOTENV: Final = Path(".env")
# honcho sets it for each process that it starts.
HONCHO_MARKER: Final = "HONCHO_PROCESS_NAME"

_LINE: Final = re.compile(
    r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=(?P<space>\s*+)"
    r"(?:'(?P<single>[^']*)'|\"(?P<double>(?:[^\"\\]|\\.)*|[^\"]*)\""
    # Possessive: a line of 200,000 spaces takes no longer than another.
    r"|(?P<plain>[^'\"\s](?:\S++|\s++(?!\#))*+|))"
    r"(?:\s+#.*)?"
)
_NAME: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)")
# How Windows' two shells set a variable.
_PROMPT: Final = re.compile(r"(?i:setx?\s+|\$env:)")
# Several times what all settings need, with comments. honcho's parser takes a second for a line as
# long as this, and minutes for one of a megabyte.
MAX_BYTES: Final = 100_000
# Prefixes and suffixes of settings and keys: read from the file each time, so that changes apply.
# Other variables, e.g. of a proxy, are for libraries, which read the environment only.
_READ_BY_US: Final = ("RR_", "_KEY")
_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
# Its own by default, or as the documents start it, with ``-X utf8``.
_HONCHO_ENCODINGS: Final = ("locale", "utf-8")
# As a word processor turns straight quotes into.
_TYPOGRAPHIC: Final = ("\u201c", "\u201d", "\u201e", "\u2018", "\u2019", "\u00ab")
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


def merged(environment: Mapping[str, str] | None, dotenv: Path | None) -> dict[str, str]:
    """Return the variables of `dotenv`, overridden by those of `environment` (default: our own).

    Raises
    ------
    InvalidSetting
        If the file cannot be read or parsed.
    """
    mine = os.environ if environment is None else environment
    return {**(read_dotenv(dotenv, mine) if dotenv is not None else {}), **mine}


def read_dotenv(path: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables in a file; none if there is no such file.

    ``${NAME}`` stands for a variable of an earlier line or of `environment`, but not in single
    quotes.

    Raises
    ------
    InvalidSetting
        Naming the file, the line and the remedy.
    """
    values: dict[str, str] = {}
    known = ChainMap(values, dict(environment))
    for number, line in enumerate(_text(path).split("\n"), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise InvalidSetting(f"{path}, line {number}: {_remedy(text)}")
        name, value = match["name"], match["single"]
        if name.upper().startswith("RR_") and not name.isupper():
            raise InvalidSetting(f"{path}, line {number}: write {name.upper()}, in capitals")
        if value is None:
            value = match["plain"]
            if value is None:
                value = match["double"].replace('\\"', '"')
            elif match["space"] and value.startswith("#"):
                value = ""
            elif value[:1] in _TYPOGRAPHIC:
                raise InvalidSetting(
                    f"{path}, line {number}: the quotes of {name} are typographic: write ' or \""
                )
            elif value.count('"') % 2:
                raise InvalidSetting(f"{path}, line {number}: a quote of {name} has no partner")
            value = _REFERENCE.sub(lambda found: known.get(found[1], ""), value)
        values[name] = value
    return values


def undo_honcho(
    environment: MutableMapping[str, str] | None = None, *, dotenv: Path = DOTENV
) -> None:
    """Undo honcho's exports from ``.env`` in `environment` (default: that of this process).

    A variable that honcho exported has the value that its parser reads in the file; one that a line
    of the Procfile has set differs. The shell's own variables are those of the nearest ancestor
    process that honcho did not start, which is honcho itself.
    """
    mine = os.environ if environment is None else environment
    under_honcho = mine.pop(HONCHO_MARKER, None) is not None
    exported = {
        name
        for encoding in _HONCHO_ENCODINGS
        for name, value in _as_honcho_reads(dotenv, encoding).items()
        if mine.get(name) == value
    }
    if not exported:
        return
    ours: dict[str, str] = {}
    with contextlib.suppress(InvalidSetting):  # reported when the settings are read
        ours = read_dotenv(dotenv, mine)
    # `honcho run` sets no marker: its exports are those that its parser reads differently.
    shells = _environment_above() if under_honcho else {}
    for name in exported:
        if name in shells:
            mine[name] = shells[name]
        elif under_honcho or ours.get(name) != mine[name]:
            if name.startswith(_READ_BY_US[0]) or name.endswith(_READ_BY_US[1]):
                del mine[name]
            else:
                mine[name] = ours.get(name, mine[name])


def add_to_dotenv(values: Mapping[str, str], path: Path = DOTENV) -> None:
    """Append variables to a file, in UTF-8; a new file is readable by its user only.

    PowerShell's ``>>`` would write UTF-16.

    Raises
    ------
    InvalidSetting
        If the file already has one of them, or cannot be read or written.
    """
    there = sorted(values.keys() & read_dotenv(path, {}).keys())
    if there:
        raise InvalidSetting(f"{path} has {', '.join(there)} already: remove the old lines first")
    lines = "".join(f"{name}='{value}'\n" for name, value in values.items())
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            if _text(path)[-1:] not in ("", "\n"):
                file.write(b"\n")
            file.write(lines.encode())
    except OSError as error:
        raise InvalidSetting(f"{path} cannot be written: {error.strerror or error}") from None


def _text(path: Path) -> str:
    # A folder is the virtual environment that some call so.
    if not os.path.lexists(path) or path.is_dir():
        return ""
    try:
        data = content_of(path, max_bytes=MAX_BYTES)
    except UnfitFile as error:
        raise InvalidSetting(f"{path} {error.strerror}") from None
    except OSError as error:
        raise InvalidSetting(f"{path} cannot be read: {error.strerror or error}") from None
    # Of UTF-16 without a mark, nearly each second byte is NUL.
    if data.startswith(_UTF_16) or data.count(0) > len(data) // 3:
        raise InvalidSetting(f"{path}, line 1: the file is in UTF-16: save it as UTF-8")
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise InvalidSetting(
            f"{path}, line {line}: it has a NUL byte: write the line anew, in UTF-8"
        )
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidSetting(
            f"{path}, line {line}: a character is not in UTF-8 (a Windows code page or Latin-1?):"
            " save the file as UTF-8"
        ) from None


def _remedy(text: str) -> str:
    """Return what is wrong with a line, without its value, which may be a secret."""
    prompt = _PROMPT.match(text)
    named = _NAME.match(text, prompt.end() if prompt else 0)
    name = named[1] if named else "NAME"
    if prompt is not None:
        return f"leave out {prompt[0].strip()}: write {name}=value"
    value = text.partition("=")[2].lstrip()
    if named and re.match(r"\s*=", text[named.end() :]) and value[:1] in ("'", '"'):
        if value.count(value[0]) == 1:
            return f"the quote of {name} is not closed: add {value[0]} at the end, or leave it out"
        return f"something follows the quoted value of {name}: put all of it in the quotes"
    if named and re.match(r"\s*:", text[named.end() :]):
        return f"write {name}=value, with = in place of the colon"
    return f"not a setting: write {name}=value"


def _as_honcho_reads(path: Path, encoding: str) -> dict[str, str]:
    try:
        content = io.BytesIO(content_of(path, max_bytes=MAX_BYTES))
        from honcho.environ import parse  # noqa: PLC0415  # only needed under honcho

        return dict(parse(io.TextIOWrapper(content, encoding=encoding).read()))
    except (OSError, ValueError):  # honcho cannot read it either, so it exported nothing
        return {}


def _environment_above() -> dict[str, str]:
    """Return the environment of the nearest ancestor process that honcho did not start."""
    import psutil  # noqa: PLC0415  # only under honcho

    with contextlib.suppress(psutil.Error, OSError):
        for process in psutil.Process().parents():
            environment = process.environ()
            if HONCHO_MARKER not in environment:
                return dict(environment)
    return {}

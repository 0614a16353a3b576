"""Errors of files that artists edit: the line, the key, the remedy."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chat_backend.agents.models.table import Models
from chat_backend.agents.offline.persona import Persona
from chat_backend.show.words import Words, default_words
from chat_backend.speech.voices import Voices
from chat_backend.toml_file import MAX_BYTES, TomlFile, read_toml
from shared_schema.decoding import InvalidSetting


def refusal(tmp_path: Path, kind: type, text: str) -> str:
    """What is said of a file."""
    path = tmp_path / "file.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(InvalidSetting) as raised:
        read_toml(path).converted(kind)
    return str(raised.value).removeprefix(str(path))


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        (Models, "agnts = 3", ":1: agnts: .* known here are agents, servers, speech"),
        (
            Models,
            '# gpt-4o\n[agents]\n"gpt-5.2" = {provider="x", model="m"}\n'
            'gpt-4o = {provider=3, model="m"}',
            r":4: agents\.gpt-4o\.provider: Expected `str`",
        ),
        (
            Models,
            '[agents]\ngpt-4o = {provider="x", model="m"}\n"gpt-5.2" = {provider="x", model=""}',
            r':3: agents\."gpt-5\.2"\.model: .*length',
        ),
        (
            Models,
            '[agents]\ngpt-9 = {provider="x", model="m"}',
            r":2: agents\.gpt-9: Invalid enum value 'gpt-9'; choose one of claude-opus-4-5, ",
        ),
        (
            Models,
            '[agents.gpt-4o]\nprovider = "x"',
            r":1: agents\.gpt-4o\.model: .*missing.*; add it",
        ),
        (
            Models,
            '[agents.gpt-4o]\nprovider = "x"\nmodel = "m"\ncost = "cheap"',
            r":4: agents\.gpt-4o\.cost: .*; choose one of high, low, middle, own",
        ),
        (
            Voices,
            '[elevenlabs.calm_soothing]\nvoice_id = "speed"\nspeed = 3',
            r":3: elevenlabs\.calm_soothing\.speed: Expected `float` <= 1\.2",
        ),
        (
            Voices,
            'guide.friendly_casual = """\nspeed\n"""\n[openai]\n'
            'calm_soothing = { voice = "calm_soothing", speed = 9 }',
            r":5: openai\.calm_soothing\.speed: ",
        ),
        (Models, "a = 3\nb 4", ":2: Expected '='"),
        (Models, "a = [\n", ":1: Invalid value"),
        (Models, "\n \n", ": is empty; take it away for the defaults"),
    ],
)
def test_the_place_and_the_remedy_are_named(
    kind: type, text: str, told: str, tmp_path: Path
) -> None:
    """Also where the same name stands elsewhere, in a string or in another table."""
    assert re.match(told, refusal(tmp_path, kind, text))


def test_an_element_of_a_list_has_its_own_line() -> None:
    """A sentence among many."""
    text = 'closings = [\n  "Bye.",\n  "Mind the gap.",\n]\n'
    file = TomlFile(path=Path("x.toml"), text=text, content={})
    assert str(file.refused(("closings", 1), "no")) == "x.toml:3: closings[1]: no"
    assert str(file.refused(("closings", 5), "no")) == "x.toml:1: closings[5]: no"
    assert str(file.refused(("openings", "greeting"), "no")) == "x.toml: openings.greeting: no"


NAMES = st.sampled_from(["a", "b", "speed", "gpt-5.2", "speed of b"])
TABLES = st.dictionaries(
    NAMES, st.dictionaries(NAMES, NAMES | st.integers(), min_size=1), min_size=1, max_size=4
)


@given(tables=TABLES)
def test_the_line_of_a_key_is_found(tables: dict[str, dict[str, str | int]]) -> None:
    """In any document, whatever its strings and comments look like."""
    lines: list[str] = []
    expected: dict[tuple[str, str], int] = {}
    for table, keys in tables.items():
        lines.append(f'["{table}"] # speed = 3')
        for key, value in keys.items():
            lines.append(f'"{key}" = {json.dumps(value)} # "{key}"')
            expected[table, key] = len(lines)
    text = "\n".join(lines)
    file = TomlFile(path=Path("x"), text=text, content=tables)
    for place, line in expected.items():
        assert str(file.refused(place, "no")).startswith(f"x:{line}: ")


def test_what_is_left_out_keeps_its_default(tmp_path: Path) -> None:
    """Also in tables, key by key; nothing else changes."""
    path = tmp_path / "words.toml"
    path.write_bytes(b'\xef\xbb\xbfplace = "A cave."\r\n[lengths]\r\ncomment = 120\r\n')
    words, default = read_toml(path).converted(Words, default_words()), default_words()
    assert words.place == "A cave."
    assert (words.manner, words.asked) == (default.manner, default.asked)
    assert words.lengths == structs.replace(default.lengths, comment=120)


def test_what_cannot_be_read_is_named_with_its_setting(tmp_path: Path) -> None:
    """A folder, another encoding, nothing at all."""
    (tmp_path / "latin.toml").write_bytes(b'a = "\xe4"')
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "large.toml").write_bytes(b"\n" * (MAX_BYTES + 1))
    for name, told in (
        ("none", "No such file"),
        ("latin.toml", "save it with this encoding"),
        ("large.toml", "is larger than"),
        ("folder.toml", "is a folder"),
    ):
        with pytest.raises(InvalidSetting, match=rf"RR_X=.*{name}: .*{told}"):
            read_toml(tmp_path / name, setting="RR_X")


def test_a_name_that_stands_in_every_sentence_is_found_in_few_readings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An artist's session waits for the line of a mistake: not once for each of its sentences."""
    sentences = "".join(f'  "Of {{weather}} number {n}.",\n' for n in range(1_000))
    text = f"thoughts = [\n{sentences}]\n[lexicon]\nweather = 3\n"
    read, load = 0, tomllib.loads

    def counted(each: str) -> dict[str, Any]:
        nonlocal read
        read += 1
        return load(each)

    monkeypatch.setattr(tomllib, "loads", counted)
    file = TomlFile(path=Path("x"), text=text, content={})
    assert str(file.refused(("lexicon", "weather"), "no")) == "x:1004: lexicon.weather: no"
    assert read <= 30


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("a = " + "9" * 5000, "too many digits; correct `a = 999"),
        ("a = 1" + "_0" * 5000, "too many digits; correct `a = 1_0"),
        ("a = " + "[" * 5000, "correct `a = ["),
        ("a = b" + "b" * 5000, "correct `a = bbb"),
    ],
)
def test_a_line_that_is_too_much_is_named_and_quoted_in_part(
    line: str, told: str, tmp_path: Path
) -> None:
    """Python's own words name neither the line nor a remedy of an artist's."""
    (tmp_path / "a.toml").write_text(f"b = 1\n{line}\n", "utf-8")
    with pytest.raises(InvalidSetting) as raised:
        read_toml(tmp_path / "a.toml")
    assert told in str(raised.value)
    assert len(str(raised.value)) < 500


def test_a_value_is_not_repeated_at_length(tmp_path: Path) -> None:
    """The message goes into the log, and over the bus."""
    (tmp_path / "a.toml").write_text(f'agent = "{"x" * 5000}"\n', "utf-8")
    with pytest.raises(InvalidSetting) as raised:
        read_toml(tmp_path / "a.toml").converted(Persona)
    assert "a.toml:1: agent: " in str(raised.value)
    assert len(str(raised.value)) < 1100

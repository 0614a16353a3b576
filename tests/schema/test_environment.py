"""What is read in ``.env``, what is refused there, and what becomes of honcho's own reading."""

import os
import re
import stat
import sys
from pathlib import Path

import pytest

from shared_schema.decoding import InvalidSetting
from shared_schema.environment import (
    HONCHO_MARKER,
    MAX_BYTES,
    add_to_dotenv,
    read_dotenv,
    undo_honcho,
)
from shared_schema.settings import load_settings
from tests.support.platforms import make_link


@pytest.fixture
def dotenv(tmp_path: Path) -> Path:
    return tmp_path / ".env"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("X=1", "1"),
        ("export X = 1 ", "1"),
        ("X=", ""),
        ("X= # nothing", ""),
        ("X=#fff", "#fff"),
        ("X=a#b # said aside", "a#b"),
        ("X=it's", "it's"),
        (r"X=C:\shows\art", r"C:\shows\art"),
        (r'X="C:\shows\new art" # quoted', r"C:\shows\new art"),
        (r'X="C:\shows\"', "C:\\shows\\"),
        (r'X="\\nas\Bühne"', r"\\nas\Bühne"),
        (r'X="a \"b\""', 'a "b"'),
        (r"X='${HOME} \'", "${HOME} \\"),
        ("X=${HOME}/art", "/home/artist/art"),
        ("Y=2\nX=${Y}${Z}", "2"),
        ("\N{BYTE ORDER MARK}X=1", "1"),
    ],
)
def test_a_value_is_what_was_meant(line: str, value: str, dotenv: Path) -> None:
    """Comments, quotes, references; a backslash stays one; line ends of any system."""
    for end in ("", "\n", "\r\n"):
        dotenv.write_bytes((line.replace("\n", end or "\n") + end).encode())
        assert read_dotenv(dotenv, {"HOME": "/home/artist"})["X"] == value


@pytest.mark.parametrize(
    ("content", "line", "remedy"),
    [
        ("RR_SEED=7\r\n".encode("utf-16"), 1, "save it as UTF-8"),
        ("RR_SEED=7\n".encode("utf-16-le"), 1, "save it as UTF-8"),
        ("\nRR_ARTIFACTS_DIR=Bühne\n".encode("latin-1"), 2, "save the file as UTF-8"),
        ("# \N{EURO SIGN}\n".encode("cp1252"), 1, "save the file as UTF-8"),
        (b"\nRR_SEED 1\n", 2, "write RR_SEED=value"),
        (b"RR_SEED: 1\n", 1, "write RR_SEED=value"),
        (b"RR_SEED\n", 1, "write RR_SEED=value"),
        (b"set RR_SEED=1\n", 1, "leave out set: write RR_SEED=value"),
        (b"SETX RR_SEED 1\n", 1, "leave out SETX: write RR_SEED=value"),
        (b'$env:RR_SEED = "1"\n', 1, "leave out $env:: write RR_SEED=value"),
        (b"#\nRR_SEED=7\0\nRR_LLM_MODEL=x\n", 2, "NUL byte"),
        (b"RR_EVENTS_TOKEN= 'hush\n", 1, "not closed"),
        (b"RR_EVENTS_TOKEN= 'hush' hush\n", 1, "in the quotes"),
        (b'RR_EVENTS_TOKEN="hush\nRR_SEED=1\n', 1, "not closed"),
        (b'RR_EVENTS_TOKEN="hush\nRR_LLM_MODEL="x"\n', 1, "not closed"),
        (b"RR_EVENTS_TOKEN='hush\n", 1, "not closed"),
        (b'RR_EVENTS_TOKEN=hush"\n', 1, "no partner"),
        ("RR_EVENTS_TOKEN=\u201chush\u201d\n".encode(), 1, "typographic"),
        (b'RR_EVENTS_TOKEN="hush" hush\n', 1, "in the quotes"),
        (b"rr_seed=1\n", 1, "write RR_SEED"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    content: bytes, line: int, remedy: str, dotenv: Path
) -> None:
    """It names the file, the line and the remedy, and no value."""
    dotenv.write_bytes(content)
    with pytest.raises(InvalidSetting, match=rf"{re.escape(str(dotenv))}, line {line}: ") as raised:
        load_settings({}, dotenv=dotenv)
    assert remedy in str(raised.value)
    assert "hush" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_file_and_a_folder_of_that_name_say_nothing(dotenv: Path) -> None:
    """Some keep a virtual environment there."""
    assert read_dotenv(dotenv, {}) == {}
    dotenv.mkdir()
    assert read_dotenv(dotenv, {}) == {}


def test_a_link_that_leads_nowhere_is_named(dotenv: Path) -> None:
    """It was meant to be read."""
    make_link(dotenv, Path("gone"))
    with pytest.raises(InvalidSetting, match="leads nowhere"):
        read_dotenv(dotenv, {})


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "content",
    [
        "RR_SHOW=a" + " " * 1_000_000 + "b",
        "\n".join(f"A{n}=${{B}}" for n in range(150_000)),
    ],
    ids=["spaces", "lines"],
)
def test_what_is_long_takes_no_longer_than_its_length(
    content: str, dotenv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Far beyond what is read, trying each space or line with each other would take minutes."""
    monkeypatch.setattr("shared_schema.environment.MAX_BYTES", len(content))
    dotenv.write_text(content, "utf-8")
    assert read_dotenv(dotenv, {})


@pytest.mark.timeout(60)
def test_a_file_that_cannot_be_meant_is_not_read(dotenv: Path) -> None:
    """A log, a disk image; honcho's parser does not get it either."""
    dotenv.write_bytes(b"A=" + b"x" * 30 * MAX_BYTES)
    with pytest.raises(InvalidSetting, match=r"\.env is larger than 100,000 bytes: shorten"):
        read_dotenv(dotenv, {})
    environment = {HONCHO_MARKER: "chat.1", "A": "1"}
    undo_honcho(environment, dotenv=dotenv)
    assert environment == {"A": "1"}


def test_what_honcho_exported_is_taken_back(dotenv: Path) -> None:
    """Settings and keys are then read in the file; what libraries read keeps its right value."""
    lines = (r"RR_ARTIFACTS_DIR=C:\shows\art", r"PROXY_RULES=C:\a b", "RR_SEED=7", "A_KEY=x-y")
    dotenv.write_text("\n".join(lines), "utf-8")
    environment = {
        HONCHO_MARKER: "chat.1",
        "RR_ARTIFACTS_DIR": "C:showsart",
        "PROXY_RULES": "C:ab",
        "RR_SEED": "7",
        "A_KEY": "x-y",
        "RR_CHAT_PORT": "9001",
    }
    undo_honcho(environment, dotenv=dotenv)
    assert environment == {"PROXY_RULES": r"C:\a b", "RR_CHAT_PORT": "9001"}


def test_honcho_may_have_read_the_file_in_either_encoding(
    dotenv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the code page, as it does by default on Windows, or in UTF-8, as the documents say."""
    monkeypatch.setattr("shared_schema.environment._HONCHO_ENCODINGS", ("cp1252", "utf-8"))
    dotenv.write_text("RR_ARTIFACTS_DIR=C:\\Bühne 1\n", "utf-8")
    for read in ("C:BÃ¼hne1", "C:Bühne1"):
        environment = {HONCHO_MARKER: "chat.1", "RR_ARTIFACTS_DIR": read}
        undo_honcho(environment, dotenv=dotenv)
        assert environment == {}, read
    assert load_settings({}, dotenv=dotenv).artifacts_dir == Path("C:\\Bühne 1")


def test_what_was_set_closer_than_the_file_stays(dotenv: Path) -> None:
    """A value that honcho does not read in the file is not honcho's."""
    dotenv.write_text("RR_ARTIFACTS_DIR=C:\\shows\\art\n", "utf-8")
    environment = {HONCHO_MARKER: "chat.1", "RR_ARTIFACTS_DIR": "elsewhere"}
    undo_honcho(environment, dotenv=dotenv)
    assert environment == {"RR_ARTIFACTS_DIR": "elsewhere"}


def test_without_honcho_only_what_it_would_have_spoilt_is_taken_back(dotenv: Path) -> None:
    """`honcho run` leaves no marker."""
    dotenv.write_text("RR_ARTIFACTS_DIR=C:\\shows\\art\nRR_SEED=7\n", "utf-8")
    environment = {"RR_ARTIFACTS_DIR": "C:showsart", "RR_SEED": "7"}
    undo_honcho(environment, dotenv=dotenv)
    assert environment == {"RR_SEED": "7"}


def test_keys_are_added_to_the_file_once(dotenv: Path) -> None:
    """After a last line without an end too; a file that was made is for its user only."""
    add_to_dotenv({"A": "1"}, dotenv)
    if sys.platform != "win32":
        assert stat.S_IMODE(dotenv.stat().st_mode) == 0o600
    dotenv.write_text("A=1", "utf-8")
    add_to_dotenv({"B": "#2", "C": "3"}, dotenv)
    assert read_dotenv(dotenv, os.environ) == {"A": "1", "B": "#2", "C": "3"}
    with pytest.raises(InvalidSetting, match=r"has B already"):
        add_to_dotenv({"B": "4"}, dotenv)

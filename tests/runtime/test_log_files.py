"""Log files: bounded, whole, and back after whatever happens to them."""

import json
import subprocess
import sys
import unicodedata
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_schema.runtime.log.files import LogFiles
from shared_schema.runtime.log.said import REPLACEMENT, RUN_WORDS, TEXTS_MAX, Said
from tests.support.platforms import PIPES, posix

from .toys import ROOT

SECRET = "I stole my sister's wedding ring, and buried it"  # noqa: S105  # a visitor's
LOG = """
import sys, structlog, logging
from pathlib import Path
from shared_schema.runtime.log.files import LogFiles
from shared_schema.runtime.log.logs import configure_logging
from shared_schema.runtime.log.said import said
files = LogFiles(folder=Path(sys.argv[1]), max_bytes=4000, count=3)
configure_logging(level="info", form=sys.argv[2], service="chat", files=files)
log = structlog.get_logger("toy")
"""


def run(script: str, *arguments: object) -> str:
    """Run a process that logs; return its stderr."""
    ended = subprocess.run(
        [sys.executable, "-c", LOG + script, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
        encoding="utf-8",
    )
    return ended.stderr


def test_they_have_every_line_and_are_bounded(tmp_path: Path) -> None:
    """The newest lines are in the newest file, each whole, and no more files than are set."""
    run("for n in range(400): log.info('line', number=n)", tmp_path / "logs", "text")
    files = [tmp_path / "logs" / name for name in ("chat.log", "chat.log.1", "chat.log.2")]
    assert sorted((tmp_path / "logs").iterdir()) == sorted(files)
    assert all(path.stat().st_size <= 4000 for path in files)
    lines = [line for path in reversed(files) for line in path.read_text("utf-8").splitlines()]
    numbers = [int(line.partition("number=")[2]) for line in lines]
    assert numbers == list(range(numbers[0], 400))


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_log_has_what_was_said(tmp_path: Path, form: str) -> None:
    """Whoever quotes it: our fields, a library's line, an exception deep in a task."""
    script = f"""
said.note({SECRET!r})
log.warning("slot failed", reason="refused (400): the prompt {SECRET} is unsafe")
logging.getLogger("httpx").warning("cannot send %r", {SECRET!r})
try:
    raise ValueError({SECRET!r}) from OSError("stole MY sister's, wedding")
except ValueError:
    log.exception("it broke")
"""
    stderr = run(script, tmp_path, form)
    text = (tmp_path / "chat.log").read_text("utf-8")
    assert text == stderr
    for word in ("stole", "sister", "wedding", "buried"):
        assert word not in text.lower()
    assert text.count(REPLACEMENT) >= 4
    assert "refused (400): the prompt" in text
    assert "it broke" in text


@posix("files that can be removed while they are open")
def test_a_file_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    """So is its folder; what cannot be written is lost in the file only."""
    script = """
from shared_schema.runtime.log.output import drain_outputs
import shutil
for number, there in enumerate((True, False, True)):
    folder = Path(sys.argv[1])
    if folder.is_dir(): shutil.rmtree(folder)
    folder.unlink(missing_ok=True)
    if not there: folder.write_text("in the way")
    log.info("line", number=number)
    drain_outputs(5)
"""
    stderr = run(script, tmp_path / "logs", "text")
    numbers = [line[-1] for line in stderr.splitlines() if "number=" in line]
    assert numbers == ["0", "1", "2"]
    assert (tmp_path / "logs/chat.log").read_text("utf-8").splitlines()[-1].endswith("number=2")


@given(st.lists(st.sampled_from("abcdefgh"), min_size=RUN_WORDS, max_size=12), st.data())
def test_a_run_of_its_words_is_hidden_wherever_it_stands(
    words: list[str], data: st.DataObject
) -> None:
    """In any case, with any signs between them."""
    private = Said()
    private.note(" ".join(words))
    begin = data.draw(st.integers(0, len(words) - RUN_WORDS))
    quote = ", ".join(words[begin : begin + RUN_WORDS]).upper()
    assert private.hidden(f"before: {quote}; after") == f"before: {REPLACEMENT}; after"


UNSPACED = "\u6211\u5077\u4e86\u6211\u59d0\u59d0\u7684\u6212\u6307\uff0c\u85cf\u5728\u82b1\u5712"
UMLAUTS = "Fr\u00fch m\u00fcde \u00fcber \u201eBr\u00fccken\u201c gehen"


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        (UMLAUTS, json.dumps(UMLAUTS)),
        (UMLAUTS, json.dumps(json.dumps(UMLAUTS))),
        (UMLAUTS, repr(UMLAUTS.encode())),
        (UMLAUTS, ascii(UMLAUTS)),
        (UMLAUTS, quote(UMLAUTS)),
        (UMLAUTS, unicodedata.normalize("NFD", UMLAUTS)),
        (UMLAUTS, "".join(f"&#{ord(each)};" for each in UMLAUTS)),
        ("one\ntwo\nthree\nfour", repr("one\ntwo\nthree\nfour")),
        (UNSPACED, UNSPACED),
        (UNSPACED, UNSPACED[2:8]),
        (UNSPACED, json.dumps(UNSPACED)),
    ],
)
def test_a_quotation_is_recognised_in_every_writing(text: str, quoted: str) -> None:
    """As JSON, Python and the web escape it, and in a script without spaces."""
    private = Said()
    private.note(text)
    hidden = private.hidden(f"refused (400): {quoted}")
    assert hidden.startswith("refused (400): ")
    assert hidden.count(REPLACEMENT) == 1
    rest = hidden.removeprefix("refused (400): ").removeprefix("b")
    assert not any(each.isalnum() for each in rest.replace(REPLACEMENT, ""))


def test_a_line_that_quotes_nothing_is_as_it_was() -> None:
    """Its escapes too: a path of Windows has backslashes."""
    private = Said()
    private.note("What does the water know?")
    line = r"cannot read C:\new\table%20two\u0041.wav &amp; so on"
    assert private.hidden(line) == line


def test_short_texts_and_names() -> None:
    """A single word hides itself in sentences, and no id or number; nothing said hides nothing."""
    private = Said()
    assert private.hidden("no secret yet") == "no secret yet"
    private.note("Gemini")
    private.note("...")
    assert private.hidden("agent gemini refused") == f"agent {REPLACEMENT} refused"
    assert private.hidden("gemini-3") == "gemini-3"


def test_only_the_newest_texts_are_kept() -> None:
    """Memory is bounded; a text that is still among them stays hidden."""
    private = Said()
    for number in range(TEXTS_MAX + 1):
        private.note(f"a b c d{number} e")
    private.note("a b c d1 e")
    for number in range(TEXTS_MAX):
        private.note(f"p q r s{number}")
        private.note("p q r s")
    assert private.hidden("x a b c d0 e x") == "x a b c d0 e x"
    assert private.hidden("x p q r s x") == f"x {REPLACEMENT} x"


def test_one_file_is_enough(tmp_path: Path) -> None:
    """With a single file it begins anew."""
    files = LogFiles(folder=tmp_path, max_bytes=10, count=1)
    with files.open("one", lambda _: None, lambda *_: None) as output:
        for number in range(5):
            output.write(f"line {number}\n")
        output.drain(5.0)
    assert (tmp_path / "one.log").read_text() == "line 4\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "one.log"]


@PIPES
@pytest.mark.timeout(60)
def test_a_file_that_cannot_be_written_is_named_once_until_it_can(tmp_path: Path) -> None:
    """On stderr, where something is in the way; no line waits, and each is tried again."""
    script = """
from shared_schema.runtime.log.output import drain_outputs
import os, shutil
folder = Path(sys.argv[1])
path = folder / "chat.log"
theirs = folder.parent / "theirs"
for put in (
    os.mkfifo,
    os.mkdir,
    lambda path: path.symlink_to(theirs),
    lambda path: (folder.rmdir(), folder.write_text("in the way")),
):
    folder.mkdir(exist_ok=True)
    put(path)
    for number in range(3):
        log.info("line", number=number)
        drain_outputs(5)
    for each in (path, folder):
        if each.is_dir(): shutil.rmtree(each)
        elif os.path.lexists(each): each.unlink()
    assert not theirs.exists()
    log.info("line", number=3)
    drain_outputs(5)
    assert path.read_text("utf-8").endswith("number=3\\n")
    shutil.rmtree(folder)
"""
    said = run(script, tmp_path / "logs", "text").splitlines()
    told = [line for line in said if "log file not written" in line]
    assert 'chat.log reason="is a pipe' in told[0]
    assert 'chat.log reason="is a folder' in told[1]
    assert 'chat.log reason="is a link' in told[2]
    assert 'logs reason="is no folder' in told[3]
    assert len(told) == 4

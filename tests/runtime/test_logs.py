"""What a log line looks like, in a process of its own: the configuration is the process's."""

import io
import json
import os
import re
import subprocess
import sys

import pytest

from shared_schema.runtime.log.logs import _wants_colours
from tests.support.platforms import posix

from .toys import ROOT

SPEAK = """
import logging, sys, structlog
log = structlog.get_logger("toy")
from shared_schema.runtime.log.logs import configure_logging
configure_logging(level="info", form=sys.argv[1], service="gateway")
log.debug("never seen")
log.info("event sent", session="5f2c", seq=1, text='Gr\\u00fc\\u00dfe "\\n\\udc80', empty="")
logging.getLogger("uvicorn.error").info("never seen")
logging.getLogger("uvicorn.error").error("cancel %s tasks", 3)
try:
    raise ValueError("broke")
except ValueError:
    log.exception("it broke")
"""


LAST_DESCRIPTOR = """
import logging, resource
from shared_schema.runtime.log.logs import configure_logging
configure_logging(level="info", form="text", service="gateway")
resource.setrlimit(resource.RLIMIT_NOFILE, (0, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
logging.getLogger("asyncio").error("socket.accept() out of system resource\\nsocket: 4")
"""


def speak(form: str, *, encoding: str = "cp1252") -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", SPEAK, form],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )
    assert run.stdout == b""
    return run.stderr.decode("utf-8").splitlines()


def test_text_is_one_readable_line() -> None:
    first, second, third, *traceback = speak("text")
    stamp = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")
    assert stamp.sub("", first) == (
        'info    gateway  event sent  session=5f2c seq=1 text="Grüße \\"\\n\\udc80" empty=""'
    )
    assert stamp.sub("", second) == "error   gateway  cancel 3 tasks"
    assert stamp.sub("", third) == "error   gateway  it broke"
    assert (traceback[0], traceback[-1]) == (
        "Traceback (most recent call last):",
        "ValueError: broke",
    )


def test_json_is_one_object_a_line() -> None:
    first, second, third = [json.loads(line) for line in speak("json")]
    assert first.pop("ts").endswith("Z")
    assert first == {
        "level": "info",
        "service": "gateway",
        "event": "event sent",
        "session": "5f2c",
        "seq": 1,
        "text": 'Grüße "\n\udc80',
        "empty": "",
    }
    assert (second["level"], second["event"]) == ("error", "cancel 3 tasks")
    assert third["exception"].endswith("ValueError: broke")


@posix("limit on open files")
def test_a_line_needs_no_file_that_can_still_be_opened() -> None:
    """Not for the codec that escapes line ends either."""
    run = subprocess.run(
        [sys.executable, "-c", LAST_DESCRIPTOR],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    (line,) = run.stderr.splitlines()
    assert line.endswith(r"socket.accept() out of system resource\nsocket: 4")


def test_a_reader_that_has_left_is_no_trouble() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "input()\n" + SPEAK, "text"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as run:
        assert run.stdin is not None
        assert run.stderr is not None
        run.stderr.close()
        run.stdin.write(b"\n")
        run.stdin.close()
        run.wait(60)
        # Python itself says 120 when it cannot flush at the very end; an exception would be 1.
        assert run.returncode in {0, 120}


def test_a_program_whose_stderr_is_closed_or_that_has_no_console_runs_all_the_same() -> None:
    """Python then has no streams: ``2>&-``, or ``pythonw``."""
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.stdout = sys.stderr = None{SPEAK}", "text"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_outside_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Windows console may show their codes instead."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert _wants_colours(_Terminal()) == (sys.platform != "win32")
    assert not _wants_colours(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "")
    assert not _wants_colours(_Terminal())

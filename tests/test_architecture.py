"""Who may import whom, and what must stay true of the code."""

import re
from pathlib import Path

import pytest

from shared_schema.settings import VARIABLES, Settings
from tests.support.imports import imports

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "shared_schema": {"shared_schema"},
    "waves": {"waves", "shared_schema"},
    "event_gateway": {"event_gateway", "shared_schema"},
    "chat_backend": {"chat_backend", "waves", "shared_schema"},
}
PURE = [
    "event_gateway/core/readiness.py",
    "event_gateway/core/session.py",
    "event_gateway/core/continuity.py",
    "event_gateway/core/decisions.py",
    "chat_backend/facts/ledger.py",
    "shared_schema/water.py",
    "chat_backend/session/dialogues.py",
    "chat_backend/session/order.py",
    *(
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "waves" / "dsp").glob("*.py")
        if path.stem not in {"sound", "output"}  # these two read and write files
    ),
]
IMPURE = {"asyncio", "zmq", "time", "random", "starlette", "socket", "os", "threading"}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_packages_import_only_what_they_may(package: str) -> None:
    """The rooms and their doors; nothing of the show needs a test or a benchmark."""
    ours = {*MAY_IMPORT, "tests", "benchmarks"}
    for path in (ROOT / package).rglob("*.py"):
        used = {name.split(".")[0] for name in imports(path)} & ours
        assert used <= MAY_IMPORT[package], path


@pytest.mark.parametrize("path", PURE)
def test_what_decides_is_pure(path: str) -> None:
    """No clock, socket, loop or chance in the modules that decide."""
    assert {name.split(".")[0] for name in imports(ROOT / path)}.isdisjoint(IMPURE)


def test_the_language_does_not_need_the_runtime() -> None:
    """Wave workers load the language only."""
    for path in (ROOT / "shared_schema").glob("*.py"):
        assert not any(name.startswith("shared_schema.runtime") for name in imports(path)), path


@pytest.mark.parametrize("package", ["shared_schema", "event_gateway", "chat_backend"])
def test_commands_print_through_one_function(package: str) -> None:
    """`echo`, which shows what could control a terminal; a library's own would pass it on."""
    for path in (ROOT / package).rglob("*.py"):
        text = path.read_text("utf-8")
        printed = re.findall(r"typer\.echo|^\s*print\(", text, re.MULTILINE)
        assert not printed or path.name == "output.py", path


@pytest.mark.parametrize("package", [*MAY_IMPORT, "tests"])
def test_no_module_is_long(package: str) -> None:
    """A module past 500 lines is two modules."""
    for path in (ROOT / package).rglob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) <= 500, path


def test_every_setting_is_documented_with_its_default() -> None:
    """docs/settings.md lists each variable once, with the default that is in the code."""
    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(RR_\w+)` \| `?(.*?)`? \|", text, re.MULTILINE))
    assert set(rows) == set(VARIABLES)
    defaults = Settings()
    for name, item in VARIABLES.items():
        value = getattr(defaults, item.name)
        if isinstance(value, tuple):
            value = ",".join(value)
        elif isinstance(value, bool):
            value = str(value).lower()
        elif isinstance(value, float):
            value = f"{value:g}"
        assert rows[name] == ("" if value is None else str(value)), name


def test_every_failure_names_tests_that_exist() -> None:
    """docs/failures.md is a list of proofs, not of promises."""
    text = (ROOT / "docs" / "failures.md").read_text("utf-8")
    named = set(re.findall(r"`(test_\w+|Test\w+)`", text)) - {"test_architecture"}
    written = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    missing = [name for name in named if not re.search(rf"(def |^){name}\b", written, re.MULTILINE)]
    assert missing == []
    assert len(named) > 30


def test_every_metric_is_documented() -> None:
    """docs/metrics.md names each metric of both servers, and no other."""
    text = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `(rr_\w+)` \|", text, re.MULTILINE))
    code = "".join(
        (ROOT / package / "metrics.py").read_text("utf-8")
        for package in ("event_gateway", "chat_backend")
    )
    assert listed == set(re.findall(r'"(rr_\w+)"', code))

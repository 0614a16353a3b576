"""What only one kind of system has stays behind a check of the platform."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from xml.etree import ElementTree

import pytest

from tests.support.imports import imported

ROOT = Path(__file__).parents[1]
PACKAGES = ("shared_schema", "waves", "event_gateway", "chat_backend", "touchdesigner")
POSIX_ONLY = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
# Where a module of ours needs an extra, it is not loaded by a start without it.
EXTRAS = {"distributed", "httpx2", "matplotlib", "pydantic_ai"}

# Imports all modules of the servers twice: as here, so that all that others wrote is loaded, and
# again as if the system were Windows, without any module that only POSIX has.
AS_ON_WINDOWS = f"""
import importlib, pkgutil, signal, sys, types

def load():
    loaded, missing = 0, set()
    for package in {PACKAGES[:4]!r}:
        for each in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
            if each.name.endswith(".__main__"):
                continue  # to import it is to run it
            try:
                importlib.import_module(each.name)
                loaded += 1
            except ModuleNotFoundError as error:
                missing.add(error.name.partition(".")[0])
    return loaded, missing

here = load()
for name in list(sys.modules):
    if name.partition(".")[0] in {PACKAGES[:4]!r}:
        del sys.modules[name]
for name in {POSIX_ONLY!r}:
    sys.modules[name] = None
sys.modules["msvcrt"] = types.ModuleType("msvcrt")
signal.SIGBREAK = signal.SIGINT
for name in ("SIGKILL", "SIGSTOP", "SIGCONT", "SIGHUP", "SIGUSR1", "SIGALRM", "pthread_sigmask"):
    delattr(signal, name)
sys.platform = "win32"
there = load()
assert here == there, (here, there)
assert there[0] > 80 and there[1] <= {EXTRAS!r}, there
from shared_schema.runtime.process.ending import ENDING_SIGNALS
assert len(ENDING_SIGNALS) == 3
"""


def unconditional(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node that does not stand beneath a check of ``sys.platform``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "sys.platform" in ast.unparse(node.test):
            continue
        yield node
        yield from unconditional(node)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_posix_module_is_imported_unasked(package: str) -> None:
    """An import of fcntl, say, stands in the branch of a platform that has it."""
    for path in (ROOT / package).rglob("*.py"):
        names = imported(unconditional(ast.parse(path.read_text("utf-8"))))
        assert names.isdisjoint(POSIX_ONLY | {"msvcrt", "winreg"}), path


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows itself the other tests show it")
def test_every_module_loads_without_what_windows_lacks() -> None:
    """No POSIX module, no POSIX signal, and the branches of Windows: all can be imported."""
    done = subprocess.run(
        [sys.executable, "-c", AS_ON_WINDOWS],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_functions_that_the_document_names_are_where_it_says() -> None:
    """docs/platforms.md leads to the code that differs."""
    text = (ROOT / "docs/platforms.md").read_text("utf-8")
    found = re.findall(r"(`\w+`(?:(?:,| and) `\w+`)*) in `((?:\w+/)*\w+\.py)`", text)
    assert len(found) > 5
    for names, file in found:
        code = "".join(
            path.read_text("utf-8")
            for name in PACKAGES
            for path in (ROOT / name).rglob("*.py")
            if f"/{path.relative_to(ROOT).as_posix()}".endswith(f"/{file}")
        )
        for name in re.findall(r"\w+", names):
            assert re.search(rf"\b{name}\b", code), f"{name} in {file}"


def test_the_readmes_commands_mean_the_same_in_every_shell() -> None:
    """PowerShell 5.1 has no ``&&``; cmd, PowerShell and sh differ in quotes, variables and more."""
    text = (ROOT / "README.md").read_text("utf-8")
    commands = re.findall(r"^    ((?:pip|uv) .*)$", text, re.MULTILINE)
    assert len(commands) > 4
    for command in commands:
        assert re.fullmatch(r'[\w ./:=-]+(?:"[\w ?]+")?', command), command


def test_the_task_for_windows_has_no_limit_and_comes_back() -> None:
    """By default a task ends after 72 hours or on a battery, and is not started again."""
    space = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
    task = ElementTree.parse(ROOT / "docs" / "windows-task.xml").getroot()  # noqa: S314  # ours
    settings = {
        each.tag.removeprefix(space): (each.text or "").strip()
        for each in task.iterfind(f"{space}Settings//*")
    }
    assert settings["ExecutionTimeLimit"] == "PT0S"
    assert settings["DisallowStartIfOnBatteries"] == settings["StopIfGoingOnBatteries"] == "false"
    assert settings["Interval"] == "PT1M"
    assert int(settings["Priority"]) < 7
    command = task.findtext(f"{space}Actions/{space}Exec/{space}Command", "")
    assert (ROOT / PureWindowsPath(command).name).is_file()

"""Every command in the README and the documents is run as it is printed, here or where it says."""

import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.support.processes import System, system

ROOT = Path(__file__).parents[2]
PRINTED = re.compile(r"python(?: -X utf8)? -m ((?:chat_backend|event_gateway|waves) [^`\n]*)")
# What follows a command on its line: a comment, a redirection, another command.
FOLLOWING = re.compile(r"\s+[#>]|\s*\|")

# In this order, beside running servers, in a folder of its own; later ones need what earlier ones
# made. Placeholders stand for the only session.
RUN_HERE = [
    "event_gateway describe",
    "event_gateway keys --write",
    "event_gateway sample",
    "event_gateway quiet on",
    "event_gateway quiet off",
    "chat_backend check",
    "chat_backend show init my_show",
    "chat_backend show init DIR",
    "chat_backend show check my_show",
    "chat_backend report",
    "chat_backend sessions list",
    "chat_backend sessions show <beginning of its id>",
    "chat_backend sessions export <id>",
    "chat_backend sessions keep <id>",
    "chat_backend sessions prune --days 30 --dry-run",
    "waves decompose recordings/*.wav --out waves --plot",
    "chat_backend sessions delete <id>",
    "event_gateway linecheck",
    'chat_backend say --no-wait "What does the sea dream of?"',
    'chat_backend say --no-wait "I told nobody where I was going."',
]
# Those that run until they are ended, or that end what this test needs.
RUN_ELSEWHERE = {
    "chat_backend restart": "tests/system/test_operations.py",
    "event_gateway restart": "tests/system/test_operations.py",
    "chat_backend status": "tests/system/test_operations.py",
    "event_gateway status": "tests/system/test_operations.py",
    "event_gateway stop": "tests/system/test_operations.py",
    "event_gateway listen": "tests/system/test_rehearsal.py",
    "event_gateway rehearse latest --loop": "tests/system/test_rehearsal.py",
    "waves decompose": "tests/waves/test_batch.py",  # only mentioned, without files
}


def printed_commands() -> set[str]:
    """Return the commands of our packages in all documents."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    return {
        FOLLOWING.split(found[1])[0].strip()
        for page in pages
        for found in PRINTED.finditer(page.read_text("utf-8"))
    }


def test_no_document_prints_a_command_that_nobody_runs() -> None:
    """A new one is added to the lists above; one that is printed no longer is removed."""
    assert printed_commands() == {*RUN_HERE, *RUN_ELSEWHERE}


def test_commands_that_are_run_elsewhere_are() -> None:
    """By their name, in quotation marks."""
    for printed, file in RUN_ELSEWHERE.items():
        assert f'"{printed.split()[1]}"' in (ROOT / file).read_text("utf-8"), printed


def run_printed(show: System, folder: Path, printed: str) -> None:
    """Run a command as a shell would, and require that it succeeds."""
    if "<" in printed:
        (session,) = [path.name for path in (show.artifacts / "tts/sessions").iterdir()]
        printed = printed.replace("<beginning of its id>", session[:8]).replace("<id>", session)
    arguments: list[str] = []
    for word in shlex.split(printed):
        arguments += sorted(map(str, folder.glob(word))) if "*" in word else [word]
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=show.environment() | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, f"{printed}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stdout + done.stderr, printed


def test_printed_commands_work(tmp_path: Path) -> None:
    """Each with exit code 0, in the order of the list."""
    folder = tmp_path / "folder"
    (folder / "recordings").mkdir(parents=True)
    with system(tmp_path / "show") as show:
        show.gateway()
        show.chat()
        for printed in RUN_HERE:
            if "--plot" in printed:
                if find_spec("matplotlib") is None:
                    continue
                for speech in (show.artifacts / "tts").rglob("*.wav"):
                    shutil.copy(speech, folder / "recordings")
            run_printed(show, folder, printed)

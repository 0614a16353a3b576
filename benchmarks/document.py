"""``docs/benchmarks.md``: what the commands printed last, each under its own heading."""

import datetime
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
DOCUMENT: Final = ROOT / "docs" / "benchmarks.md"
# In the order of the document; the titles are its headings.
SUBJECTS: Final = {
    "waves": "The waves: true to the voice",
    "decomposition": "The waves: cost against length",
    "gateway": "The gateway",
    "session": "A session as the visitor has it",
    "providers": "A session with providers",
    "profile": "Where a session's processors go",
    "voice": "The embedded voice",
    "hearing": "Hearing visitors",
    "sse": "What the gateway costs the visitor (AC4)",
    "starting": "Starting",
    "growth": "Growth",
    "soak": "The show that never stops",
    "day": "A day of an exhibition",
}
# How a subject is run for the document, where that is not its default.
_ARGUMENTS: Final = {"soak": ("--minutes", "60", "--seed", "6", "--everything")}
# A subject's exit code when it fell short; 1 is Python's for an error.
MISSED: Final = 3
# What `report.verdict` writes of it.
MISSED_WORD: Final = "MISSED"
_RULE: Final = re.compile(r"\|[-|]+\|")
_PREFACE: Final = """\
# Benchmarks

Written by `python -m benchmarks`; each part also by its own command, which prints it. Peers run in
the same process run, interleaved with ours; figures are medians and ratios. Times in ms or s stand
here for orientation: they belong to the machine named above them. What these figures need:
`uv sync --extra bench --group voices --group browser`, `espeak-ng` for a part of the clips, and
`chromium` for the kiosk in the soak. *V3* is the reference algorithm for the waves
([waves.md](waves.md)), and eb00a66 a commit from before sessions were made faster.
"""


def write(subjects: list[str]) -> int:
    """Run subjects, each in a process of its own, and keep what they print.

    Return 0 if each reached what it must; a subject that breaks keeps its old text.
    """
    failed = 0
    for subject in subjects:
        text, code = _run(subject)
        failed |= code
        if text.strip():
            keep_text(subject, text)
    return int(bool(failed))


def _run(subject: str) -> tuple[str, int]:
    """Return what a subject printed, showing it meanwhile, and its exit code."""
    print(f"\n== {subject}", flush=True)
    lines = []
    command = [sys.executable, "-m", "benchmarks", *_words(subject)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
                lines.append(line)
        except BaseException:  # whoever ends us means the subject as well
            process.terminate()
            raise
    if process.returncode not in (0, MISSED):
        print(f"== {subject} broke; its part of the document stays as it was", flush=True)
        return "", process.returncode
    return "".join(lines), process.returncode


def keep_text(subject: str, text: str) -> None:
    """Put what a subject printed in the place of what it printed before."""
    parts = _parts()
    today = datetime.datetime.now(tz=datetime.UTC).date()
    command = f"`python -m benchmarks {' '.join(_words(subject))}`, {today}{_commit()}"
    parts[subject] = f"{command}\n\n{text.strip()}\n"
    document = [_PREFACE, _missed(parts)]
    for each, title in SUBJECTS.items():
        if each in parts:
            document.append(f"<!-- {each} -->\n## {title}\n\n{parts[each]}<!-- end -->\n")
    DOCUMENT.write_text("\n".join(document), encoding="utf-8")


def _words(subject: str) -> tuple[str, ...]:
    return (subject, *_ARGUMENTS.get(subject, ()))


def _commit() -> str:
    """Return which commit the figures are of; empty outside a clone."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    return f", commit {done.stdout.strip()}" if done.returncode == 0 else ""


def _missed(parts: dict[str, str]) -> str:
    """Return the list of what falls short of its limit, in the order of the document."""
    found = [
        f"* {title}: {each}\n"
        for subject, title in SUBJECTS.items()
        for each in _missed_in(parts.get(subject, ""))
    ]
    return "".join(["What falls short of its limit:\n\n", *(found or ["* nothing\n"])])


def _missed_in(text: str) -> Iterator[str]:
    """Yield the lines that tell of it; of a table the row's name, and what concerns it."""
    lines = text.splitlines()
    header: list[str] = []
    for line, following in itertools.pairwise([*lines, ""]):
        if _RULE.fullmatch(following):
            header = _cells(line)
        elif not line.startswith("|"):
            header = []
        if MISSED_WORD in line:
            yield _named(header, _cells(line)) if header else " ".join(_cells(line))


def _named(header: list[str], row: list[str]) -> str:
    """Return a row's first cell and those that missed their limit, with the heads of the columns.

    Where the verdict is a cell of its own, the others have its figures: they are all returned.
    """
    whole = any(cell.startswith(MISSED_WORD) for cell in row)
    told = [
        f"{head} {cell}"
        for head, cell in zip(header[1:], row[1:], strict=True)
        if cell and (whole or MISSED_WORD in cell)
    ]
    return f"{row[0]}: {', '.join(told)}"


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def _parts() -> dict[str, str]:
    if not DOCUMENT.exists():
        return {}
    found = re.finditer(
        r"^<!-- (\w+) -->\n## [^\n]*\n\n(.*?)<!-- end -->$",
        DOCUMENT.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    return {match[1]: match[2] for match in found}

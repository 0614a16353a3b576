"""What the benchmarks' document keeps, and that what is measured is there."""

from pathlib import Path

import pytest

from benchmarks import document
from benchmarks.growth import history as past


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
    document.keep_text("session", "newer figures\n\n| memory | 7, MISSED (<= 5) |")
    text = document.DOCUMENT.read_text("utf-8")
    assert [text.count(f"<!-- {subject} -->") for subject in told] == [1] * len(told)
    assert "newer figures" in text
    assert "\n* A session as the visitor has it: memory 7, MISSED (<= 5)\n" in text.split("<!--")[0]
    assert all((told[subject] in text) == (subject != "session") for subject in told)


def test_every_request_whose_growth_is_measured_ends(tmp_path: Path) -> None:
    """Above all the stream, whose events could be called something else than is waited for."""
    history = past.History(tmp_path / "artifacts")
    history.grow_to(2)
    costs = past.loads(tmp_path / "gateway", tmp_path, history, times=2)
    assert len(costs) == 6
    assert min(costs.values()) > 0

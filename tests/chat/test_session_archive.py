"""Sessions on disk: listed, exported, and never the wrong one removed."""

import os
import shutil
import time
import zipfile
from pathlib import Path

import pytest

from chat_backend.storage.archive import Archive
from chat_backend.storage.retention import free_gb
from shared_schema.decoding import InvalidSetting
from shared_schema.layout import (
    Artifacts,
    session_file,
)
from shared_schema.session_document import MAX_BYTES, State
from tests.support.sessions import session_id
from tests.support.stored_sessions import DAY_S, LIMIT_S, left, link, prune, write


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(Artifacts(tmp_path))


def test_sessions_are_listed_newest_first(archive: Archive, tmp_path: Path) -> None:
    """With what they are, and what they weigh."""
    write(tmp_path, 1, age_s=DAY_S)
    write(tmp_path, 2)
    (tmp_path / "tts/sessions/notes").mkdir()
    found = archive.sessions()
    assert [each.session_id for each in found] == [session_id(2), session_id(1)]
    assert all(each.document is not None for each in found)
    assert found[0].size_bytes > len(b"speechmix")


def test_only_old_sessions_are_removed(archive: Archive, tmp_path: Path) -> None:
    """All their files, speech and waves; the others stay whole."""
    write(tmp_path, 1, age_s=3 * DAY_S)
    write(tmp_path, 2, age_s=DAY_S)
    removals = prune(archive, older_than_s=2 * DAY_S)
    assert [each.session_id for each in removals] == [session_id(1)]
    assert left(tmp_path) == [session_id(2)]
    assert [path.name for path in (tmp_path / "waves/sessions").iterdir()] == [session_id(2)]
    assert [each.session_id for each in archive.sessions()] == [session_id(2)]


@pytest.mark.parametrize(
    ("state", "pending", "age_s", "goes"),
    [
        ("running", False, 60.0, False),
        ("done", True, 60.0, False),
        ("done", False, 60.0, True),
        ("stopped", False, 60.0, True),
        ("running", False, LIMIT_S + 60.0, True),
    ],
)
def test_a_live_session_is_never_removed(
    tmp_path: Path, state: State, pending: bool, age_s: float, goes: bool
) -> None:
    """However young the limit; one that broke off long ago is not live."""
    write(tmp_path, 1, age_s=age_s, state=state, pending=pending)
    archive = Archive(Artifacts(tmp_path))
    prune(archive, older_than_s=0)
    assert left(tmp_path) == ([] if goes else [session_id(1)])


def test_a_kept_session_stays(archive: Archive, tmp_path: Path) -> None:
    """However old, until it is kept no longer; the mark makes it no younger."""
    write(tmp_path, 1, age_s=9 * DAY_S)
    archive.keep(archive.stored(session_id(1)), kept=True)
    assert prune(archive, older_than_s=DAY_S) == []
    assert archive.stored(session_id(1)).kept
    archive.keep(archive.stored(session_id(1)), kept=False)
    assert [each.session_id for each in prune(archive, older_than_s=DAY_S)] == [session_id(1)]


@pytest.mark.parametrize("alone", [False, True])
def test_a_file_from_the_future_keeps_no_session_young(
    archive: Archive, tmp_path: Path, alone: bool
) -> None:
    """Its other files have the time, or its folder; if all are from the future, it stays."""
    session = write(tmp_path, 1, age_s=3 * DAY_S)
    future = time.time() + 3650 * DAY_S
    document = tmp_path / session_file(session)
    if alone:
        shutil.rmtree(document.parent / "turn_1")
        shutil.rmtree(tmp_path / "waves")
        os.utime(document.parent, (future, future))
    os.utime(document, (future, future))
    assert len(prune(archive, older_than_s=2 * DAY_S)) == (not alone)
    if alone:
        then = time.time() - 3 * DAY_S
        os.utime(document.parent, (then, then))
        assert len(prune(archive, older_than_s=2 * DAY_S)) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not valid"),
        (b"\xff\xfe{\x00", "not valid"),
        (b'{"format": 2}', "sessionId"),
        (b'{"format": "2"}', "format"),
        (b"[" * 100_000, "not valid"),
        (b'{"format": 9}', "this version reads"),
        (b"9" * (MAX_BYTES + 1), "bytes"),
    ],
)
def test_an_odd_document_is_named_and_its_session_still_old_one_day(
    archive: Archive, tmp_path: Path, content: bytes, reason: str
) -> None:
    """Edited by hand, cut off, huge: the others are listed, and retention removes it as well."""
    session = write(tmp_path, 1, age_s=9 * DAY_S)
    write(tmp_path, 2)
    document = tmp_path / session_file(session)
    document.write_bytes(content)
    os.utime(document, (0, 0))
    oddities = {each.session_id: each.oddity for each in archive.sessions()}
    assert reason.replace("this version reads", "this version reads") in oddities.pop(session)
    assert oddities == {session_id(2): ""}
    assert [each.session_id for each in prune(archive, older_than_s=DAY_S)] == [session]


def test_another_sessions_document_is_odd(archive: Archive, tmp_path: Path) -> None:
    """A copied folder is not the session that its document tells of."""
    write(tmp_path, 1)
    shutil.copytree(
        tmp_path / "tts/sessions" / session_id(1), tmp_path / "tts/sessions" / session_id(2)
    )
    assert "another session" in archive.stored(session_id(2)).oddity


def test_folders_of_sessions_may_not_be_links_or_files(tmp_path: Path) -> None:
    """Whichever of them; the artifacts folder itself may be a link."""
    (tmp_path / "else").mkdir()
    sessions = ("tts", "tts/sessions", "waves", "waves/sessions", "stt", "stt/sessions")
    for place in (*sessions, "gateway", "run"):
        root = tmp_path / place.replace("/", "-")
        link(root / place, tmp_path / "else")
        with pytest.raises(InvalidSetting, match="RR_ARTIFACTS_DIR"):
            Artifacts(root).require_own_folders()
    for place in ("", "tts", "stt/sessions"):
        path = tmp_path / f"file-{place.replace('/', '-')}" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        root = tmp_path / f"file-{place.replace('/', '-')}"
        with pytest.raises(InvalidSetting, match="no folder"):
            Artifacts(root).require_own_folders()
    link(tmp_path / "linked", tmp_path / "else")
    Artifacts(tmp_path / "linked").require_own_folders()


def test_an_export_holds_everything(archive: Archive, tmp_path: Path) -> None:
    """Speech, waves, session.json and the events, in one zip."""
    write(tmp_path, 1)
    (stored,) = archive.sessions()
    target = tmp_path / "out" / "evening.zip"
    archive.export(stored, target, ['{"seq":1}', '{"seq":2}'])
    with zipfile.ZipFile(target) as zipped:
        assert sorted(zipped.namelist()) == [
            "events.jsonl",
            "session.json",
            "speech/turn_1/slot-1.wav",
            "waves/turn_1/slot-1_v3_wave_mix.wav",
        ]
        assert zipped.read("events.jsonl") == b'{"seq":1}\n{"seq":2}\n'


def test_an_id_can_be_shortened(archive: Archive, tmp_path: Path) -> None:
    """Its beginning is enough while it is the only one."""
    for number in (1, 2):
        write(tmp_path, number)
    assert len(archive.matching("00000000")) == 2
    assert [each.session_id for each in archive.matching(session_id(2))] == [session_id(2)]
    assert archive.matching("ff") == []


def test_nothing_is_old_on_an_empty_machine(tmp_path: Path) -> None:
    """No folder yet: nothing to list, nothing to remove, and the disk is measured all the same."""
    nowhere = Archive(Artifacts(tmp_path / "not" / "yet"))
    assert nowhere.sessions() == []
    assert free_gb(tmp_path / "not" / "yet") > 0

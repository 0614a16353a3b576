"""Sessions on disk: listed, exported, removed, and never the wrong one."""

import os
import shutil
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from chat_backend.storage import removal as removing
from chat_backend.storage.archive import Archive, Removal
from chat_backend.storage.leftovers import sweep_newest
from chat_backend.storage.removal import LINK, NO_FOLDER, Left
from chat_backend.storage.retention import Retention, free_gb
from shared_schema import layout
from shared_schema.decoding import InvalidSetting
from shared_schema.facts import SlotAgent, Utterance, WavePending, WaveReady
from shared_schema.layout import (
    HEARING_ROOT,
    KEPT_FILE,
    Artifacts,
    is_regular,
    kept_file,
    session_file,
)
from shared_schema.session_document import MAX_BYTES, SessionDocument, State, encode_document
from tests.support.platforms import make_junction, make_link, posix, windows
from tests.support.sessions import session_id

DAY_S = 86_400.0
LIMIT_S = 900.0


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(Artifacts(tmp_path))


def write(
    root: Path, number: int, *, age_s: float = 0.0, state: State = "done", pending: bool = False
) -> str:
    """Put a session's files in place, so old."""
    session = session_id(number)
    speech = f"tts/sessions/{session}/turn_1/slot-1.wav"
    mix = f"waves/sessions/{session}/turn_1/slot-1_v3_wave_mix.wav"
    document = SessionDocument(
        format=2,
        session_id=session,
        started_at="2026-01-01T00:00:00.000Z",
        state=state,
        message="m",
        seed=1,
        slots=(SlotAgent(slot_id=1, agent_id="gpt-4o"),),
        utterances=(
            Utterance(
                turn_index=1,
                slot_id=1,
                agent_id="gpt-4o",
                text="t",
                speech_path=speech,
                wave=WavePending()
                if pending
                else WaveReady(mix_path=mix, audio_duration_ms=1000, sample_rate_hz=8000),
            ),
        ),
        dialogues=(),
    )
    for relative, content in (
        (speech, b"speech"),
        (mix, b"mix"),
        (session_file(session), encode_document(document)),
    ):
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        at = time.time() - age_s
        os.utime(path, (at, at))
    return session


def prune(archive: Archive, *, older_than_s: float) -> list[Removal]:
    """Remove what is old, as the server and the command do."""
    retention = Retention(older_than_s=older_than_s, session_limit_s=LIMIT_S)
    return [
        archive.remove(each) for each in archive.sessions() if retention.is_old(each, time.time())
    ]


def left(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "tts/sessions").iterdir())


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


def test_a_file_held_open_stays_and_is_tried_again(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows TouchDesigner's file can't be deleted: the rest goes, session.json waits."""
    session = write(tmp_path, 1, age_s=DAY_S)
    mix = tmp_path / f"waves/sessions/{session}/turn_1/slot-1_v3_wave_mix.wav"
    real = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path == mix:
            raise PermissionError("held open")
        real(path, missing_ok=missing_ok)

    with monkeypatch.context() as held:
        held.setattr(Path, "unlink", unlink)
        (removal,) = prune(archive, older_than_s=0)
    assert [each.path for each in removal.left] == [mix.as_posix()]
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"session.json", mix.name}
    (again,) = prune(archive, older_than_s=0)
    assert again.left == ()
    assert archive.sessions() == []


@pytest.mark.parametrize(
    ("method", "name"),
    [("unlink", "slot-1_v3_wave_mix.wav"), ("unlink", "session.json"), ("rmdir", "turn_1")],
)
def test_on_windows_what_a_scanner_has_open_is_removed_a_moment_later(
    method: str, name: str, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 1, age_s=DAY_S)
    refusals = iter(range(3))
    real = getattr(Path, method)

    def refusing(path: Path, **options: bool) -> None:
        if path.name == name and next(refusals, None) is not None:
            raise PermissionError("held open")
        real(path, **options)

    monkeypatch.setattr(Path, method, refusing)
    monkeypatch.setattr(removing, "HELD_TIMEOUT_S", 30.0)
    (removal,) = prune(archive, older_than_s=0)
    assert removal.left == ()
    assert left(tmp_path) == []
    assert not list(tmp_path.rglob("turn_1"))


@windows("junctions")
def test_a_junction_is_removed_and_what_it_points_at_stays(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = write(tmp_path, 1, age_s=DAY_S)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    make_junction(tmp_path / f"tts/sessions/{session}/junction", outside, monkeypatch)
    (removal,) = prune(archive, older_than_s=0)
    assert removal.left == ()
    assert archive.sessions() == []
    assert (outside / "file").exists()


def test_a_junction_that_is_held_open_is_not_followed_either(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python before 3.12 takes it for a folder, and would remove the empty ones behind it."""
    session = write(tmp_path, 1, age_s=DAY_S)
    junction = tmp_path / f"tts/sessions/{session}/junction"
    (junction / "empty").mkdir(parents=True)
    real = layout.is_link

    def is_link(path: Path) -> bool:
        return path == junction or real(path)

    for module in (layout, removing):
        monkeypatch.setattr(module, "is_link", is_link)
    delete = removing._deletion_failure
    monkeypatch.setattr(
        removing, "_deletion_failure", lambda path: "is held" if path == junction else delete(path)
    )
    (removal,) = prune(archive, older_than_s=0)
    assert removal.left == (Left(junction.as_posix(), "is held"),)
    assert (junction / "empty").exists()


def link(path: Path, target: Path) -> None:
    """Put a link in a path's place."""
    if path.is_dir():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    make_link(path, target)


@pytest.mark.parametrize(
    "place",
    [
        f"tts/sessions/{session_id(2)}",
        f"waves/sessions/{session_id(2)}",
        f"tts/sessions/{session_id(1)}",
        f"waves/sessions/{session_id(1)}",
        f"tts/sessions/{session_id(1)}/turn_1",
        f"waves/sessions/{session_id(1)}/turn_1",
        f"waves/sessions/{session_id(1)}/turn_1/deep/er",
    ],
)
def test_links_are_never_followed(tmp_path: Path, place: str) -> None:
    """Listed, exported, kept, removed, swept: what a link points at stays unread and as it was."""
    root, outside = tmp_path / "artifacts", tmp_path / "outside"
    write(root, 1, age_s=9 * DAY_S)
    mine = outside / "turn_1" / "song.wav"
    partial = outside / "turn_1" / "song.wav.999999999.tmp"
    mine.parent.mkdir(parents=True)
    for file in (mine, partial, outside / KEPT_FILE):
        file.write_bytes(b"mine")
        os.utime(file, (0, 0))
    link(root / place, outside)
    archive = Archive(Artifacts(root))
    sweep_newest(Artifacts(root))
    for each in archive.sessions():
        archive.export(each, tmp_path / "out.zip", [])
        with zipfile.ZipFile(tmp_path / "out.zip") as zipped:
            assert b"mine" not in map(zipped.read, zipped.namelist())
        assert not each.kept
        for kept in (True, False):
            with suppress(OSError):
                archive.keep(each, kept=kept)
    prune(archive, older_than_s=DAY_S)
    for each in archive.sessions():
        archive.remove(each)
    files = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    assert files == dict.fromkeys((mine, partial, outside / KEPT_FILE), b"mine")


def test_a_mark_that_is_a_link_marks_nothing(archive: Archive, tmp_path: Path) -> None:
    """What it points at is not made; the link itself can be taken away."""
    session = write(tmp_path, 1)
    mark = tmp_path / kept_file(session)
    link(mark, tmp_path / "outside")
    with pytest.raises(OSError, match="is a link"):
        archive.keep(archive.stored(session), kept=True)
    assert not (tmp_path / "outside").exists()
    assert not archive.stored(session).kept
    archive.keep(archive.stored(session), kept=False)
    archive.keep(archive.stored(session), kept=True)
    assert archive.stored(session).kept
    assert is_regular(mark)


@posix("paths of that length")
def test_folders_nested_deeper_than_pythons_stack_are_odd_and_go_when_they_are_old(
    archive: Archive, tmp_path: Path
) -> None:
    """The others are listed; it can be exported and swept, and nothing of it outlives its age."""
    deep = write(tmp_path, 1, age_s=9 * DAY_S)
    write(tmp_path, 2)
    nested = tmp_path / "tts/sessions" / deep
    for _ in range(sys.getrecursionlimit() + 500):
        nested /= "d"
        nested.mkdir()
    try:
        assert sweep_newest(Artifacts(tmp_path)) == 0
        listed = {each.session_id: each for each in archive.sessions()}
        assert "nested" in listed[deep].oddity
        assert listed[session_id(2)].oddity == ""
        archive.export(listed[deep], tmp_path / "out.zip", [])
    finally:  # before `tmp_path` goes, which has Python's own limit
        removals = prune(archive, older_than_s=DAY_S)
    assert [each.session_id for each in removals] == [deep]
    assert left(tmp_path) == [session_id(2)]


def test_a_linked_file_is_not_exported_and_only_its_link_removed(
    archive: Archive, tmp_path: Path
) -> None:
    """Neither is one that claims to be session.json."""
    session = write(tmp_path, 1)
    precious = tmp_path / "precious.wav"
    precious.write_bytes(b"mine")
    link(tmp_path / f"tts/sessions/{session}/turn_1/link.wav", precious)
    (tmp_path / session_file(session)).unlink()
    link(tmp_path / session_file(session), precious)
    (stored,) = archive.sessions()
    assert "link" in stored.oddity
    archive.export(stored, tmp_path / "out.zip", [])
    with zipfile.ZipFile(tmp_path / "out.zip") as zipped:
        assert b"mine" not in map(zipped.read, zipped.namelist())
    assert archive.remove(stored).left == ()
    assert left(tmp_path) == []
    assert precious.read_bytes() == b"mine"


@pytest.mark.parametrize("root", ["tts/sessions", "waves/sessions", "stt/sessions"])
def test_what_is_in_a_folders_place_stays_and_is_named(
    archive: Archive, tmp_path: Path, root: str
) -> None:
    """With the true reason; all else of the session goes."""
    outside = tmp_path / "outside"
    outside.mkdir()
    for make, reason in (
        (lambda path: link(path, outside), LINK),
        (Path.touch, NO_FOLDER),
        *(((os.mkfifo, NO_FOLDER),) if sys.platform != "win32" else ()),
    ):
        session = write(tmp_path, 1)
        place = tmp_path / root / session
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        make(place)
        removal = archive.remove(archive.stored(session))
        assert removal.found
        assert removal.left == (Left(place.as_posix(), reason),)
        assert [path for path in tmp_path.glob("*/sessions/*") if path != place] == []
        place.unlink()
    assert outside.is_dir()


def test_a_folder_that_cannot_be_listed_is_named(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what is in it, so the session is not said to be gone."""
    session = write(tmp_path, 1)
    closed = tmp_path / "tts/sessions" / session / "turn_1"
    scandir = os.scandir

    def refusing(path: Path) -> object:
        if path == closed:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    (left,) = archive.remove(archive.stored(session)).left
    assert (left.path, "Permission denied" in left.reason) == (closed.parent.as_posix(), True)


def test_a_recording_goes_by_its_own_id(archive: Archive, tmp_path: Path) -> None:
    """Also where no session names it; what was never there is not found."""
    transcript = tmp_path / HEARING_ROOT / session_id(1) / "transcript.json"
    transcript.parent.mkdir(parents=True)
    transcript.touch()
    assert archive.remove(archive.stored(session_id(1))).found
    assert not transcript.parent.exists()
    assert not archive.remove(archive.stored(session_id(1))).found


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
    for place in ("tts", "tts/sessions", "waves", "waves/sessions", "stt", "stt/sessions"):
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

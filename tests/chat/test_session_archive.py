"""Sessions on disk: listed, exported, removed, and never the wrong one."""

import os
import time
import zipfile
from pathlib import Path

import pytest

from chat_backend.storage.archive import Archive, free_gb, old, prune
from shared_schema.facts import SlotAgent, Utterance, WavePending, WaveReady
from shared_schema.layout import Artifacts, session_file
from shared_schema.session_document import SessionDocument, State, encode_document
from tests.support.sessions import session_id

DAY_S = 86_400.0
LIMIT_S = 900.0
NOBODY: frozenset[str] = frozenset()


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
    removals = prune(archive, older_than_s=2 * DAY_S, session_limit_s=LIMIT_S, live=NOBODY)
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
    prune(archive, older_than_s=0, session_limit_s=LIMIT_S, live=NOBODY)
    assert left(tmp_path) == ([] if goes else [session_id(1)])


def test_the_servers_own_sessions_stay(archive: Archive, tmp_path: Path) -> None:
    """What the server says is live is live, whatever the files say."""
    write(tmp_path, 1, age_s=DAY_S)
    live = frozenset({session_id(1)})
    assert prune(archive, older_than_s=0, session_limit_s=LIMIT_S, live=live) == []


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
        (removal,) = prune(archive, older_than_s=0, session_limit_s=LIMIT_S, live=NOBODY)
    assert removal.held == (mix,)
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"session.json", mix.name}
    (again,) = prune(archive, older_than_s=0, session_limit_s=LIMIT_S, live=NOBODY)
    assert again.held == ()
    assert archive.sessions() == []


def test_links_are_not_followed(tmp_path: Path) -> None:
    """Pruning deletes nothing outside the artifacts folder."""
    session = write(tmp_path / "artifacts", 1)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.wav").write_bytes(b"mine")
    inside = Archive(Artifacts(tmp_path / "artifacts"))
    folder = tmp_path / "artifacts/tts/sessions" / session
    try:
        (folder / "link").symlink_to(outside, target_is_directory=True)
    except OSError:
        pytest.skip("links need a privilege here")
    (tmp_path / "artifacts/tts/sessions" / session_id(2)).symlink_to(outside)
    for each in inside.sessions():
        inside.remove(each)
    assert (outside / "precious.wav").read_bytes() == b"mine"


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
    assert old(nowhere, time.time(), 0, LIMIT_S, NOBODY) == []
    assert free_gb(tmp_path / "not" / "yet") > 0

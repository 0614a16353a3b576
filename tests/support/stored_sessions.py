"""Sessions on disk, as old as a test wants them."""

import os
import shutil
import time
from pathlib import Path

from chat_backend.storage.archive import Archive, Removal
from chat_backend.storage.retention import Retention
from shared_schema.facts import SlotAgent, Utterance, WavePending, WaveReady
from shared_schema.layout import (
    session_file,
)
from shared_schema.session_document import SessionDocument, State, encode_document
from tests.support.platforms import make_link
from tests.support.sessions import session_id

DAY_S = 86_400.0
LIMIT_S = 900.0


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


def link(path: Path, target: Path) -> None:
    """Put a link in a path's place."""
    if path.is_dir():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    make_link(path, target)

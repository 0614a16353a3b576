"""Builds the path of every file of a session, relative to the artifacts folder.

Relative paths use forward slashes on every platform; they are what the bus and the events carry.
"""

from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal

from msgspec import Meta

from shared_schema.errors import OutsideArtifacts
from shared_schema.ids import AgentId, TurnIndex, VoiceProfile

# Relative, forward slashes, and only what the functions below write: no drive letter, no control
# character, no step that is empty or begins with a dot. Two of these are read with every fact, so
# the classes are plain ASCII and the repeats possessive, which more than halves the matching.
_STEP: Final = r"[A-Za-z0-9_-][A-Za-z0-9_.-]*+"
RelPath = Annotated[str, Meta(pattern=rf"\A{_STEP}(?:/{_STEP})*+\Z", max_length=512)]

WavePart = Literal["wave1", "wave2", "wave3", "wave_mix"]
WAVE_NAMES: Final[tuple[WavePart, ...]] = ("wave1", "wave2", "wave3")
WAVE_MIX: Final[WavePart] = "wave_mix"

SPEECH_ROOT: Final = "tts/sessions"
WAVES_ROOT: Final = "waves/sessions"
GATEWAY_DIR: Final = "gateway"
RUN_DIR: Final = "run"
# What a writer appends to a file that is not whole yet.
PARTIAL_SUFFIX: Final = ".tmp"


def session_file(session_id: str) -> str:
    """Return the path of a session's ``session.json``."""
    return f"{SPEECH_ROOT}/{session_id}/session.json"


def speech_path(
    session_id: str,
    turn: TurnIndex,
    slot_id: int,
    agent_id: AgentId,
    profile: VoiceProfile,
    *,
    target_slot_id: int | None = None,
) -> str:
    """Return the path of one utterance's speech; a comment (turn 2) names its target slot."""
    if turn == 2 and target_slot_id is None:
        raise ValueError("a comment's file name needs target_slot_id")
    role = {1: "", 2: f"comment_to_slot-{target_slot_id}_", 3: "reply_"}[turn]
    name = f"slot-{slot_id}_{role}{agent_id}_{profile}.wav"
    return f"{SPEECH_ROOT}/{session_id}/turn_{turn}/{name}"


def wave_file_name(speech_stem: str, part: WavePart) -> str:
    """Return the file name of one wave of the speech file with this stem."""
    return f"{speech_stem}_v3_{part}.wav"


def wave_path(speech: str, part: WavePart) -> str:
    """Return the path of one wave of the utterance whose speech lies at `speech`."""
    path = PurePosixPath(speech)
    folder = PurePosixPath(WAVES_ROOT) / path.parent.relative_to(SPEECH_ROOT)
    return str(folder / wave_file_name(path.stem, part))


class Artifacts:
    """The artifacts folder of this machine, and the only way from relative to absolute paths."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()
        self._prefix = self.root.as_posix().rstrip("/") + "/"

    def absolute(self, relative: str) -> str:
        """Return the absolute path, with forward slashes, of a path that was checked on entry."""
        return self._prefix + relative

    def path(self, relative: str) -> Path:
        """Return the file at `relative`, links resolved.

        Raises
        ------
        OutsideArtifacts
            If it is absolute, climbs out with ``..`` or leads out through a link.
        """
        try:
            resolved = (self.root / relative).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise OutsideArtifacts(f"not a path: {relative!r}") from error
        if not resolved.is_relative_to(self.root):
            raise OutsideArtifacts(f"{relative!r} leads out of the artifacts folder")
        return resolved

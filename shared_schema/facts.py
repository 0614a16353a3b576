"""What happened in a session: the facts that the ledger keeps and the gateway merges.

A fact may arrive late, twice, or before the one it builds on. Each is therefore complete in itself,
and the state of a wave only ever grows: ready > failed > pending. The same `Utterance` travels
through a wave job, the bus, the ledger, ``session.json`` and the pages' JSON, and so does the
`Summary`.
"""

from typing import Annotated, Final, Literal, TypeVar, get_args

from msgspec import Meta, structs

from shared_schema.decoding import CamelStruct
from shared_schema.ids import AgentId, SessionId, SlotId, TurnIndex, VoiceProfile
from shared_schema.layout import SPEECH_ROOT, SUMMARY_WAVE_NAMES, WAVE_NAMES, RelPath, wave_path
from shared_schema.water import PlannedWave, Range

Seconds = Annotated[float, Meta(ge=0)]
Milliseconds = Annotated[int, Meta(ge=0)]

# Where an utterance was lost. "stopped" means that the visitor or the machine ended the session.
Stage = Literal["model", "speech", "queue", "waves", "stopped"]


class WavePending(CamelStruct, frozen=True, tag="pending"):
    """The job has not ended yet."""


class WaveReady(CamelStruct, frozen=True, kw_only=True, omit_defaults=True, tag="ready"):
    """The waves and their mix are in place, complete.

    `places` has the loudspeaker of each wave, if it has one; empty: the utterance is older than the
    water map, and they are those of the default map. The waves' paths follow from that of the mix,
    and are not sent: they would double a fact (intake, docs/benchmarks.md).
    """

    mix_path: RelPath
    places: tuple[SlotId | None, ...] = ()
    audio_duration_ms: Milliseconds
    sample_rate_hz: int

    def __post_init__(self) -> None:
        if len(self.places) not in (0, len(WAVE_NAMES)):
            raise ValueError(f"`places` has {len(self.places)} places for {len(WAVE_NAMES)} waves")


class WaveFailed(CamelStruct, frozen=True, kw_only=True, tag="failed"):
    """There will be no wave-mix."""

    stage: Stage
    message: str


WaveState = WavePending | WaveReady | WaveFailed
State = Literal["pending", "ready", "failed"]


class Utterance(CamelStruct, frozen=True, kw_only=True, omit_defaults=True):
    """One slot's part in one turn: its text, where its speech lies, how its wave-mix stands.

    A slot whose model failed has no text, profile or speech; one whose speech failed has no speech.
    """

    turn_index: TurnIndex
    slot_id: SlotId
    agent_id: AgentId
    voice_profile: VoiceProfile | None = None
    text: str = ""
    target_slot_id: SlotId | None = None
    speech_path: RelPath | None = None
    wave: WaveState

    @property
    def state(self) -> State:
        """How its wave-mix stands, in one word."""
        return _STATES[type(self.wave)]

    @property
    def mix_path(self) -> str | None:
        """Where its wave-mix lies, relative to the artifacts folder, once it is ready."""
        return self.wave.mix_path if isinstance(self.wave, WaveReady) else None


class SummaryReady(CamelStruct, frozen=True, kw_only=True, tag="ready"):
    """The six waves are in place, complete; there is no mix."""

    audio_duration_ms: Milliseconds
    sample_rate_hz: int


class Summary(CamelStruct, frozen=True, kw_only=True, omit_defaults=True):
    """What one voice said after the last turn: its text, its speech, how its six waves stand.

    There is none without a text; one whose speech failed has no speech. Wave n is made for the
    physical slot n, and lies where `wave_paths` says once they are ready.
    """

    text: Annotated[str, Meta(min_length=1)]
    voice_profile: VoiceProfile
    speech_path: RelPath | None = None
    wave: WavePending | SummaryReady | WaveFailed

    def __post_init__(self) -> None:
        if self.speech_path is None and isinstance(self.wave, SummaryReady):
            raise ValueError(
                "`wave` is ready, but `speechPath`, after which it is named, is missing"
            )
        if self.speech_path is not None and not self.speech_path.startswith(f"{SPEECH_ROOT}/"):
            raise ValueError(f"`speechPath` is not below {SPEECH_ROOT}")

    @property
    def state(self) -> State:
        """How its waves stand, in one word."""
        return _STATES[type(self.wave)]

    @property
    def wave_paths(self) -> tuple[str, ...]:
        """The six waves, relative to the artifacts folder; none without speech."""
        speech = self.speech_path
        return tuple(wave_path(speech, part) for part in SUMMARY_WAVE_NAMES) if speech else ()


Mood = Literal["positive", "neutral", "negative"]
MOODS: Final[tuple[Mood, ...]] = get_args(Mood)
MAX_JUSTIFICATION_CHARS: Final = 200


class Sentiment(CamelStruct, frozen=True, kw_only=True):
    """The mood of the visitor's words, and in a sentence why; it quotes at most three of them."""

    sentiment: Mood
    justification: Annotated[str, Meta(max_length=MAX_JUSTIFICATION_CHARS)]


class SlotAgent(CamelStruct, frozen=True, kw_only=True):
    """Which agent sits in a slot."""

    slot_id: SlotId
    agent_id: AgentId


class Dialogue(CamelStruct, frozen=True, kw_only=True):
    """A respondent (turn 3) and those who commented on it (turn 2), in increasing slot id."""

    target_slot_id: SlotId
    commenter_slot_ids: tuple[SlotId, ...]

    @property
    def dialogue_id(self) -> str:
        """The PRD's name of the dialogue, unique within its session."""
        return f"turn23-slot{self.target_slot_id}"


class SessionBegun(CamelStruct, frozen=True, kw_only=True, tag="session_begun"):
    """A visitor's message came in for these slots."""

    session_id: SessionId
    slots: tuple[SlotAgent, ...]


class UtteranceReported(CamelStruct, frozen=True, kw_only=True, tag="utterance"):
    """An utterance was made, lost, or its wave job ended."""

    session_id: SessionId
    utterance: Utterance


class Turn1Complete(CamelStruct, frozen=True, kw_only=True, tag="turn1_complete"):
    """Turn 1 is over: all its utterances as they stand, and how long ago it ended (seconds)."""

    session_id: SessionId
    slots: tuple[SlotAgent, ...]
    utterances: tuple[Utterance, ...]
    age_s: Seconds


class Turn3Complete(CamelStruct, frozen=True, kw_only=True, tag="turn3_complete"):
    """The turns are over: every utterance as it stands, and the dialogues that exist.

    It comes once for every session that did not die with its process, also when it was stopped or
    had no Turn 3; then there are no dialogues.
    """

    session_id: SessionId
    slots: tuple[SlotAgent, ...]
    utterances: tuple[Utterance, ...]
    dialogues: tuple[Dialogue, ...]
    age_s: Seconds


class SentimentReported(CamelStruct, frozen=True, kw_only=True, tag="sentiment"):
    """The mood of the visitor's words was found, so long ago; never after Turn 1."""

    session_id: SessionId
    sentiment: Sentiment
    age_s: Seconds


class SummaryReported(CamelStruct, frozen=True, kw_only=True, tag="summary"):
    """The summary was made, its speech failed, or its wave job ended."""

    session_id: SessionId
    summary: Summary


class SessionComplete(
    CamelStruct, frozen=True, kw_only=True, omit_defaults=True, tag="session_complete"
):
    """The backend's last word on a session: nothing will be added to it.

    It comes after `Turn3Complete`, once, for every session that did not die with its process.
    `summary` is the session's summary as it stands, if it has one.
    """

    session_id: SessionId
    stopped: bool
    summary: Summary | None = None
    age_s: Seconds


Fact = (
    SessionBegun
    | UtteranceReported
    | Turn1Complete
    | Turn3Complete
    | SentimentReported
    | SummaryReported
    | SessionComplete
)


_STATES: Final[dict[type, State]] = {
    WavePending: "pending",
    WaveFailed: "failed",
    WaveReady: "ready",
    SummaryReady: "ready",
}
_RANK: Final[dict[type, int]] = {WavePending: 0, WaveFailed: 1, WaveReady: 2, SummaryReady: 2}

Spoken = TypeVar("Spoken", Utterance, Summary)


def merged(one: Spoken | None, other: Spoken) -> Spoken:
    """Return what both together know of an utterance or summary: the one whose wave is further."""
    if one is None or _RANK[type(other.wave)] > _RANK[type(one.wave)]:
        return other
    return one


# A wave job and its result, as they travel between the chat backend, a worker and the gateway.


class DecomposeJob(CamelStruct, frozen=True, kw_only=True):
    """Make the waves of one utterance, whose speech exists.

    `waves` is how they are to be made; empty: without ranges and places. The properties here and
    below are the fields that the requirements name.
    """

    session_id: SessionId
    utterance: Utterance
    waves: tuple[PlannedWave, ...] = ()

    @property
    def turn_index(self) -> TurnIndex:
        """The utterance's turn."""
        return self.utterance.turn_index

    @property
    def input_path(self) -> str:
        """The speech, relative to the artifacts folder; empty if the utterance has none."""
        return self.utterance.speech_path or ""


class DecomposeResult(CamelStruct, frozen=True, kw_only=True, omit_defaults=True):
    """How a decomposition ended: the utterance with its wave ready or failed, and the figures.

    `duration_ms` is processing time. `rmse` compares mix and speech sample by sample (the PRD's
    figure; silence scores best on it); `envelope_correlation` (-1..1) and `level_error_db` (median
    over active frames) judge the wave; `real_time_factor` is processing time over length.
    """

    utterance: Utterance
    duration_ms: float = 0.0
    rmse: float | None = None
    envelope_correlation: float | None = None
    level_error_db: float | None = None
    real_time_factor: float | None = None

    @property
    def success(self) -> bool:
        """Whether there is a wave-mix."""
        return isinstance(self.utterance.wave, WaveReady)

    @property
    def wave_mix_path(self) -> str | None:
        """The wave-mix, relative to the artifacts folder, on success."""
        return self.utterance.mix_path

    @property
    def audio_duration_ms(self) -> int:
        """The length of the sound; 0 on failure."""
        wave = self.utterance.wave
        return wave.audio_duration_ms if isinstance(wave, WaveReady) else 0

    @property
    def stage(self) -> Stage | None:
        """Where the utterance was lost, on failure."""
        return self.utterance.wave.stage if isinstance(self.utterance.wave, WaveFailed) else None

    @property
    def error(self) -> str | None:
        """Why there is none, on failure."""
        return self.utterance.wave.message if isinstance(self.utterance.wave, WaveFailed) else None


class WavesJobResult(CamelStruct, frozen=True, kw_only=True):
    """A job together with how it ended: what a worker publishes and what its future returns."""

    session_id: SessionId
    result: DecomposeResult

    @property
    def job(self) -> DecomposeJob:
        """The job that ended; what matters of its plan, the places, is in the utterance's wave."""
        pending = structs.replace(self.result.utterance, wave=WavePending())
        return DecomposeJob(session_id=self.session_id, utterance=pending)


class SummaryJob(CamelStruct, frozen=True, kw_only=True):
    """Make the six waves of a summary, whose speech exists, each in the range of its slot."""

    session_id: SessionId
    summary: Summary
    ranges_hz: tuple[Range | None, ...]

    @property
    def input_path(self) -> str:
        """The speech, relative to the artifacts folder; empty if there is none."""
        return self.summary.speech_path or ""


class SummaryJobResult(CamelStruct, frozen=True, kw_only=True):
    """How a summary's job ended: the summary with its waves ready or failed."""

    session_id: SessionId
    summary: Summary
    duration_ms: float = 0.0


Job = DecomposeJob | SummaryJob
JobResult = WavesJobResult | SummaryJobResult

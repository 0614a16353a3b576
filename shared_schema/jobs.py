"""A wave job and its result, as they travel between the chat backend, a worker and the gateway."""

from msgspec import Struct

from shared_schema.facts import (
    Milliseconds,
    Stage,
    Utterance,
    WaveFailed,
    WavePending,
    WaveReady,
    WaveState,
)
from shared_schema.ids import AgentId, SessionId, SlotId, TurnIndex, VoiceProfile
from shared_schema.layout import RelPath


class DecomposeJob(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Make the waves of one utterance. It tells all of it, so that its result stands alone."""

    session_id: SessionId
    turn_index: TurnIndex
    slot_id: SlotId
    agent_id: AgentId
    voice_profile: VoiceProfile
    text: str
    input_path: RelPath
    target_slot_id: SlotId | None = None

    def utterance(self, wave: WaveState | None = None) -> Utterance:
        """Return the utterance that this job belongs to, its wave in the given state."""
        return Utterance(
            turn_index=self.turn_index,
            slot_id=self.slot_id,
            agent_id=self.agent_id,
            voice_profile=self.voice_profile,
            text=self.text,
            speech_path=self.input_path,
            target_slot_id=self.target_slot_id,
            wave=wave or WavePending(),
        )


class DecomposeResult(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """How a decomposition ended.

    `wave_mix_path` is relative to the artifacts folder and set on success; `error` and `stage` are
    set on failure. `duration_ms` is processing time, `audio_duration_ms` the length of the sound.
    `rmse` compares mix and speech sample by sample (the PRD's figure; silence scores best on it);
    `envelope_correlation` (-1..1) and `level_error_db` (median over active frames) judge the wave.
    """

    success: bool
    duration_ms: float
    wave_mix_path: RelPath | None = None
    error: str | None = None
    stage: Stage = "waves"
    rmse: float | None = None
    audio_duration_ms: Milliseconds = 0
    sample_rate_hz: int = 0
    envelope_correlation: float | None = None
    level_error_db: float | None = None
    real_time_factor: float | None = None


class WavesJobResult(Struct, frozen=True, gc=False, kw_only=True):
    """A job together with how it ended: what a worker publishes and what its future returns."""

    job: DecomposeJob
    result: DecomposeResult

    def utterance(self) -> Utterance:
        """Return the utterance with its wave ready or failed."""
        result = self.result
        if result.success and result.wave_mix_path is not None:
            return self.job.utterance(
                WaveReady(
                    mix_path=result.wave_mix_path,
                    audio_duration_ms=result.audio_duration_ms,
                    sample_rate_hz=result.sample_rate_hz,
                )
            )
        return self.job.utterance(
            WaveFailed(stage=result.stage, message=result.error or "no reason was given")
        )

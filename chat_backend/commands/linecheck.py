"""The command `linecheck`: makes a recording with which the loudspeakers are checked.

It is a session like any other, to be rehearsed. Turn 1 says the same at all places together. The
one dialogue then goes from place to place: each says its number, and steps through its range.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr
from msgspec import Struct
from numpy.typing import NDArray

from chat_backend.errors import SpeechFailed
from chat_backend.show.show import load_show
from chat_backend.speech.hibari import HibariSpeech
from chat_backend.storage.archive import write_document
from shared_schema.facts import Dialogue, SlotAgent, Utterance, WaveReady
from shared_schema.ids import (
    AGENT_IDS,
    SLOT_IDS,
    SlotId,
    TurnIndex,
    VoiceProfile,
    new_session_id,
    timestamp,
)
from shared_schema.layout import (
    WAVE_MIX,
    Artifacts,
    session_file,
    speech_path,
    wave_path,
)
from shared_schema.runtime.process.exits import FAILED, OK
from shared_schema.session_document import FORMAT_VERSION, SessionDocument
from shared_schema.settings import Settings
from shared_schema.water import Range
from waves.dsp.decomposition import Waves
from waves.dsp.grid import SAMPLE_RATE_HZ
from waves.dsp.output import write_waves

Sound = NDArray[np.float64]

SEATS: Final = tuple(
    SlotAgent(slot_id=slot, agent_id=agent) for slot, agent in zip(SLOT_IDS, AGENT_IDS, strict=True)
)
MESSAGE: Final = "Line check"
EVERYWHERE: Final = "All places."
NUMBERS: Final = ("One", "Two", "Three", "Four", "Five", "Six")
PROFILE: Final[VoiceProfile] = "calm_soothing"
# The place that speaks last in the dialogue.
RESPONDENT: Final[SlotId] = SLOT_IDS[-1]
# Of a place without a range of its own: where most of the default waves' energy is.
DEFAULT_RANGE_HZ: Final[Range] = (20.0, 160.0)
STEPS: Final = 8
STEP_S: Final = 0.9
PAUSE_S: Final = 0.3
EDGE_S: Final = 0.08
# Peaks. Low frequencies move a membrane far, so the steps are not loud.
SPEECH_PEAK: Final = 0.5
STEP_PEAK: Final = 0.25


def linecheck(settings: Settings, show: Callable[[str], None] = print) -> int:
    """Make the recording in the artifacts folder; return the exit code."""
    artifacts = Artifacts(settings.artifacts_dir)
    ranges = load_show(settings).water.ranges_hz
    try:
        document = asyncio.run(_made(artifacts, ranges))
    except (SpeechFailed, OSError) as error:
        show(f"no line check: {error}")
        return FAILED
    for slot, range_hz in zip(SLOT_IDS, ranges, strict=True):
        low, high = range_hz or DEFAULT_RANGE_HZ
        show(f"place {slot}: {low:g} to {high:g} Hz")
    show(f"made {document.session_id}")
    show(f"rehearse it: python -m event_gateway rehearse {document.session_id}")
    return OK


async def _made(artifacts: Artifacts, ranges: tuple[Range | None, ...]) -> SessionDocument:
    speech = HibariSpeech(workers=1)
    await speech.start()
    check = _Check(speech, artifacts, new_session_id())
    try:
        together = [await check.utterance(1, seat) for seat in SEATS]
        by_turns = [
            await check.utterance(
                3 if seat.slot_id == RESPONDENT else 2,
                seat,
                stepped(ranges[seat.slot_id - 1] or DEFAULT_RANGE_HZ),
            )
            for seat in SEATS
        ]
    finally:
        await speech.close()
    document = SessionDocument(
        format=FORMAT_VERSION,
        session_id=check.session_id,
        started_at=timestamp(time.time()),
        state="done",
        message=MESSAGE,
        seed=0,
        slots=SEATS,
        utterances=(*together, *by_turns),
        dialogues=(Dialogue(target_slot_id=RESPONDENT, commenter_slot_ids=SLOT_IDS[:-1]),),
    )
    write_document(artifacts.root / session_file(check.session_id), document)
    return document


class _Check(Struct, frozen=True):
    """The recording that is being made."""

    speech: HibariSpeech
    artifacts: Artifacts
    session_id: str

    async def utterance(
        self, turn: TurnIndex, seat: SlotAgent, steps: Sound | None = None
    ) -> Utterance:
        """Speak, and write the wave of a place: what was spoken, then the steps.

        The second and the third wave are silent, and have no place.
        """
        slot = seat.slot_id
        text = EVERYWHERE if turn == 1 else NUMBERS[slot - 1]
        target = RESPONDENT if turn == 2 else None
        spoken = speech_path(
            self.session_id, turn, slot, seat.agent_id, PROFILE, target_slot_id=target
        )
        await self.speech.speak(text, PROFILE, self.artifacts.root / spoken)
        sound = _as_wave(self.artifacts.root / spoken)
        if steps is not None:
            sound = np.concatenate((sound, np.zeros(_samples(PAUSE_S)), steps))
        samples = np.round(sound * 32767).astype(np.int16)
        silence = np.zeros_like(samples)
        mix = wave_path(spoken, WAVE_MIX)
        write_waves(
            Waves(samples, silence, silence, mix=samples),
            (self.artifacts.root / mix).parent,
            stem=Path(spoken).stem,
        )
        return Utterance(
            turn_index=turn,
            slot_id=slot,
            agent_id=seat.agent_id,
            voice_profile=PROFILE,
            text=text,
            target_slot_id=target,
            speech_path=spoken,
            wave=WaveReady(
                mix_path=mix,
                places=(slot, None, None),
                audio_duration_ms=len(sound) * 1000 // SAMPLE_RATE_HZ,
                sample_rate_hz=SAMPLE_RATE_HZ,
            ),
        )


def stepped(range_hz: Range) -> Sound:
    """Return tones from the lowest to the highest frequency of a range, each with soft edges."""
    edge = _samples(EDGE_S)
    envelope = np.ones(_samples(STEP_S))
    envelope[:edge] = (1 - np.cos(np.pi * np.arange(edge) / edge)) / 2
    envelope[-edge:] = envelope[:edge][::-1]
    times_s = np.arange(len(envelope)) / SAMPLE_RATE_HZ
    low, high = range_hz
    tones = [
        STEP_PEAK * envelope * np.sin(2 * np.pi * hz * times_s)
        for hz in np.linspace(low, high, STEPS)
    ]
    return np.concatenate(tones)


def _as_wave(path: Path) -> Sound:
    """Return speech at the rate of the waves."""
    samples, rate = soundfile.read(path, dtype="float64")
    sound: Sound = soxr.resample(samples, rate, SAMPLE_RATE_HZ)
    return sound * (SPEECH_PEAK / max(float(np.abs(sound).max()), 1e-9))


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ)

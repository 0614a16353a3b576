"""Made-up sessions: what really happened, and the facts that report it."""

from msgspec import Struct, structs

from shared_schema.bus import SnapshotSession
from shared_schema.facts import (
    DecomposeResult,
    Dialogue,
    Fact,
    Sentiment,
    SentimentReported,
    SessionBegun,
    SessionComplete,
    SlotAgent,
    Summary,
    SummaryReady,
    SummaryReported,
    Turn1Complete,
    Turn3Complete,
    Utterance,
    UtteranceReported,
    WaveFailed,
    WavePending,
    WaveReady,
    WavesJobResult,
    WaveState,
)
from shared_schema.ids import AGENT_IDS, VOICE_PROFILES, TurnIndex
from shared_schema.layout import (
    WAVE_MIX,
    WAVE_NAMES,
    speech_path,
    summary_speech_path,
    wave_path,
)
from shared_schema.water import DEFAULT_WATER


def session_id(number: int = 1) -> str:
    """Return a valid session id that is the same in every run."""
    return f"00000000-0000-4000-8000-{number:012x}"


def slot_agent(slot: int) -> SlotAgent:
    """Return a slot with its default agent."""
    return SlotAgent(slot_id=slot, agent_id=AGENT_IDS[slot - 1])


def utterance(
    session: str,
    turn: TurnIndex,
    slot: int,
    *,
    ready: bool | None = True,
    target: int | None = None,
) -> Utterance:
    """Return an utterance whose wave is ready (True), failed (False) or pending (None)."""
    agent, profile = AGENT_IDS[slot - 1], VOICE_PROFILES[slot - 1]
    speech = speech_path(session, turn, slot, agent, profile, target_slot_id=target)
    wave: WaveState = WavePending()
    if ready is True:
        mix = wave_path(speech, "wave_mix")
        wave = WaveReady(
            mix_path=mix,
            places=DEFAULT_WATER.places_of(slot),
            audio_duration_ms=2000 + slot,
            sample_rate_hz=8000,
        )
    elif ready is False:
        wave = WaveFailed(stage="waves", message="broken")
    return Utterance(
        turn_index=turn,
        slot_id=slot,
        agent_id=agent,
        voice_profile=profile,
        text=f"turn {turn} slot {slot}",
        speech_path=speech,
        target_slot_id=target,
        wave=wave,
    )


class Truth(Struct, frozen=True, kw_only=True):
    """What really happened in a session, in the end.

    `targets` says whom each slot commented on; `ready` holds the (turn, slot) whose wave-mix came.
    `summary_ready` says whether the summary's waves came; None: there was no summary.
    """

    session_id: str
    slots: tuple[int, ...]
    targets: dict[int, int]
    replied: tuple[int, ...]
    ready: frozenset[tuple[int, int]]
    sentiment: Sentiment | None = None
    summary_ready: bool | None = None

    @property
    def dialogues(self) -> tuple[Dialogue, ...]:
        """The dialogues that exist, in order."""
        return tuple(
            Dialogue(
                target_slot_id=slot,
                commenter_slot_ids=tuple(
                    sorted(each for each, target in self.targets.items() if target == slot)
                ),
            )
            for slot in sorted(self.replied)
        )

    def parts(self) -> list[tuple[TurnIndex, int]]:
        """Every utterance that was made."""
        return [
            *[(1, slot) for slot in self.slots],
            *[(2, slot) for slot in self.targets],
            *[(3, slot) for slot in self.replied],
        ]

    def utterance(self, turn: TurnIndex, slot: int, *, ended: bool = True) -> Utterance:
        """Return an utterance before or after its wave job ended."""
        target = self.targets.get(slot) if turn == 2 else None
        ready = ((turn, slot) in self.ready) if ended else None
        return utterance(self.session_id, turn, slot, ready=ready, target=target)

    def finished(self, turn: TurnIndex, slot: int, *, text: str | None = None) -> WavesJobResult:
        """What a worker publishes of an utterance's job."""
        made = self.utterance(turn, slot)
        if text is not None:
            made = structs.replace(made, text=text)
        result = DecomposeResult(utterance=made, duration_ms=1.0)
        return WavesJobResult(session_id=self.session_id, result=result)

    def wave_files(self) -> list[str]:
        """Every wave and wave-mix that was made, relative to the artifacts folder."""
        mixes = [self.utterance(*part).mix_path for part in self.parts()]
        summary = self.summary()
        made = summary.wave_paths if summary is not None and self.summary_ready else ()
        return [
            *made,
            *(
                mix.replace(WAVE_MIX, part)
                for mix in mixes
                if mix is not None
                for part in (*WAVE_NAMES, WAVE_MIX)
            ),
        ]

    def summary(self, *, ended: bool = True) -> Summary | None:
        """Return the summary before or after its wave job ended, if there is one."""
        if self.summary_ready is None:
            return None
        wave: WavePending | SummaryReady | WaveFailed = WavePending()
        if ended and self.summary_ready:
            wave = SummaryReady(audio_duration_ms=4000, sample_rate_hz=8000)
        elif ended:
            wave = WaveFailed(stage="waves", message="broken")
        return Summary(
            text="What remained.",
            voice_profile="calm_soothing",
            speech_path=summary_speech_path(self.session_id, "calm_soothing"),
            wave=wave,
        )

    def summary_fact(self, *, ended: bool = True) -> list[Fact]:
        """Return the fact of the summary, if there is one."""
        summary = self.summary(ended=ended)
        if summary is None:
            return []
        return [SummaryReported(session_id=self.session_id, summary=summary)]

    def sentiment_fact(self, *, age_s: float = 0.0) -> SentimentReported | None:
        """Return the fact of the sentiment, if there is one."""
        if self.sentiment is None:
            return None
        return SentimentReported(session_id=self.session_id, sentiment=self.sentiment, age_s=age_s)

    def begun(self) -> SessionBegun:
        """The session's first fact."""
        return SessionBegun(
            session_id=self.session_id, slots=tuple(slot_agent(slot) for slot in self.slots)
        )

    def turn1(self, *, ended: bool = True, age_s: float = 0.0) -> Turn1Complete:
        """Turn 1's end, its wave jobs ended or still pending."""
        return Turn1Complete(
            session_id=self.session_id,
            slots=self.begun().slots,
            utterances=tuple(self.utterance(1, slot, ended=ended) for slot in self.slots),
            age_s=age_s,
        )

    def turn3(self, *, ended: bool = True, age_s: float = 0.0) -> Turn3Complete:
        """The end of the turns, their wave jobs ended or still pending."""
        return Turn3Complete(
            session_id=self.session_id,
            slots=self.begun().slots,
            utterances=tuple(self.utterance(*part, ended=ended) for part in self.parts()),
            dialogues=self.dialogues,
            age_s=age_s,
        )

    def complete(self, *, ended: bool = True, age_s: float = 0.0) -> SessionComplete:
        """The backend's last word, the summary's wave job ended or still pending."""
        return SessionComplete(
            session_id=self.session_id,
            stopped=False,
            summary=self.summary(ended=ended),
            age_s=age_s,
        )

    def snapshot(self, *, age_s: float = 0.0, epoch: str = "life") -> SnapshotSession:
        """The whole session, over, as a snapshot holds it."""
        return SnapshotSession(
            epoch=epoch,
            begun=self.begun(),
            sentiment=self.sentiment_fact(age_s=age_s),
            utterances=tuple(self.utterance(*part) for part in self.parts()),
            turn1=self.turn1(age_s=age_s),
            turn3=self.turn3(age_s=age_s),
            summary=self.summary(),
            complete=structs.replace(self.complete(age_s=age_s), summary=None),
        )

    def facts(self) -> list[Fact]:
        """Every fact of the session, in the order in which they happened."""
        ends: dict[int, list[Fact]] = {1: [], 2: [], 3: []}
        made: dict[int, list[Fact]] = {1: [], 2: [], 3: []}
        for turn, slot in self.parts():
            for ended, facts in ((False, made), (True, ends)):
                one = self.utterance(turn, slot, ended=ended)
                facts[turn].append(UtteranceReported(session_id=self.session_id, utterance=one))
        sentiment = self.sentiment_fact()
        return [
            self.begun(),
            *([sentiment] if sentiment is not None else []),
            *made[1],
            self.turn1(ended=False),
            *ends[1],
            *made[2],
            *ends[2],
            *made[3],
            self.turn3(ended=False),
            *self.summary_fact(ended=False),
            self.complete(ended=False),
            *ends[3],
            *self.summary_fact(),
        ]


BRIGHT = Sentiment(sentiment="positive", justification="What is said sounds bright.")


def with_additions(truth: Truth, *, summary_ready: bool = True) -> Truth:
    """Return a session with a sentiment and a summary."""
    return structs.replace(truth, sentiment=BRIGHT, summary_ready=summary_ready)


def whole(number: int = 1, *, lost: frozenset[tuple[int, int]] = frozenset()) -> Truth:
    """Return a session of six slots in which 1 and 3 comment on 2, the others on 1."""
    targets = {1: 2, 2: 1, 3: 2, 4: 1, 5: 1, 6: 1}
    truth = Truth(
        session_id=session_id(number),
        slots=(1, 2, 3, 4, 5, 6),
        targets=targets,
        replied=(1, 2),
        ready=frozenset(),
    )
    return structs.replace(truth, ready=frozenset(truth.parts()) - lost)

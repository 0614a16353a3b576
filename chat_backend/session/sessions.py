"""Starts and stops the sessions of this process, and keeps their ``session.json`` up to date."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog
from msgspec import Struct, structs

from chat_backend.errors import ChatBackendError
from chat_backend.facts.ledger import Record
from chat_backend.providers.usage import Usage, charged_to
from chat_backend.session.conversation import Conversation
from chat_backend.session.visits import Visit, Visits
from chat_backend.session.workflow import Services, Workflow
from chat_backend.storage.archive import Archive, Removal, write_document
from chat_backend.storage.leftovers import sweep_session
from shared_schema.chat import ChatRequest
from shared_schema.facts import JobResult, SlotAgent, WavesJobResult
from shared_schema.ids import SUMMARY_SLOT, SUMMARY_TURN, new_session_id, timestamp
from shared_schema.layout import session_file
from shared_schema.runtime.log.said import said
from shared_schema.session_document import SessionDocument

log = structlog.get_logger("chat")

# A file that cannot be written is tried again after this, then after twice that, and so on.
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
# So long a deletion waits for a writer that is at work; what it writes later is removed later.
DELETE_TIMEOUT_S: Final = 10.0


class TooManySessions(ChatBackendError):
    """All session slots are in use."""


class _Session(Struct, kw_only=True):
    """A session until its last wave job has ended. `unsaved` says that the file is behind.

    Of a `deleted` one, what its workers still write is removed.
    """

    workflow: Workflow
    visit: Visit
    started_at: str
    usage: Usage
    recording_id: str | None
    task: asyncio.Task[None] | None = None
    saving: asyncio.Task[None] | None = None
    unsaved: bool = False
    deleted: bool = False


class Sessions:
    """Starts, stops and records sessions."""

    def __init__(
        self, services: Services, visits: Visits, *, max_sessions: int, seed: int | None
    ) -> None:
        self._services = services
        self._visits = visits
        self._max_sessions = max_sessions
        self._seed = seed
        self._sessions: dict[str, _Session] = {}
        self._archive = Archive(services.artifacts)
        self._closing = asyncio.Event()
        services.metrics.running.set_function(lambda: self.running)

    def use(self, services: Services) -> None:
        """Make the next sessions with other services: those of another show."""
        self._services = services

    @property
    def running(self) -> int:
        """How many sessions are in their three turns."""
        return sum(1 for each in self._sessions.values() if each.task and not each.task.done())

    @property
    def live(self) -> frozenset[str]:
        """The sessions whose files are still being made."""
        return frozenset(self._sessions)

    def start(self, request: ChatRequest) -> Workflow:
        """Begin a session; it runs to its end whether or not anybody follows it.

        Raises
        ------
        TooManySessions
            If as many run as RR_CHAT_MAX_SESSIONS allows.
        """
        if self.running >= self._max_sessions:
            raise TooManySessions(
                f"all {self._max_sessions} session slots are in use (RR_CHAT_MAX_SESSIONS)"
            )
        said.note(request.message)
        session_id = new_session_id()
        conversation = Conversation(
            session_id=session_id,
            message=request.message,
            slots=tuple(
                SlotAgent(slot_id=slot.slot_id, agent_id=slot.agent_id) for slot in request.slots
            ),
            seed=int(session_id.replace("-", ""), 16) if self._seed is None else self._seed,
        )
        visit = self._visits.begin_session(request.visit_id, session_id)
        workflow = Workflow(self._services, conversation, visit)
        session = _Session(
            workflow=workflow,
            visit=visit,
            started_at=timestamp(time.time()),
            usage=Usage(),
            recording_id=request.recording_id,
        )
        self._services.metrics.sessions.inc()
        self._sessions[session_id] = session
        session.task = asyncio.create_task(self._run(session), name=f"session {session_id}")
        return workflow

    async def stop(self, session_id: str) -> bool:
        """End a running session in order; return whether there was one."""
        # A task that is cancelled before its first step does not even do what it does at its end.
        await asyncio.sleep(0)
        session = self._sessions.get(session_id)
        if session is None or session.task is None or session.task.done():
            return False
        session.workflow.stop()
        session.task.cancel()
        await asyncio.wait([session.task])
        return True

    async def delete(self, session_id: str) -> Removal | None:
        """End a session if it runs, forget it, remove its files; return None if there is none."""
        session = self._sessions.get(session_id)
        if session is not None:
            session.deleted = True
            await self.stop(session_id)
        else:
            self._services.events.ledger.drop(session_id)
        self._visits.forget_session(session_id)
        stored = await asyncio.to_thread(self._archive.stored, session_id)
        if session is not None:  # perhaps nothing is written yet
            stored = structs.replace(stored, recording_id=session.recording_id)
        removal = await asyncio.to_thread(self._archive.remove, stored)
        if session is not None:
            self._save(session)  # removes what was being written meanwhile
            if session.saving is not None:
                await asyncio.wait([session.saving], timeout=DELETE_TIMEOUT_S)
        elif not removal.found:
            return None
        log.info("session deleted", session=session_id)
        return removal

    async def stop_all(self) -> None:
        """End every running session in order."""
        for session_id in list(self._sessions):
            await self.stop(session_id)

    async def close(self) -> None:
        """Finish what is being written; call it when no more wave jobs can end."""
        self._closing.set()
        saving = [each.saving for each in self._sessions.values() if each.saving is not None]
        if saving:
            await asyncio.wait(saving)

    def waves_finished(self, finished: JobResult) -> None:
        """Record a wave job's end; to be called in the event loop."""
        self._services.events.waves_finished(finished)
        if isinstance(finished, WavesJobResult):
            took_ms, utterance = finished.result.duration_ms, finished.result.utterance
            turn, slot = int(utterance.turn_index), utterance.slot_id
        else:
            took_ms, turn, slot = finished.duration_ms, SUMMARY_TURN, SUMMARY_SLOT
        log.debug(
            "waves done",
            session=finished.session_id,
            turn=turn,
            slot=slot,
            took_ms=round(took_ms, 1),
        )
        session = self._sessions.get(finished.session_id)
        if session is not None and session.task is not None and session.task.done():
            self._save(session)

    async def _run(self, session: _Session) -> None:
        try:
            with charged_to(session.usage):
                await session.workflow.run(on_turn_done=lambda: self._save(session))
        except Exception:  # nobody awaits this task, so it would be lost
            log.exception("session crashed", session=session.workflow.session_id)
        finally:
            self._visits.end_session(session.visit)
            self._save(session)

    def _save(self, session: _Session) -> None:
        """Write session.json soon; one writer at a time, and none for nothing."""
        session.unsaved = True
        if session.saving is None:
            session.saving = asyncio.create_task(self._saving(session), name="session.json")

    async def _saving(self, session: _Session) -> None:
        """Write the newest state until it is written; forget the session after its last one."""
        record = self._services.events.ledger.record(session.workflow.session_id)
        pause_s = FIRST_RETRY_S
        try:
            while session.unsaved and record is not None:
                session.unsaved = False
                try:
                    if not session.deleted:
                        await self._write(session, record)
                    if session.deleted:  # perhaps in the meantime
                        await asyncio.to_thread(self._remove, session.workflow.session_id)
                except OSError as error:
                    session.unsaved = True
                    log.error(  # noqa: TRY400  # the reason says it all
                        "session.json not written",
                        session=session.workflow.session_id,
                        reason=str(error),
                        again_in_s=pause_s,
                    )
                    if self._closing.is_set():
                        break
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._closing.wait(), pause_s)
                    pause_s = min(2 * pause_s, LONGEST_RETRY_S)
        except Exception:  # as above; and a settled session must not stay live for ever
            log.exception("session.json crashed", session=session.workflow.session_id)
        session.saving = None
        if record is None or record.settled_at is not None:
            if session.deleted:
                self._services.events.ledger.drop(session.workflow.session_id)
            self._sessions.pop(session.workflow.session_id, None)

    async def _write(self, session: _Session, record: Record) -> None:
        conversation = session.workflow.conversation
        content = record.document(
            started_at=session.started_at,
            message=conversation.message,
            seed=conversation.seed,
            usage=tuple(session.usage.rows()),
            recording_id=session.recording_id,
        )
        path = self._services.artifacts.path(session_file(conversation.session_id))
        await asyncio.to_thread(self._write_file, path, content)

    def _remove(self, session_id: str) -> None:
        """Remove what was still written of a deleted session. Blocks."""
        self._archive.remove(self._archive.stored(session_id))

    def _write_file(self, path: Path, content: SessionDocument) -> None:
        """Write session.json; after the last time, remove what killed workers left. Blocks."""
        write_document(path, content)
        if content.settled and content.lost:
            sweep_session(self._services.artifacts, content.session_id)

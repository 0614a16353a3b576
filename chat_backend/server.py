"""Composes the chat backend: agents, speech, wave pool, bus and web server of one process."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from starlette.types import ASGIApp

from chat_backend.agents.models.opening import open_agents
from chat_backend.agents.models.seats import load_seats
from chat_backend.app import Chat, Voices
from chat_backend.facts.ledger import Ledger
from chat_backend.facts.publisher import SessionEvents, bus_publisher
from chat_backend.hearing.opening import build_hearing, open_hearing
from chat_backend.metrics import Metrics
from chat_backend.session.sessions import Sessions
from chat_backend.session.visits import Visits
from chat_backend.session.workflow import Services
from chat_backend.show.current import CurrentShow
from chat_backend.show.show import Show
from chat_backend.speech.choice import build_speech, speech_api_of
from chat_backend.speech.desk import Desk
from chat_backend.speech.engine import EMBEDDED, Speech
from chat_backend.storage.archive import Archive
from chat_backend.storage.leftovers import sweep_newest, swept
from chat_backend.storage.retention import prune_hourly
from chat_backend.threads import open_thread_pool
from shared_schema.decoding import InvalidSetting
from shared_schema.facts import Job, JobResult
from shared_schema.ids import AGENT_IDS
from shared_schema.layout import Artifacts
from shared_schema.runtime.process.exits import StartRefused
from shared_schema.runtime.process.serving import run_server
from shared_schema.runtime.web.access import bus_address
from shared_schema.runtime.web.connections import HttpLimits
from shared_schema.runtime.web.tls import own_certificate
from shared_schema.runtime.web.tokens import Token, require_token
from shared_schema.settings import Settings, variable
from waves.errors import WavesError
from waves.job import failure
from waves.workers.pool import WavePool

log = structlog.get_logger("chat")

VISIT_CHECK_INTERVAL_S = 1.0
# What a worker gets to finish when the backend ends.
POOL_CLOSE_S = 2.0


def serve(settings: Settings, *, speech: Speech | None = None) -> int:
    """Run the chat backend until it is asked to end; return the exit code."""
    Artifacts(settings.artifacts_dir).require_own_folders()
    return run_server(
        lambda: open_chat(settings, speech=speech),
        host=settings.chat_host,
        port=settings.chat_port,
        name="chat",
        limits=HttpLimits.of(settings),
        tls=own_certificate(settings),
    )


@asynccontextmanager
async def open_chat(settings: Settings, *, speech: Speech | None = None) -> AsyncIterator[ASGIApp]:
    """Open everything that the backend needs, and yield its application.

    `speech` defaults to what the settings and the providers' keys ask for.
    """
    require_token("chat_host", settings.chat_host, Token.of(settings, "chat_token"))
    open_thread_pool()
    metrics = Metrics()
    try:
        current = CurrentShow(settings)
        seats, keys = load_seats(settings, current.show.models)
        api = speech_api_of(settings, keys, current.show)
        voice = speech or build_speech(api, settings, keys, metrics)
        engine = build_hearing(settings, keys, metrics)
    except InvalidSetting as error:
        raise StartRefused(str(error)) from None
    artifacts = Artifacts(settings.artifacts_dir)
    ledger = Ledger(
        epoch=uuid.uuid4().hex,
        keep_s=settings.events_replay_window_s
        + settings.events_turn1_timeout_s
        + settings.events_dialogue_timeout_s,
    )
    visits = Visits(exchanges=settings.chat_history_turns, idle_s=settings.chat_visit_idle_s)
    async with AsyncExitStack() as stack:
        try:
            cast = await stack.enter_async_context(open_agents(seats, keys, settings, metrics))
        except InvalidSetting as error:
            raise StartRefused(str(error)) from None
        publish = None
        if settings.events_ws_enabled:
            publisher = await stack.enter_async_context(
                bus_publisher(
                    bus_address(settings),
                    ledger,
                    artifacts.root.as_posix(),
                    lambda: current.problem,
                )
            )
            publish = publisher.publish
        events = SessionEvents(ledger, publish)
        loop = asyncio.get_running_loop()

        def on_result(result: JobResult) -> None:
            """Bring a result from a thread of the pool into the event loop."""
            if not loop.is_closed():
                loop.call_soon_threadsafe(sessions.waves_finished, result)

        def submit(job: Job) -> None:
            hand_over(job)  # to the pool, which is opened below

        desk = Desk(settings.tts_concurrency if api else settings.speech_workers)

        def services_of(show: Show) -> Services:
            return Services(
                agents=cast(show),
                speech=voice.with_voices(show.voices),
                desk=desk,
                events=events,
                artifacts=artifacts,
                submit=submit,
                turn_timeout_s=settings.chat_turn_timeout_s,
                metrics=metrics,
                lengths=show.words.lengths,
                water=show.water,
                summary=settings.chat_summary,
                sentiment_timeout_s=(
                    settings.chat_sentiment_timeout_s if settings.chat_sentiment else None
                ),
            )

        sessions = Sessions(
            services_of(current.show),
            visits,
            max_sessions=settings.chat_max_sessions,
            seed=settings.seed,
        )
        current.on_change = lambda show: sessions.use(services_of(show))
        # After the pool, whose last results come while it closes.
        stack.push_async_callback(sessions.close)
        hand_over = _submitter(stack, settings, artifacts, ledger.epoch, on_result)
        await voice.start()
        stack.push_async_callback(voice.close)
        hearing = await stack.enter_async_context(
            open_hearing(engine, settings, metrics, artifacts)
        )
        stack.push_async_callback(sessions.stop_all)
        _meanwhile(stack, asyncio.to_thread(sweep_newest, artifacts, swept(settings)))
        _meanwhile(stack, _expire_visits(visits))
        _meanwhile(stack, current.watch())
        if settings.artifacts_keep_days:
            _meanwhile(stack, prune_hourly(Archive(artifacts), settings, lambda: sessions.live))
        yield Chat(
            settings=settings,
            sessions=sessions,
            visits=visits,
            current=current,
            cast=cast,
            artifacts=artifacts,
            metrics=metrics,
            voices=Voices(
                agents={agent: seats.provider(agent) for agent in AGENT_IDS},
                speech=api.provider if api else EMBEDDED,
            ),
            hearing=hearing,
        ).app()


def _meanwhile(stack: AsyncExitStack, work: Coroutine[Any, Any, object]) -> None:
    """Do something beside the requests, until the stack is left."""
    stack.callback(asyncio.create_task(work).cancel)


async def _expire_visits(visits: Visits) -> None:
    """End idle visits also while nobody asks anything."""
    while True:
        await asyncio.sleep(VISIT_CHECK_INTERVAL_S)
        visits.expire()


def _submitter(
    stack: AsyncExitStack,
    settings: Settings,
    artifacts: Artifacts,
    epoch: str,
    on_result: Callable[[JobResult], None],
) -> Callable[[Job], None]:
    """Return the function that takes a wave job: the pool's, or one that fails every job."""
    if not settings.waves_enabled:
        return lambda job: on_result(failure(job, "switched off: RR_WAVES_ENABLED=false"))
    try:
        pool = WavePool(
            artifacts_dir=artifacts.root,
            bus=bus_address(settings) if settings.events_ws_enabled else None,
            epoch=epoch,
            max_workers=settings.waves_max_workers,
            queue_max_size=settings.waves_queue_max_size,
            job_timeout_s=settings.waves_job_timeout_s,
            on_result=on_result,
            max_duration_s=settings.waves_max_duration_s,
            dask_scheduler=settings.dask_scheduler if settings.waves_executor == "dask" else None,
        )
    except WavesError as error:
        raise StartRefused(f"{variable('waves_executor')}=dask: {error}") from None
    stack.push_async_callback(asyncio.to_thread, pool.close, POOL_CLOSE_S)
    pool.warm()
    return pool.submit

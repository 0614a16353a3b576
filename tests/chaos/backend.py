"""A chat backend that only speaks on the bus: sessions overlap, workers publish and are killed.

It uses the real ledger and the real publisher, and writes real (tiny) wave files before it or a
worker calls them ready, as the real one does.
"""

import argparse
import asyncio
import random
import subprocess
import sys
from pathlib import Path

from shared_schema.bus import SummaryFinished, WavesFinished, encode_message
from shared_schema.facts import Summary, SummaryJobResult
from shared_schema.ids import TurnIndex
from tests.chaos.plan import truth_of
from tests.support.client import Backend, backend
from tests.support.sessions import Truth

TURNS: tuple[TurnIndex, ...] = (1, 2, 3)


class Workers:
    """Two processes that publish completions; each is killed now and then and replaced.

    They end with their stdin, so also with this process.
    """

    def __init__(self, bus: str, chance: random.Random) -> None:
        self._bus = bus
        self._chance = chance
        self._processes = [self._spawn() for _ in range(2)]
        self.killed = 0

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.worker", self._bus], stdin=subprocess.PIPE
        )

    def publish(self, line: bytes) -> None:
        place = self._chance.randrange(2)
        process = self._processes[place]
        assert process.stdin is not None
        process.stdin.write(line + b"\n")
        process.stdin.flush()
        if self._chance.random() < 0.01:
            process.kill()
            process.communicate()
            self.killed += 1
            self._processes[place] = self._spawn()


def completion(truth: Truth, turn: TurnIndex, slot: int, epoch: str) -> bytes:
    """Return what a worker says of a job."""
    return encode_message(WavesFinished(epoch=epoch, result=truth.finished(turn, slot)))


def summary_completion(truth: Truth, summary: Summary, epoch: str) -> bytes:
    """Return what a worker says of a summary's job."""
    result = SummaryJobResult(session_id=truth.session_id, summary=summary)
    return encode_message(SummaryFinished(epoch=epoch, result=result))


async def happen(it: Backend, truth: Truth, workers: Workers, chance: random.Random) -> None:
    """Let one session happen, in one to three seconds."""
    session = truth.session_id
    it.write(truth)
    it.events.begin_session(session, slots=truth.begun().slots)
    jobs: list[asyncio.Task[None]] = []

    async def job(turn: TurnIndex, slot: int) -> None:
        await asyncio.sleep(chance.uniform(0.0, 0.5))
        if chance.random() < 0.8:
            workers.publish(completion(truth, turn, slot, it.ledger.epoch))
        await asyncio.sleep(chance.uniform(0.0, 0.2))
        it.events.utterance(session, truth.utterance(turn, slot))

    async def summary_job(summary: Summary) -> None:
        await asyncio.sleep(chance.uniform(0.0, 0.5))
        if chance.random() < 0.8:
            workers.publish(summary_completion(truth, summary, it.ledger.epoch))
        await asyncio.sleep(chance.uniform(0.0, 0.2))
        it.events.summary(session, summary)

    if truth.sentiment is not None:
        it.events.sentiment(session, truth.sentiment)
    for turn in TURNS:
        for part in truth.parts():
            if part[0] == turn:
                await asyncio.sleep(chance.uniform(0.0, 0.1))
                it.events.utterance(session, truth.utterance(*part, ended=False))
                jobs.append(asyncio.create_task(job(*part)))
        if turn == 1:
            it.events.turn1_complete(session)
    it.events.turn3_complete(session, truth.dialogues)
    begun, ended = truth.summary(ended=False), truth.summary()
    if begun is not None and ended is not None:
        await asyncio.sleep(chance.uniform(0.0, 0.3))
        it.events.summary(session, begun)
        jobs.append(asyncio.create_task(summary_job(ended)))
    it.events.session_complete(session, stopped=False)
    await asyncio.gather(*jobs)


async def main() -> None:
    """Run the sessions, say when they are over, and stay until ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bus", required=True)
    parser.add_argument("--artifacts", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--spread-s", type=float, required=True)
    parser.add_argument("--epoch", required=True)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    workers = Workers(arguments.bus, chance)
    async with backend(arguments.bus, arguments.artifacts, epoch=arguments.epoch) as it:

        async def later(number: int) -> None:
            await asyncio.sleep(arguments.spread_s * number / arguments.sessions)
            truth = truth_of(arguments.seed, arguments.first + number)
            await happen(it, truth, workers, random.Random(f"{arguments.seed}:{number}"))

        async with asyncio.TaskGroup() as group:
            for number in range(arguments.sessions):
                group.create_task(later(number))
        print(f"told workers_killed={workers.killed}", flush=True)  # noqa: T201  # the runner reads it
        await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(main())

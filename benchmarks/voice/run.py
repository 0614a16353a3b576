"""The embedded voice: its cost, how well two workers share two cores, and how loud it is."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import pyloudnorm
import soxr

from benchmarks import before
from benchmarks.document import ROOT
from benchmarks.report import machine, median, table, verdict
from benchmarks.voice import speaker
from chat_backend.speech.audio import SAMPLE_RATE_HZ, TARGET_LUFS
from chat_backend.speech.hibari import HibariModel, HibariSpeech, synthesize
from shared_schema.ids import VOICE_PROFILES

_COST: Final = 1.35
_SPEED_UP: Final = 1.8
_LEVEL_DB: Final = 1.0
_TRUE_PEAK_DBFS: Final = -1.0
_TWO_ROUNDS: Final = 5

Taken = dict[str, float]


def run(*, rounds: int) -> int:
    """Print everything; return 0 if all that must be reached is."""
    print(machine("hibari-tts", "onnxruntime", "numpy", "scipy"), f"load {os.getloadavg()[0]:.1f}")
    old, new = _costs(rounds)
    cost = median([n["whole_s"] / o["alone_s"] for o, n in zip(old, new, strict=True)])
    cost_before = median([o["whole_s"] / o["alone_s"] for o in old])
    speed_up, one_s, two_s = asyncio.run(_two_workers())
    level_db, peak_dbfs = _levels()
    rows = [
        [name, f"{_per_second(taken, 'whole_s'):.2f}", f"{_per_second(taken, 'alone_s'):.2f}"]
        for name, taken in ((f"before ({before.COMMIT})", old), ("now", new))
    ]
    print("\nCPU of one thread in ms per second of speech, six voices, medians of interleaved")
    print(f"rounds ({rounds}).\n")
    print(table(["", "utterance", "of which model and synthesis"], rows))
    print(f"\nAll utterances by one speech worker: {one_s:.2f} s, by two: {two_s:.2f} s.")
    print("\nWhat must be reached.\n")
    verdicts = [
        (
            f"CPU of an utterance over {before.COMMIT}'s model and synthesis",
            f"{cost:.2f} (before: {cost_before:.2f})",
            verdict(cost, _COST),
        ),
        (
            f"two speech workers against one, median of {_TWO_ROUNDS}, times",
            f"{speed_up:.2f}",
            verdict(speed_up, _SPEED_UP, at_least=True),
        ),
        (
            f"loudness of the six (pyloudnorm), farthest from {TARGET_LUFS:g} LUFS, dB",
            f"{level_db:.2f}",
            verdict(level_db, _LEVEL_DB),
        ),
        ("true peak of the six, dBFS", f"{peak_dbfs:.2f}", verdict(peak_dbfs, _TRUE_PEAK_DBFS)),
    ]
    print(table(["figure", "reached", "verdict"], verdicts))
    return 1 if any("MISSED" in verdict for _, _, verdict in verdicts) else 0


def _costs(rounds: int) -> tuple[list[Taken], list[Taken]]:
    """Return what each round took, before and now; the first does not count."""
    taken: tuple[list[Taken], list[Taken]] = ([], [])
    with ExitStack() as stack:
        roots = (stack.enter_context(before.checkout()), ROOT)
        speakers = [stack.enter_context(_speaker(root)) for root in roots]
        for count in range(rounds + 1):
            for kept, process in zip(taken, speakers, strict=True):
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write("\n")
                process.stdin.flush()
                one = json.loads(process.stdout.readline())
                if count:
                    kept.append(one)
    return taken


@contextmanager
def _speaker(root: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, speaker.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:
        yield process


def _per_second(taken: list[Taken], name: str) -> float:
    return median([1e3 * one[name] / one["speech_s"] for one in taken])


async def _two_workers() -> tuple[float, float, float]:
    """Return how many times faster two workers are, and the seconds of one and of two."""
    one, two = HibariSpeech(workers=1), HibariSpeech(workers=2)
    await one.start()
    await two.start()
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        for count in range(_TWO_ROUNDS + 1):
            alone_s = await _speak_all(one, Path(folder))
            together_s = await _speak_all(two, Path(folder))
            if count:
                rounds.append((alone_s / together_s, alone_s, together_s))
    await one.close()
    await two.close()
    return sorted(rounds)[_TWO_ROUNDS // 2]


async def _speak_all(speech: HibariSpeech, folder: Path) -> float:
    began = time.perf_counter()
    await asyncio.gather(
        *(
            speech.speak(text, profile, folder / f"{profile}_{place}.wav")
            for profile in VOICE_PROFILES
            for place, text in enumerate(speaker.TEXTS)
        )
    )
    return time.perf_counter() - began


def _levels() -> tuple[float, float]:
    """Return the farthest distance from the target in dB, and the highest true peak in dBFS."""
    model = HibariModel()
    meter = pyloudnorm.Meter(SAMPLE_RATE_HZ)
    farthest_db, highest = 0.0, 0.0
    for profile in VOICE_PROFILES:
        for text in speaker.TEXTS:
            signal = synthesize(model, text, profile)
            level = meter.integrated_loudness(signal.astype(np.float64))
            farthest_db = max(farthest_db, abs(level - TARGET_LUFS))
            between = soxr.resample(signal, SAMPLE_RATE_HZ, 8 * SAMPLE_RATE_HZ, quality="VHQ")
            highest = max(highest, float(np.abs(between).max()))
    return farthest_db, 20 * float(np.log10(highest))

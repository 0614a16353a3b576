"""All measurements of the waves, and the verdicts."""

import os
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path

from benchmarks.report import machine, table
from benchmarks.waves import crew, peers, pictures, pitch_truth, ranged, speed, truth
from benchmarks.waves.material import make_clips

_DRAWN = 12  # a male voice of espeak-ng, five seconds; without it the last of ours
_PACKAGES = ("numpy", "soundfile", "soxr", "hibari-tts", "librosa", "pyworld", "praat-parselmouth")


def run(*, rounds: int) -> int:
    """Print everything; return 0 if all that must be reached is."""
    warnings.simplefilter("ignore")  # of the peers' own making
    print(machine(*_PACKAGES), f"{_espeak()}, load {os.getloadavg()[0]:.1f}", sep=", ")
    for sentence in peers.missing():
        print(sentence)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = make_clips(folder)
        verdicts = [
            *truth.run(clips, folder),
            *ranged.run(clips),
            *pitch_truth.run(),
            *speed.run(clips, rounds=rounds),
            *crew.run(clips, folder / "artifacts"),
        ]
        drawn = pictures.draw(clips[min(_DRAWN, len(clips) - 1)], folder)
    print(f"\n{drawn}\n\nWhat must be reached.\n")
    print(table(["figure", "reached", "verdict"], verdicts))
    return 1 if any("MISSED" in verdict for _, _, verdict in verdicts) else 0


def _espeak() -> str:
    program = shutil.which("espeak-ng")
    if program is None:
        return "espeak-ng not installed: no clips of it"
    ended = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    return " ".join(ended.stdout.split()[:4])

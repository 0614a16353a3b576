"""Files as they really are: sizes that lie, channels that cancel, names that are no text."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.platforms import posix
from tests.support.sounds import SECONDS, by_sndfile, pcm, voiced, wav
from waves.dsp.sound import checked, load
from waves.errors import UnsuitableSound

HALF = len(pcm()) // 4 * 2


@pytest.mark.parametrize(
    "content",
    [
        wav(),
        wav(data_size=0),
        wav(data_size=0, riff_size=0),
        wav(data_size=0xFFFFFFFF, riff_size=0xFFFFFFFF),
        wav(data_size=0x7FFFFFFF),
        wav(data_size=50_000_000),
        wav(data_size=0, extra=b"LIST\x04\x00\x00\x00INFO"),
        wav(samples=pcm()[:HALF]) + wav(samples=pcm()[HALF:]),
        wav(samples=pcm()[:HALF], data_size=0) + wav(samples=pcm()[HALF:], data_size=0),
    ],
)
def test_a_wav_is_read_to_its_end_whatever_it_declares(tmp_path: Path, content: bytes) -> None:
    """Nothing, too much, or only the first of several in a row."""
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    assert len(load(path)) == round(SECONDS * 8000)


def test_what_follows_the_samples_is_not_sound(tmp_path: Path) -> None:
    """A list after them is left alone."""
    path = tmp_path / "a.wav"
    path.write_bytes(wav() + b"LIST\x1a\x00\x00\x00INFOISFT\x0e\x00\x00\x00Lavf58.29.100\x00")
    assert len(load(path)) == round(SECONDS * 8000)


@pytest.mark.parametrize("gain", [-1.0, -0.9])
def test_antiphase_stereo_is_not_silence(tmp_path: Path, gain: float) -> None:
    """From a file, and from samples."""
    stereo = np.stack([voiced(), gain * voiced()], axis=1).astype(np.float32)
    path = tmp_path / "a.wav"
    path.write_bytes(by_sndfile("WAV", samples=stereo))
    for found in (load(path), checked(stereo, sample_rate_hz=24_000)):
        assert np.abs(found).max() > 0.8 * np.abs(voiced()).max()


def test_ordinary_stereo_is_the_mean_of_its_channels(tmp_path: Path) -> None:
    """One channel that is silent included."""
    stereo = np.stack([voiced(), np.zeros_like(voiced())], axis=1)
    path = tmp_path / "a.wav"
    path.write_bytes(by_sndfile("WAV", "FLOAT", samples=stereo))
    single = checked(0.5 * voiced(), sample_rate_hz=24_000)
    assert np.abs(load(path) - single).max() < 1e-4


def test_one_infinite_sample_is_refused_in_any_channel(tmp_path: Path) -> None:
    """Also where the channels cancel each other."""
    stereo = np.stack([voiced(), -voiced()], axis=1)
    stereo[100, 1] = np.inf
    path = tmp_path / "a.wav"
    path.write_bytes(by_sndfile("WAV", "FLOAT", samples=stereo))
    with pytest.raises(UnsuitableSound):
        load(path)


@posix("file names that are no text")
@pytest.mark.parametrize("as_json", [True, False])
def test_a_name_that_is_no_text_is_one_failed_row(tmp_path: Path, as_json: bool) -> None:
    """The rest is done, and JSON stays JSON."""
    names = [b"\xff\xfe.wav", b"good.wav", "\u00fc \u6c34\n.wav".encode(), b"\xed\xa0\x80.wav"]
    files = [os.fsencode(tmp_path) + b"/" + name for name in names]
    for file in files:
        Path(os.fsdecode(file)).write_bytes(wav())
    done = subprocess.run(
        [sys.executable, "-m", "waves", "decompose", *files, *(["--json"] if as_json else [])],
        capture_output=True,
        timeout=200,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"not UTF-8") == 2
    assert len(list(tmp_path.glob("*_mix.wav"))) == 2
    if as_json:
        rows = json.loads(done.stdout)
        assert [("error" in row) for row in rows] == [True, False, False, True]
        assert [row["file"].rpartition("/")[2] for row in rows][:2] == [
            "\\xff\\xfe.wav",
            "good.wav",
        ]

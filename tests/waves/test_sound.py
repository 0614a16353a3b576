"""The gatekeeper: every kind of file comes in alike, or is refused in a sentence."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from waves.dsp.grid import Float32, Float64
from waves.dsp.sound import checked, load
from waves.errors import UnreadableSound, UnsuitableSound, WavesError


def hum(rate_hz: int, *, duration_s: float = 0.5) -> Float64:
    """Return a 200 Hz tone."""
    return 0.5 * np.sin(2 * np.pi * 200 * np.arange(round(duration_s * rate_hz)) / rate_hz)


def write(path: Path, samples: Float32 | Float64, rate_hz: int, subtype: str = "PCM_16") -> Path:
    """Write a sound file and return its path."""
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path


@pytest.mark.parametrize(
    "rate_hz", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 192_000]
)
def test_every_rate_becomes_8_khz(tmp_path: Path, rate_hz: int) -> None:
    """The same tone arrives whatever rate it was recorded at."""
    loaded = load(write(tmp_path / "a.wav", hum(rate_hz), rate_hz))
    assert len(loaded) == 4000
    assert loaded.dtype == np.float32
    np.testing.assert_allclose(loaded[400:-400], hum(8_000)[400:-400], atol=5e-3)


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_U8"),
        ("a.wav", "PCM_16"),
        ("a.wav", "PCM_24"),
        ("a.wav", "PCM_32"),
        ("a.wav", "FLOAT"),
        ("a.wav", "DOUBLE"),
        ("a.flac", "PCM_16"),
        ("a.ogg", "VORBIS"),
        ("a.mp3", "MPEG_LAYER_III"),
    ],
)
def test_every_format_is_read(tmp_path: Path, name: str, subtype: str) -> None:
    """Integer, floating-point and compressed files give the same sound."""
    loaded = load(write(tmp_path / name, hum(16_000), 16_000, subtype))
    np.testing.assert_allclose(loaded[800:3200], hum(8_000)[800:3200], atol=0.03)


def test_channels_are_averaged(tmp_path: Path) -> None:
    """A sound in one of two channels arrives at half its level; in both, at its own."""
    one, both = np.stack([hum(8_000), 0 * hum(8_000)], 1), np.stack([hum(8_000)] * 2, 1)
    np.testing.assert_allclose(
        load(write(tmp_path / "1.wav", one, 8_000)), hum(8_000) / 2, atol=1e-4
    )
    np.testing.assert_allclose(load(write(tmp_path / "2.wav", both, 8_000)), hum(8_000), atol=1e-4)
    np.testing.assert_allclose(checked(one, sample_rate_hz=8_000), hum(8_000) / 2, atol=1e-4)


def test_blocks_leave_no_seam(tmp_path: Path) -> None:
    """A sound longer than one block is what it is when resampled in one go."""
    long = hum(24_000, duration_s=21.3)
    loaded = load(write(tmp_path / "a.wav", long, 24_000, "FLOAT"))
    np.testing.assert_allclose(loaded, checked(long, sample_rate_hz=24_000), atol=1e-5)


def test_a_constant_offset_is_removed() -> None:
    """The mean of what comes out is zero."""
    assert abs(checked(hum(8_000) + 0.3, sample_rate_hz=8_000).mean()) < 1e-6


@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_the_shortest_sounds_have_at_least_one_sample(count: int) -> None:
    """Even one sample at 48 kHz, a sixth of one at 8 kHz, is a sound."""
    assert len(checked(np.full(count, 0.5), sample_rate_hz=48_000)) == 1


def test_what_is_no_sound_file_is_refused(tmp_path: Path) -> None:
    """A missing file, a text, an empty file, a cut header and a folder are unreadable."""
    whole = write(tmp_path / "whole.wav", hum(8_000), 8_000).read_bytes()
    contents = {"text.wav": b"no sound at all\n" * 40, "empty.wav": b"", "cut.wav": whole[:30]}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "headerless.raw").write_bytes(whole)
    for name in (*contents, "missing.wav", "folder.wav", "headerless.raw"):
        with pytest.raises(UnreadableSound, match=name):
            load(tmp_path / name)


def test_a_file_that_ends_too_early_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """A header that promises more samples than there are does no harm."""
    path = write(tmp_path / "a.wav", hum(8_000), 8_000)
    path.write_bytes(path.read_bytes()[: 44 + 2 * 1000])
    assert len(load(path)) == 1000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_samples_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    """One such sample is enough, in a file and in an array."""
    broken = hum(16_000)
    broken[77] = value
    path = write(tmp_path / "a.wav", broken, 16_000, "FLOAT")
    with pytest.raises(UnsuitableSound, match="the sound has"):
        load(path)
    with pytest.raises(UnsuitableSound, match="the sound has"):
        checked(broken, sample_rate_hz=16_000)


def test_sounds_of_unsuitable_shape_are_refused(tmp_path: Path) -> None:
    """No samples, a rate out of range, too many dimensions, too long: each has its sentence."""
    with pytest.raises(UnsuitableSound, match="is empty"):
        load(write(tmp_path / "none.wav", np.zeros(0), 8_000))
    with pytest.raises(UnsuitableSound, match="is empty"):
        checked(np.zeros(0), sample_rate_hz=16_000)
    with pytest.raises(UnsuitableSound, match="7999 Hz"):
        checked(hum(8_000), sample_rate_hz=7_999)
    with pytest.raises(UnsuitableSound, match="4000 Hz"):
        load(write(tmp_path / "slow.wav", hum(8_000), 4_000))
    with pytest.raises(UnsuitableSound, match="3 dimensions"):
        checked(np.zeros((2, 2, 2)), sample_rate_hz=8_000)
    with pytest.raises(UnsuitableSound, match="lasts 2 s; the limit is 1 s"):
        load(write(tmp_path / "long.wav", hum(8_000, duration_s=2), 8_000), max_duration_s=1)


def test_all_errors_have_one_base() -> None:
    """Who handles `WavesError` handles all of them."""
    assert issubclass(UnreadableSound, WavesError)
    assert issubclass(UnsuitableSound, WavesError)

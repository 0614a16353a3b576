"""The reference algorithm, V3, as the field notes describe it, on librosa.

8 kHz, hop 128, n_fft 512, pYIN from C2 to C7 with librosa's other defaults; amplitudes of harmonics
1 to 3 of f0; f0 mapped linearly from its lowest and highest value to 15..80 Hz, unvoiced counted as
0 Hz and interpolated through, so that the base carrier goes below zero; cosines; a gain curve from
RMS envelopes, capped at 10.
"""

from pathlib import Path
from typing import Final

import librosa
import numpy as np
import numpy.typing as npt
import soundfile

Float64 = npt.NDArray[np.float64]

RATE_HZ: Final = 8_000
HOP: Final = 128
N_FFT: Final = 512
LOWEST_HZ: Final = 15.0
HIGHEST_HZ: Final = 80.0
LARGEST_GAIN: Final = 10.0


def pitch(samples: npt.NDArray[np.float32]) -> tuple[Float64, npt.NDArray[np.bool_]]:
    """Return f0 every 128 samples, zero where unvoiced, and where it is voiced."""
    f0_hz, voiced, _ = librosa.pyin(
        samples,
        fmin=float(librosa.note_to_hz("C2")),
        fmax=float(librosa.note_to_hz("C7")),
        sr=RATE_HZ,
        frame_length=N_FFT,
        hop_length=HOP,
    )
    return np.nan_to_num(f0_hz), voiced


def decompose(samples: npt.NDArray[np.float32]) -> list[Float64]:
    """Return the three waves and the mix."""
    f0_hz, voiced = pitch(samples)
    spectrum = np.abs(librosa.stft(samples, n_fft=N_FFT, hop_length=HOP))
    frames = min(len(f0_hz), spectrum.shape[1])
    f0_hz, voiced = f0_hz[:frames], voiced[:frames]

    at_frames = np.arange(frames) * HOP
    at_samples = np.arange(len(samples))
    phase = 2 * np.pi * np.cumsum(carrier(f0_hz, voiced, len(samples))) / RATE_HZ

    waves = []
    for k in (1, 2, 3):
        bins = np.clip(np.rint(k * f0_hz * N_FFT / RATE_HZ), 0, N_FFT // 2).astype(int)
        amplitude = spectrum[bins, np.arange(frames)] * voiced
        loudest = amplitude.max(initial=0.0) or 1.0
        waves.append(np.interp(at_samples, at_frames, amplitude / loudest) * np.cos(k * phase))
    mix = waves[0] + waves[1] + waves[2]
    theirs = librosa.feature.rms(y=samples, frame_length=N_FFT, hop_length=HOP)[0]
    ours = librosa.feature.rms(y=mix, frame_length=N_FFT, hop_length=HOP)[0]
    gain = np.minimum(theirs / np.maximum(ours, 1e-6), LARGEST_GAIN)
    curve = np.interp(at_samples, np.arange(len(gain)) * HOP, gain)
    waves = [wave * curve for wave in waves]
    return [*waves, waves[0] + waves[1] + waves[2]]


def carrier(f0_hz: Float64, voiced: npt.NDArray[np.bool_], count: int) -> Float64:
    """Return the base carrier's frequency at each of `count` samples; it goes below zero."""
    known = f0_hz[voiced]
    low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
    base_hz = LOWEST_HZ + (f0_hz - low) / max(high - low, 1.0) * (HIGHEST_HZ - LOWEST_HZ)
    hertz: Float64 = np.interp(np.arange(count), np.arange(len(base_hz)) * HOP, base_hz)
    return hertz


def decompose_file(path: Path, folder: Path) -> Float64:
    """Write the four files of V3 and return its mix, before it is clipped by writing."""
    samples, _ = librosa.load(path, sr=RATE_HZ, mono=True)
    parts = decompose(samples)
    folder.mkdir(parents=True, exist_ok=True)
    for name, wave in zip(("wave1", "wave2", "wave3", "wave_mix"), parts, strict=True):
        soundfile.write(folder / f"{path.stem}_v3_{name}.wav", wave, RATE_HZ, subtype="PCM_16")
    return parts[3]

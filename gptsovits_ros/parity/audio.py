"""Compare the waveform helpers with the golden case "audio"."""
from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import torch

from gptsovits_ros.audio import files, kaldi, resample, spectrogram
from gptsovits_ros.parity.report import Row, compared, todo
from gptsovits_ros.types import SpectrogramConfig

CASE = 'audio'
REFERENCE_FRAMES = SpectrogramConfig()
TRAINING_MEL = spectrogram.MelConfig(REFERENCE_FRAMES, 128, 0.0, 16000.0)
STEREO_RATE = 44100  # of the golden recording w44_stereo


def run(folder: Path) -> Iterator[Row]:
    """Compare every quantity of the case.

    :param folder: of the case; holds data.npz.
    """
    with np.load(folder / 'data.npz', allow_pickle=False) as data:
        golden = {name: data[name] for name in data.files}
    yield from _spectrograms(golden)
    yield from _recording(golden)
    yield _latent('fbank80', kaldi.fbank(torch.from_numpy(golden['w16'])), golden)
    for name in ('sv_embedding', 'sv_layer1_mean', 'sv_layer4_mean'):
        yield todo(CASE, name, 'the speaker encoder is not written yet')


def _spectrograms(golden: dict[str, np.ndarray]) -> Iterator[Row]:
    """Compare what is computed from the waves at 24 and 32 kHz."""
    wave_24k, wave_32k = torch.from_numpy(golden['w24']), torch.from_numpy(golden['w32'])
    magnitude = spectrogram.magnitude_spectrogram(wave_32k, REFERENCE_FRAMES)
    mel_v3 = spectrogram.mel_spectrogram(wave_24k, spectrogram.MEL_V3)
    mel_v4 = spectrogram.mel_spectrogram(wave_32k, spectrogram.MEL_V4)
    yield _latent('spec32', magnitude, golden)
    yield _latent('mel_v3', mel_v3, golden)
    yield _latent('mel_v3_norm', spectrogram.normalize_mel(mel_v3), golden)
    yield _latent('mel_v4', mel_v4, golden)
    yield _latent(
        'mel_train128', spectrogram.mel_from_magnitude(magnitude, TRAINING_MEL), golden)


def _recording(golden: dict[str, np.ndarray]) -> Iterator[Row]:
    """Compare what is made from a stereo recording, read from a file as a reference is."""
    stereo = golden['w44_stereo']  # float32 [2, T], peak above 1
    mono = torch.from_numpy(stereo.mean(axis=0))
    yield _audio('w44_to32', resample.resample(mono, STEREO_RATE, 32000), golden)
    yield _audio('w44_to24', resample.resample(mono, STEREO_RATE, 24000), golden)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'recording.wav'
        soundfile.write(path, stereo.T, STEREO_RATE, subtype='FLOAT')
        wave = files.load_reference_waveform(path, 32000)
        yield _latent('spec44', spectrogram.magnitude_spectrogram(wave, REFERENCE_FRAMES), golden)
        yield _audio('w44_to16_sv', resample.resample(wave, 32000, 16000), golden)
        soundfile.write(path, stereo.T / 8, STEREO_RATE, subtype='FLOAT')
        audio = files.read_audio(path)
    heard = resample.resample_soxr_hq(audio.mono, audio.sample_rate, files.PROMPT_RATE)
    yield _audio('librosa16_of_stereo_div8', torch.from_numpy(heard), golden)


def _latent(name: str, found: torch.Tensor, golden: dict[str, np.ndarray]) -> Row:
    """Judge by the tolerance of latent values: 1e-4 + 1e-5 of the largest."""
    expected = golden[name]
    tolerance = 1e-4 + 1e-5 * float(np.abs(expected).max())
    return compared(CASE, name, _largest_difference(found, expected), tolerance)


def _audio(name: str, found: torch.Tensor, golden: dict[str, np.ndarray]) -> Row:
    """Judge by the tolerance of audio: 1e-4 of the root mean square."""
    expected = golden[name]
    tolerance = 1e-4 * float(np.sqrt(np.mean(expected ** 2)))
    return compared(CASE, name, _largest_difference(found, expected), tolerance)


def _largest_difference(found: torch.Tensor, expected: np.ndarray) -> float:
    """Return the largest difference; infinite if the shapes differ."""
    values = found.numpy()
    return float(np.abs(values - expected).max()) if values.shape == expected.shape else np.inf

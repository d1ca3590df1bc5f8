"""Compare the waveform helpers with the golden case "audio"."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import soundfile
import torch

from gptsovits_ros.acoustic.cfm_acoustic import scaled_mel
from gptsovits_ros.acoustic.cfm_config import CfmConfig, v3_config, v4_config
from gptsovits_ros.audio import files, kaldi, resample, spectrogram
from gptsovits_ros.checkpoint.encoders import speaker_model
from gptsovits_ros.parity import recipe
from gptsovits_ros.parity.golden import Golden, max_error
from gptsovits_ros.parity.report import Row, compared
from gptsovits_ros.types import SpectrogramConfig

REFERENCE = SpectrogramConfig()
TRAINING_MEL = spectrogram.MelConfig(REFERENCE, 128, 0.0, 16000.0)
# What the goldens' README suggests for speaker vectors.
SPEAKER_TOLERANCE = 1e-4
STEREO_RATE = 44100  # of the golden recording w44_stereo


def run(folder: Path) -> Iterator[Row]:
    """Compare every quantity of the case in this folder."""
    golden = Golden(folder)
    yield from _spectrograms(golden)
    yield from _recording(golden)
    yield golden.latent('fbank80', kaldi.fbank(golden.tensor('w16')))
    yield from _speaker(golden)


@torch.inference_mode()
def _speaker(golden: Golden) -> Iterator[Row]:
    """Compare the speaker encoder, from the energies of the wave at 16 kHz."""
    tensors = recipe.weights(golden.folder / 'eres2netv2_recipe.json')
    model = speaker_model(tensors, golden.name)
    energies = kaldi.fbank(golden.tensor('w16'))[None]
    maps = model.stages(energies)
    for quantity, found in (
        ('sv_embedding', model(energies)[0]),
        ('sv_layer1_mean', maps[0].mean(dim=(0, 2, 3))),
        ('sv_layer4_mean', maps[3].mean(dim=(0, 2, 3))),
    ):
        wanted = golden.tensor(quantity)
        error = max_error(found, wanted) / wanted.abs().max().item()
        yield compared(golden.name, quantity, error, SPEAKER_TOLERANCE, 'of the largest')


def _spectrograms(golden: Golden) -> Iterator[Row]:
    """Compare what is computed from the waves at 24 and 32 kHz."""
    wave_24k, wave_32k = golden.tensor('w24'), golden.tensor('w32')
    magnitude = spectrogram.magnitude_spectrogram(wave_32k, REFERENCE)
    mel_v3 = spectrogram.mel_spectrogram(wave_24k, _mel_config(v3_config()))
    mel_v4 = spectrogram.mel_spectrogram(wave_32k, _mel_config(v4_config()))
    yield golden.latent('spec32', magnitude)
    yield golden.latent('mel_v3', mel_v3)
    yield golden.latent('mel_v3_norm', scaled_mel(mel_v3, v3_config()))
    yield golden.latent('mel_v4', mel_v4)
    yield golden.latent('mel_train128', spectrogram.mel_from_magnitude(magnitude, TRAINING_MEL))


def _mel_config(config: CfmConfig) -> spectrogram.MelConfig:
    return spectrogram.MelConfig(config.mel, config.dit.mel_bands, 0.0, config.mel.sample_rate / 2)


def _recording(golden: Golden) -> Iterator[Row]:
    """Compare what is made from a stereo recording, read from a file as a reference is."""
    stereo = golden.tensor('w44_stereo')  # float32 [2, T], peak above 1
    mono = stereo.mean(dim=0)
    yield golden.audio('w44_to32', resample.resample(mono, STEREO_RATE, 32000))
    yield golden.audio('w44_to24', resample.resample(mono, STEREO_RATE, 24000))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'recording.wav'
        soundfile.write(path, stereo.T.numpy(), STEREO_RATE, subtype='FLOAT')
        wave = files.load_reference_waveform(path, REFERENCE.sample_rate)
        soundfile.write(path, stereo.T.numpy() / 8, STEREO_RATE, subtype='FLOAT')
        audio = files.read_audio(path)
    yield golden.latent('spec44', spectrogram.magnitude_spectrogram(wave, REFERENCE))
    yield golden.audio('w44_to16_sv', resample.resample(wave, REFERENCE.sample_rate, 16000))
    heard = resample.resample_soxr_hq(audio.mono, audio.sample_rate, files.PROMPT_RATE)
    yield golden.audio('librosa16_of_stereo_div8', torch.from_numpy(heard))

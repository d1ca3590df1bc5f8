"""The inaudible mark: found where it is, not found where it is not, nothing else is touched."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import soxr
import torch

from gptsovits_ros.audio.files import read_audio, write_wav
from gptsovits_ros.audio.watermark import THRESHOLD, MarkedStream, Watermark
from gptsovits_ros.cli.watermark import run
from gptsovits_ros.engine import watermark_weights
from gptsovits_ros.errors import CheckpointError, DependencyMissingError

SPEECH = Path(__file__).parents[1] / 'voice' / 'speech' / 'woman.opus'


@pytest.fixture(scope='module')
def watermark() -> Watermark:
    if importlib.util.find_spec(watermark_weights.PACKAGE) is None:
        pytest.skip('resemble-perth is not installed')
    return watermark_weights.load_watermark()


@pytest.fixture(scope='module')
def speech() -> tuple[np.ndarray, int]:
    audio = read_audio(SPEECH)
    return audio.mono[: 4 * audio.sample_rate], audio.sample_rate


@pytest.mark.parametrize('rate', [16000, 24000, 32000, 48000])
def test_speech_that_was_marked_is_found_and_other_speech_is_not(watermark, speech, rate):
    samples = soxr.resample(*speech, rate)
    marked = watermark.mark(samples, rate)
    assert marked.dtype == np.float32 and len(marked) == len(samples)
    assert watermark.score(marked, rate) > 0.9
    assert watermark.score(samples, rate) < 0.1


def test_the_mark_survives_another_rate_sixteen_bits_and_some_noise(watermark, speech):
    samples, rate = speech
    marked = watermark.mark(samples, rate)
    noise = np.random.default_rng(0).standard_normal(len(marked))
    noisy = marked + 0.1 * np.sqrt(np.mean(samples**2)) * noise.astype(np.float32)
    assert watermark.score(soxr.resample(marked, rate, 16000), 16000) > THRESHOLD
    assert watermark.score(np.round(marked * 32767) / 32767, rate) > THRESHOLD
    assert watermark.score(noisy, rate) > THRESHOLD


def test_the_mark_is_below_the_speech_and_leaves_what_is_above_2_khz(watermark, speech):
    samples, rate = speech
    added = watermark.residual(samples, rate)
    assert np.sum(added**2) < 0.05 * np.sum(samples**2)
    spectrum = np.abs(np.fft.rfft(added)) ** 2
    frequencies = np.fft.rfftfreq(len(added), 1 / rate)
    assert spectrum[frequencies > 2200].sum() < 1e-3 * spectrum.sum()


@pytest.mark.parametrize('length', [0, 1, 100, 4000])
def test_silence_of_any_length_is_neither_changed_nor_marked(watermark, length):
    silence = np.zeros(length, dtype=np.float32)
    assert np.abs(watermark.mark(silence, 32000)).max(initial=0) < 1e-6
    assert watermark.score(silence, 32000) == 0.0


def test_a_stream_in_pieces_is_marked_without_steps_at_the_joints(watermark, speech):
    samples, rate = speech
    stream, length = MarkedStream(watermark), int(0.2 * rate)
    starts = range(0, len(samples), length)
    pieces = [stream.marked(samples[start : start + length], rate) for start in starts]
    marked = np.concatenate(pieces)
    assert len(marked) == len(samples)
    assert watermark.score(marked, rate) > 0.9
    slopes = np.abs(np.diff(marked - samples))
    at_joints = slopes[[start - 1 for start in starts[1:]]]
    assert at_joints.mean() < 2 * slopes.mean()


def test_weights_of_another_network_are_refused():
    with pytest.raises(CheckpointError, match='no weights of the watermark'):
        Watermark({'encoder.layers.0.conv.weight': torch.zeros(3, 3, 1)})


def test_a_missing_package_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(DependencyMissingError, match=r'gptsovits_ros\[watermark\]'):
        watermark_weights.load_watermark()


def test_the_command_tells_which_files_are_marked(watermark, speech, tmp_path, capsys):
    samples, rate = speech
    write_wav(tmp_path / 'plain.wav', samples, rate)
    write_wav(tmp_path / 'marked.wav', watermark.mark(samples, rate), rate)
    (tmp_path / 'text.wav').write_text('no audio')
    names = ('marked.wav', 'plain.wav', 'text.wav')
    args = argparse.Namespace(files=[tmp_path / name for name in names])
    assert run(args, lambda: watermark) == 1
    printed = capsys.readouterr()
    first, second = printed.out.splitlines()
    assert 'marked.wav: marked (score' in first
    assert 'plain.wav: no mark found' in second
    assert 'error AUDIO_INVALID: text.wav' in printed.err
    assert run(argparse.Namespace(files=args.files[:1]), lambda: watermark) == 0

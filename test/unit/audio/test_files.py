"""Audio files: what is read, what is refused, what is written."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pytest
import soundfile
import torch

from gptsovits_ros.audio import files
from gptsovits_ros.errors import AudioInvalidError

RATE = 16000
SECOND = (0.1 * np.sin(np.arange(RATE) / 5)).astype(np.float32)


def save(path, samples=SECOND, rate=RATE, **options):
    """Write a file and return its path."""
    soundfile.write(path, samples, rate, **options)
    return path


@pytest.mark.parametrize('name', ['a.wav', 'a.flac', 'a.ogg', 'a.aiff', 'a.mp3'])
def test_usual_formats_are_read(tmp_path, name):
    if name == 'a.mp3' and 'MP3' not in soundfile.available_formats():
        pytest.skip('this libsndfile has no MP3')
    audio = files.read_audio(save(tmp_path / name))
    assert audio.sample_rate == RATE
    assert audio.samples.dtype == np.float32
    assert audio.duration_s == pytest.approx(1, abs=0.1)


def test_the_mean_of_any_number_of_channels_is_heard(tmp_path):
    samples = np.tile([0.1, 0.2, 0.6], (100, 1))
    audio = files.read_audio(save(tmp_path / 'a.wav', samples, subtype='FLOAT'))
    assert audio.samples.shape == (100, 3)
    np.testing.assert_allclose(audio.mono, 0.3, rtol=1e-6)


@pytest.mark.parametrize(
    'change, problem',
    [
        ({'max_bytes': 1000}, 'bytes'),
        ({'max_duration_s': 0.5}, 'longer than 0.5 s'),
        ({'min_rate': 22050}, 'sampling rate of 16000'),
        ({'max_rate': 8000}, 'sampling rate of 16000'),
        ({'max_channels': 0}, '1 channels'),
        ({'max_samples': 15999}, '16000 samples'),
    ],
)
def test_each_limit_is_kept(tmp_path, change, problem):
    path = save(tmp_path / 'a.wav')
    with pytest.raises(AudioInvalidError, match=problem):
        files.read_audio(path, replace(files.DEFAULT_LIMITS, **change))


def test_files_that_are_no_audio_are_refused(tmp_path):
    fifo = tmp_path / 'fifo.wav'
    os.mkfifo(fifo)
    (tmp_path / 'text.wav').write_text('not audio' * 100)
    (tmp_path / 'nothing.wav').write_bytes(b'')
    for name in ('fifo.wav', 'text.wav', 'nothing.wav', 'missing.wav', '', 'zero\0.wav'):
        with pytest.raises(AudioInvalidError):
            files.read_audio(tmp_path / name)


def test_rare_formats_are_refused(tmp_path):
    with pytest.raises(AudioInvalidError, match='format CAF'):
        files.read_audio(save(tmp_path / 'a.caf'))


def test_a_file_without_samples_is_refused(tmp_path):
    with pytest.raises(AudioInvalidError, match='no audio'):
        files.read_audio(save(tmp_path / 'a.wav', SECOND[:0]))


@pytest.mark.parametrize('sample', [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path, sample):
    path = save(tmp_path / 'a.wav', np.array([0.0, sample]), subtype='FLOAT')
    with pytest.raises(AudioInvalidError, match='NaN'):
        files.read_audio(path)


def test_a_file_cut_anywhere_is_read_or_refused_but_never_crashes(tmp_path):
    whole = save(tmp_path / 'a.flac').read_bytes()
    for size in range(0, len(whole), 97):
        path = tmp_path / 'cut.flac'
        path.write_bytes(whole[:size])
        try:
            assert len(files.read_audio(path).samples) > 0
        except AudioInvalidError as error:
            assert 'cut.flac' in str(error)


@pytest.mark.parametrize('peak, expected', [(0.5, 0.5), (1.6, 1.0), (3.0, 1.5)])
def test_a_loud_reference_is_divided_by_two_at_most(tmp_path, peak, expected):
    path = save(tmp_path / 'a.wav', SECOND * (peak / np.abs(SECOND).max()), subtype='FLOAT')
    wave = files.load_reference_waveform(path, RATE)
    assert wave.dtype == torch.float32
    assert wave.abs().max().item() == pytest.approx(expected, rel=1e-5)


def test_a_reference_is_resampled(tmp_path):
    assert files.load_reference_waveform(save(tmp_path / 'a.wav'), 32000).shape == (32000,)


@pytest.mark.parametrize('seconds', [2.99, 10.01])
def test_a_prompt_of_the_wrong_length_is_refused_with_its_length(tmp_path, seconds):
    path = save(tmp_path / 'a.wav', np.resize(SECOND, int(RATE * seconds)))
    with pytest.raises(AudioInvalidError, match=f'{seconds} s long'):
        files.load_prompt_16k(path)


@pytest.mark.parametrize('seconds', [3, 10])
def test_a_prompt_may_have_the_shortest_and_the_longest_length(tmp_path, seconds):
    path = save(tmp_path / 'a.wav', np.resize(SECOND, RATE * seconds))
    wave = files.load_prompt_16k(path)
    assert wave.dtype == torch.float32
    assert wave.shape == (RATE * seconds,)
    assert wave.any()


def test_a_prompt_comes_at_16_khz_whatever_the_file(tmp_path):
    path = save(tmp_path / 'a.wav', np.resize(SECOND, 44100 * 4), rate=44100)
    assert files.load_prompt_16k(path).shape == (64000,)


def test_a_written_file_reads_back_as_16_bit_mono(tmp_path):
    path = tmp_path / 'out.wav'
    files.write_wav(path, SECOND, 32000)
    info = soundfile.info(path)
    assert (info.subtype, info.channels, info.samplerate) == ('PCM_16', 1, 32000)
    np.testing.assert_allclose(files.read_audio(path).mono, SECOND, atol=0.51 / 32768)


def test_a_file_of_synthetic_speech_says_so_and_whose_voice_it_is(tmp_path):
    label = files.SyntheticLabel('anna', datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc))
    files.write_wav(tmp_path / 'out.wav', SECOND, RATE, label)
    with soundfile.SoundFile(tmp_path / 'out.wav') as wav:
        assert 'AI-generated' in wav.title
        assert 'not a recording' in wav.comment
        assert 'voice=anna time=2026-01-02T03:04:05+00:00' in wav.comment
        assert wav.software.startswith('gptsovits_ros')
    np.testing.assert_allclose(
        files.read_audio(tmp_path / 'out.wav').mono, SECOND, atol=0.51 / 32768
    )


def test_a_recording_is_not_labelled(tmp_path):
    files.write_wav(tmp_path / 'out.wav', SECOND, RATE)
    with soundfile.SoundFile(tmp_path / 'out.wav') as wav:
        assert wav.title == wav.comment == ''


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / 'out.wav'
    files.write_wav(path, SECOND, RATE)
    before = path.read_bytes()
    with pytest.raises(AudioInvalidError):
        files.write_wav(path, np.array([np.nan], dtype=np.float32), RATE)
    with pytest.raises(RuntimeError):
        files.write_wav(path, SECOND, -1)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['out.wav']

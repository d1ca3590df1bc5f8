"""Which whisper model is found, and what is said if it cannot be used."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from gptsovits_ros.errors import CheckpointError, DependencyMissingError
from gptsovits_ros.voice.enroll import transcription
from gptsovits_ros.voice.enroll.transcription import TransformersWhisper, find_transcriber


def folder(root, name: str, *files: str):
    (root / name).mkdir()
    for file in files:
        (root / name / file).write_text('{}')
    return root / name


@pytest.mark.parametrize('files', [(), ('config.json',), ('model.bin',)])
def test_an_incomplete_folder_is_no_model(tmp_path, files):
    folder(tmp_path, 'whisper-base', *files)
    assert find_transcriber(tmp_path) is None
    assert find_transcriber(tmp_path / 'missing') is None


def test_each_kind_of_model_goes_to_its_library(tmp_path, monkeypatch):
    found = []
    monkeypatch.setattr(transcription, 'FasterWhisper', lambda path: found.append(path.name))
    monkeypatch.setattr(transcription, 'TransformersWhisper', lambda path: found.append(path.name))
    folder(tmp_path, 'faster-whisper-small', 'model.bin', 'config.json')
    find_transcriber(tmp_path)
    (tmp_path / 'faster-whisper-small' / 'model.bin').unlink()
    folder(tmp_path, 'whisper-base', 'model.safetensors', 'config.json')
    find_transcriber(tmp_path)
    assert found == ['faster-whisper-small', 'whisper-base']


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'faster_whisper', None)
    folder(tmp_path, 'whisper-base', 'model.bin', 'config.json')
    with pytest.raises(DependencyMissingError, match='pip install faster-whisper'):
        find_transcriber(tmp_path)


def test_a_damaged_model_is_named(tmp_path):
    folder(tmp_path, 'whisper-base', 'model.safetensors', 'config.json')
    with pytest.raises(CheckpointError, match='whisper-base'):
        find_transcriber(tmp_path)


def test_a_model_of_transformers_is_asked_in_the_language_of_the_recording(monkeypatch):
    class Features:
        input_features = 'features'

    class Processor:
        def __call__(self, wave, sampling_rate, return_tensors):
            assert sampling_rate == 16000
            return Features()

        def batch_decode(self, tokens, skip_special_tokens):
            return [f' {tokens} ']

    class Model:
        def generate(self, features, language, **options):
            return f'{features} in {language}'

    whisper = object.__new__(TransformersWhisper)
    whisper._processor, whisper._model = Processor(), Model()
    assert whisper.transcribe(np.zeros(16000, np.float32), 'en') == 'features in en'

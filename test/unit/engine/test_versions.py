"""Voices of every GPT-SoVITS version speak through one engine."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from gptsovits_ros.checkpoint.encoders import save_speaker
from gptsovits_ros.encoders.speaker import SpeakerConfig, SpeakerEncoder
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.errors import (
    CheckpointError,
    LanguageUnsupportedError,
    ParameterInvalidError,
    VoiceInvalidError,
)
from gptsovits_ros.types import EngineSettings, SpeechRequest
from gptsovits_ros.voice.standin import SIZES

VERSIONS = tuple(SIZES['tiny'].acoustic)
PRO = ('v2Pro', 'v2ProPlus')


@pytest.fixture(scope='module')
def engine(tiny_voices) -> Engine:
    return Engine.load(EngineSettings(voice_root=str(tiny_voices), threads=1))


def speak(engine: Engine, text: str, **options) -> np.ndarray:
    request = SpeechRequest(text, **{'seed': 5, 'pause_s': 0.0, **options})
    return np.concatenate([chunk.samples for chunk in engine.synthesize(request)])


def edit(folder: Path, **changes) -> None:
    """Change values of a voice.yaml by their dotted key, with __ for the dot; None removes."""
    path = folder / 'voice.yaml'
    tree = yaml.safe_load(path.read_text('utf-8'))
    for key, value in changes.items():
        section, _, name = key.partition('__')
        tree[section][name] = value
        if value is None:
            del tree[section][name]
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), 'utf-8')


@pytest.fixture
def copied(tiny_voices, tmp_path):
    """Return a function that copies the voice of a version into a store of its own."""

    def copy(version: str, name: str = 'copy') -> Path:
        shutil.copytree(tiny_voices / version.lower(), tmp_path / name)
        return tmp_path / name

    return copy


def load(folder: Path) -> Engine:
    return Engine.load(
        EngineSettings(voice_root=str(folder.parent), default_voice=folder.name, threads=1)
    )


@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize('text', ['你好，世界。', 'Good morning.'])
def test_a_voice_of_each_version_speaks_and_repeats_itself(engine, version, text):
    first = speak(engine, text, voice=version.lower())
    assert first.any()
    assert np.abs(first).max() <= 1
    assert np.array_equal(first, speak(engine, text, voice=version.lower()))


def test_voices_of_all_versions_are_in_memory_together_and_do_not_disturb_each_other(engine):
    alone = {
        version: speak(engine, 'Good morning.', voice=version.lower()) for version in VERSIONS
    }
    assert sorted(engine.resident_voices) == sorted(version.lower() for version in VERSIONS)
    again = {
        version: speak(engine, 'Good morning.', voice=version.lower())
        for version in reversed(VERSIONS)
    }
    for version in VERSIONS:
        assert np.array_equal(alone[version], again[version]), version


def test_versions_and_rates_are_told_to_clients(engine):
    infos = {info.name: (info.model_version, info.sample_rate) for info in engine.voices()}
    rates = {version: SIZES['tiny'].acoustic[version].sample_rate for version in VERSIONS}
    assert infos == {version.lower(): (version, rates[version]) for version in VERSIONS}
    for version in VERSIONS:
        chunk = next(engine.synthesize(SpeechRequest('Hello.', voice=version.lower(), seed=1)))
        assert chunk.sample_rate == rates[version]


def test_v1_numbers_phonemes_by_its_own_table(engine):
    assert engine.loaded_voice('v1').acoustic.symbols == 'v1'
    assert engine.loaded_voice('v2pro').acoustic.symbols == 'v2'
    with pytest.raises(LanguageUnsupportedError):
        speak(engine, '안녕하세요', voice='v1', language='ko')


def test_a_language_that_the_voice_does_not_list_is_refused_wherever_it_stands(engine):
    with pytest.raises(LanguageUnsupportedError, match='does not speak "ja"; it speaks zh, en'):
        speak(engine, '你好。こんにちは、元気ですか。')


@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize(('speed', 'factor'), [(0.5, 2.0), (2.0, 0.5)])
def test_speed_changes_the_length_in_every_version(engine, version, speed, factor):
    options = {'voice': version.lower(), 'noise_scale': 0.0, 'sample_steps': 2}
    normal = speak(engine, 'Good morning.', **options)
    changed = speak(engine, 'Good morning.', speed=speed, **options)
    frame = 2 * SIZES['tiny'].acoustic[version].sample_rate / 50
    assert len(changed) == pytest.approx(len(normal) * factor, abs=2 * frame)


@pytest.mark.parametrize('steps', [0, 129])
def test_steps_out_of_range_are_refused(engine, steps):
    with pytest.raises(ParameterInvalidError, match='sample_steps'):
        speak(engine, 'hello', sample_steps=steps)


@pytest.mark.parametrize('version', PRO)
def test_the_speaker_of_a_pro_voice_is_heard(copied, engine, version):
    """Another speaker encoder, all else equal, is another sound."""
    folder = copied(version)
    save_speaker(SpeakerEncoder(SIZES['tiny'].speaker), folder / 'speaker.ckpt')
    other = load(folder)
    before = engine.loaded_voice(version.lower())
    after = other.loaded_voice()
    assert before.prompt_tokens.equal(after.prompt_tokens)
    assert not before.condition.equal(after.condition)


@pytest.mark.parametrize('version', PRO)
def test_a_pro_voice_averages_its_references_each_with_its_own_speaker(copied, version):
    folder = copied(version)
    single = load(folder).loaded_voice().condition
    tree = yaml.safe_load((folder / 'voice.yaml').read_text('utf-8'))
    tree['references'] = ['prompt.wav']
    (folder / 'voice.yaml').write_text(yaml.safe_dump(tree, allow_unicode=True), 'utf-8')
    double = load(folder).loaded_voice().condition
    np.testing.assert_allclose(double, single, atol=1e-5)


@pytest.mark.parametrize('version', PRO)
def test_a_pro_voice_without_speaker_encoder_names_the_key(copied, version):
    folder = copied(version)
    edit(folder, encoders__speaker=None)
    with pytest.raises(VoiceInvalidError, match='encoders.speaker is missing'):
        load(folder)
    edit(folder, encoders__speaker='gone.ckpt')
    with pytest.raises(VoiceInvalidError, match='encoders.speaker names "gone.ckpt"'):
        load(folder)


def test_a_speaker_encoder_of_other_sizes_is_refused(copied):
    folder = copied('v2Pro')
    save_speaker(
        SpeakerEncoder(SpeakerConfig(channels=16, blocks=(1, 1, 1, 1))), folder / 'speaker.ckpt'
    )
    with pytest.raises(VoiceInvalidError, match='encoders.speaker gives'):
        load(folder)


@pytest.mark.parametrize('version', [version for version in VERSIONS if version != 'v2'])
def test_a_version_that_differs_from_the_weights_is_refused(copied, tiny_voices, version):
    folder = copied(version)
    shutil.copy(tiny_voices / 'v2' / 'acoustic.pth', folder / 'acoustic.pth')
    edit(folder, model__acoustic='acoustic.pth')
    with pytest.raises((VoiceInvalidError, CheckpointError), match='v2'):
        load(folder)


def test_a_gpt_with_too_few_phonemes_is_refused(copied, tiny_voices):
    folder = copied('v2')
    shutil.copy(tiny_voices / 'v1' / 'semantic.ckpt', folder)
    with pytest.raises(VoiceInvalidError, match='semantic.ckpt knows 512 phonemes'):
        load(folder)

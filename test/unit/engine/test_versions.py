"""Voices of every GPT-SoVITS version speak through one engine."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from gptsovits_ros.checkpoint.encoders import save_speaker
from gptsovits_ros.checkpoint.weights import WeightFile, read_weights, write_weights
from gptsovits_ros.encoders.speaker import SpeakerConfig, SpeakerEncoder
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.errors import (
    CanceledError,
    CheckpointError,
    DependencyMissingError,
    LanguageUnsupportedError,
    ParameterInvalidError,
    VoiceInvalidError,
)
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest
from gptsovits_ros.voice.standin import SIZES

VERSIONS = SIZES['tiny'].versions
RATES = {
    version: config.sample_rate
    for version, config in {**SIZES['tiny'].acoustic, **SIZES['tiny'].cfm}.items()
}
PRO = ('v2Pro', 'v2ProPlus')
CFM = tuple(SIZES['tiny'].cfm)


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


@pytest.mark.parametrize('version', VERSIONS)
def test_the_stand_in_of_each_version_is_about_as_loud_as_speech(engine, version):
    rms = speak(engine, '你好，世界。', voice=version.lower()).std()
    assert 0.02 < rms < 0.25


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
    assert infos == {version.lower(): (version, RATES[version]) for version in VERSIONS}
    for version in VERSIONS:
        chunk = next(engine.synthesize(SpeechRequest('Hello.', voice=version.lower(), seed=1)))
        assert chunk.sample_rate == RATES[version]


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
    frame = 2 * RATES[version] / 50
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


@pytest.mark.parametrize('version', CFM)
def test_more_steps_are_another_sound_of_the_same_length(engine, version):
    few, many = (
        speak(engine, 'Good morning.', voice=version, sample_steps=steps) for steps in (1, 4)
    )
    assert few.shape == many.shape
    assert not np.array_equal(few, many)


@pytest.mark.parametrize('version', CFM)
def test_a_voice_that_draws_in_steps_can_be_stopped_at_each(engine, version):
    def asked(steps: int) -> int:
        """Return how often an utterance of so many steps asks whether it is cancelled."""
        calls = []
        request = SpeechRequest('Hello.', voice=version, seed=1, sample_steps=steps)
        # Writes down that it was asked, and says no.
        assert list(engine.synthesize(request, lambda: bool(calls.append(None))))
        return len(calls)

    last = asked(3)
    assert last == asked(1) + 2
    countdown = iter([False] * (last - 1) + [True])
    with pytest.raises(CanceledError):
        list(
            engine.synthesize(
                SpeechRequest('Hello.', voice=version, seed=1, sample_steps=3),
                lambda: next(countdown),
            )
        )


@pytest.mark.parametrize('version', CFM)
def test_a_lora_voice_speaks_with_the_base_that_its_voice_yaml_names(copied, engine, version):
    folder = copied(version)
    whole = read_weights(engine.loaded_voice(version).voice.acoustic)
    write_weights(lora(whole), folder / 'lora.safetensors')
    base = yaml.safe_load((folder / 'voice.yaml').read_text('utf-8'))['model']['acoustic']
    edit(folder, model__acoustic='lora.safetensors')
    with pytest.raises(DependencyMissingError, match='lora.safetensors is a LoRA file'):
        load(folder)
    edit(folder, model__acoustic_base=base)
    changed = load(folder)
    first = speak(engine, 'Good morning.', voice=version, sample_steps=2)
    second = speak(changed, 'Good morning.', sample_steps=2)
    assert first.shape == second.shape
    assert not np.array_equal(first, second)


def lora(whole: WeightFile, rank: int = 2) -> WeightFile:
    """Return differences to the first attention layer of a whole model."""
    layer = 'cfm.base_model.model.estimator.transformer_blocks.0.attn.to_v'
    plain = layer.replace('base_model.model.', '')
    outputs, inputs = whole.tensors[f'{plain}.weight'].shape
    rng = torch.Generator().manual_seed(1)
    tensors = {
        f'{layer}.lora_A.default.weight': torch.randn(rank, inputs, generator=rng).half(),
        f'{layer}.lora_B.default.weight': torch.randn(outputs, rank, generator=rng).half(),
    }
    kind = replace(whole.kind, is_lora=True)
    return replace(whole, kind=kind, tensors=tensors, lora_rank=rank)


@pytest.mark.parametrize('version', CFM)
def test_a_missing_vocoder_names_the_key(copied, version):
    folder = copied(version)
    edit(folder, encoders__vocoder=None)
    with pytest.raises(VoiceInvalidError, match='encoders.vocoder is missing'):
        load(folder)
    edit(folder, encoders__vocoder='gone')
    with pytest.raises(VoiceInvalidError, match='encoders.vocoder names "gone"'):
        load(folder)

"""Training of the Pro versions, whose style knows the speaker."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gptsovits_ros.acoustic.config import SovitsConfig
from gptsovits_ros.checkpoint.encoders import load_speaker, save_speaker
from gptsovits_ros.checkpoint.load import load_acoustic
from gptsovits_ros.checkpoint.weights import write_weights
from gptsovits_ros.encoders.speaker import SpeakerConfig, SpeakerEncoder
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.training.corpus import AudioCache
from gptsovits_ros.training.speaker_embeddings import load_speaker_embeddings

SPEAKER = SpeakerConfig(channels=16, blocks=(1, 1, 1, 1))


@pytest.fixture(scope='module')
def speaker_file(tmp_path_factory):
    """Return the file of a narrow speaker encoder."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('speaker') / 'speaker.ckpt'
    save_speaker(SpeakerEncoder(SPEAKER), path)
    return path


@pytest.fixture
def pro(speaker_file):
    """Return the changes of settings that make a model a Pro one."""
    return {
        'model': {'version': 'v2Pro', 'speaker_dim': SPEAKER.embedding_dim, 'gin_channels': 24},
        'speaker': str(speaker_file),
    }


def test_the_style_of_a_clip_is_learned_with_the_embedding_of_its_speaker(
    make_trainer, run_steps, pro, tmp_path
):
    trainer = make_trainer('acoustic', pro)
    before = {name: value.clone() for name, value in trainer.state()['model'].items()}
    run_steps(trainer, 6)
    after = trainer.state()['model']
    for name in ('speaker_projection.weight', 'style_activation.weight'):
        assert not torch.equal(before[name], after[name]), name
    write_weights(trainer.weights('test'), tmp_path / 'a.safetensors')
    assert load_acoustic(tmp_path / 'a.safetensors').config.speaker_dim == SPEAKER.embedding_dim


def test_a_batch_has_the_embedding_of_the_clip_that_gives_the_style(
    make_trainer, pro, corpus, speaker_file
):
    trainer = make_trainer('acoustic', pro)
    example = next(iter(trainer.batches(0, 0)._batches))[0]
    audio = AudioCache(corpus, trainer._settings.model.sample_rate)
    known = load_speaker_embeddings(
        str(speaker_file), trainer._settings.model, audio, torch.device('cpu')
    )
    for reference, place in ((None, example.target), (3, 3)):
        (embedding,) = trainer._collator.batch([replace(example, reference=reference)]).speaker
        assert torch.equal(embedding, known.of([trainer._train[place].name])[0])
    assert not torch.equal(*known.of([trainer._train[place].name for place in (0, 3)]))


def test_an_embedding_is_that_of_the_encoder(make_trainer, pro, corpus, speaker_file):
    from gptsovits_ros.audio import kaldi
    from gptsovits_ros.audio.pcm import from_int16
    from gptsovits_ros.audio.resample import resample

    audio = AudioCache(corpus, 8000)
    config = replace(SovitsConfig(), speaker_dim=SPEAKER.embedding_dim)
    config = replace(config, spectrogram=replace(config.spectrogram, sample_rate=8000))
    known = load_speaker_embeddings(str(speaker_file), config, audio, torch.device('cpu'))
    wave = resample(torch.from_numpy(from_int16(audio.wave('clip00'))), 8000, 16000)
    expected = load_speaker(speaker_file)(kaldi.fbank(wave)[None])
    torch.testing.assert_close(known.of(['clip00']), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    'change, words',
    [
        ({'speaker': ''}, 'needs the file of the speaker encoder'),
        ({'model': {'speaker_dim': 0, 'gin_channels': 16}}, 'knows no speaker'),
        ({'model': {'speaker_dim': 7}}, 'the model takes 7'),
    ],
)
def test_a_speaker_encoder_that_is_missing_or_does_not_fit_is_refused(
    make_trainer, pro, change, words
):
    changes = {**pro, **change, 'model': {**pro['model'], **change.get('model', {})}}
    with pytest.raises(ConfigurationError, match=words):
        make_trainer('acoustic', changes)

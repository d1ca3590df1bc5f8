"""BERT features stay aligned with characters and phonemes."""

from __future__ import annotations

import pytest
import torch

from gptsovits_ros.checkpoint.encoders import load_bert, load_hubert
from gptsovits_ros.encoders.bert import repeat_by_phonemes
from gptsovits_ros.errors import CheckpointError, DependencyMissingError


@pytest.fixture(scope='module')
def bert(tiny_voice):
    return load_bert(tiny_voice / 'bert')


@torch.inference_mode()
@pytest.mark.parametrize('text', ['你', '你好,世界.', '龘𠀀?', 'a😀b'])
def test_every_character_has_a_row_known_or_not(bert, text):
    assert bert(text).shape == (len(text), bert.width)


@torch.inference_mode()
def test_features_are_the_third_hidden_state_from_the_end(tiny_voice, bert):
    from transformers import BertModel

    model = BertModel.from_pretrained(tiny_voice / 'bert', add_pooling_layer=False).float().eval()
    vocabulary = (tiny_voice / 'bert' / 'vocab.txt').read_text('utf-8').splitlines()
    ids = [vocabulary.index(token) for token in ('[CLS]', '今', '天', '[SEP]')]
    states = model(torch.tensor([ids]), output_hidden_states=True).hidden_states
    torch.testing.assert_close(bert('今天'), states[-3][0, 1:-1])
    assert not torch.allclose(bert('今天'), states[-1][0, 1:-1])


@torch.inference_mode()
def test_a_text_beyond_the_positions_of_the_model_is_encoded_in_stretches(bert):
    text = '今天天气好' * 200
    features = bert(text)
    assert features.shape[0] == len(text) > bert.max_characters
    first = bert(text[: bert.max_characters])
    torch.testing.assert_close(features[: bert.max_characters], first)


def test_rows_are_repeated_by_the_phonemes_of_each_character():
    features = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    repeated = repeat_by_phonemes(features, (2, 0, 1))
    assert repeated.tolist() == [[1, 1, 3], [10, 10, 30]]


@torch.inference_mode()
def test_hubert_makes_fifty_frames_per_second_and_hears_the_silence_after_the_prompt(tiny_voice):
    hubert = load_hubert(tiny_voice / 'hubert')
    features = hubert(torch.randn(3 * 16000))
    assert features.shape == (1, 48, (3 * 16000 + 9600 - 400) // 320 + 1)


@torch.inference_mode()
def test_the_silence_after_the_prompt_is_0_6_s_of_zeros(tiny_voice):
    hubert = load_hubert(tiny_voice / 'hubert')
    heard = []
    hubert.model.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0][0]))
    wave = torch.rand(3 * 16000) + 0.1
    hubert(wave)
    assert heard[0].shape == (3 * 16000 + 9600,)
    assert not heard[0][-9600:].any()
    assert torch.equal(heard[0][:-9600], wave)


def test_a_missing_folder_names_the_command_that_fetches_it(tmp_path):
    with pytest.raises(DependencyMissingError, match='gptsovits_ros fetch'):
        load_hubert(tmp_path / 'nothing')


@pytest.mark.parametrize('content', ['', '{}', '[]', '{"model": {"vocab": 3}}'])
def test_a_damaged_tokenizer_is_named(tiny_voice, tmp_path, content):
    import shutil

    shutil.copytree(tiny_voice / 'bert', tmp_path / 'bert')
    (tmp_path / 'bert' / 'tokenizer.json').write_text(content)
    with pytest.raises(CheckpointError, match='tokenizer.json'):
        load_bert(tmp_path / 'bert')


def test_damaged_weights_are_a_checkpoint_error(tiny_voice, tmp_path):
    import shutil

    shutil.copytree(tiny_voice / 'bert', tmp_path / 'bert')
    (tmp_path / 'bert' / 'pytorch_model.bin').write_bytes(b'PK garbage')
    with pytest.raises(CheckpointError, match='BertModel'):
        load_bert(tmp_path / 'bert')


def test_weights_that_ask_to_run_code_are_refused(tiny_voice, tmp_path):
    import shutil

    class Evil:
        def __reduce__(self):
            return exec, ('raise SystemExit("ran")',)

    shutil.copytree(tiny_voice / 'hubert', tmp_path / 'hubert')
    torch.save({'weight': Evil()}, tmp_path / 'hubert' / 'pytorch_model.bin')
    with pytest.raises(CheckpointError, match='HubertModel'):
        load_hubert(tmp_path / 'hubert')


def test_a_broken_torchaudio_that_breaks_transformers_is_explained(tiny_voice, monkeypatch):
    import sys
    import types

    class Broken(types.ModuleType):
        def __getattr__(self, name):
            raise OSError('libc10_cuda.so: cannot open shared object file')

    monkeypatch.setitem(sys.modules, 'transformers', Broken('transformers'))
    with pytest.raises(DependencyMissingError, match='pip uninstall torchaudio'):
        load_bert(tiny_voice / 'bert')

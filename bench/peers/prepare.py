"""Make what the other programs need of a voice: `python -m bench.peers.prepare VOICE WORK`.

The voice must have the official layout (semantic.ckpt, acoustic.pth, bert/, hubert/), as a
stand-in has. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from bench.speech import SENTENCE
from gptsovits_ros.audio.files import load_prompt_16k, load_reference_waveform
from gptsovits_ros.checkpoint.encoders import load_bert, load_hubert
from gptsovits_ros.checkpoint.load import load_acoustic
from gptsovits_ros.checkpoint.save import acoustic_weights, write_official
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.voice.store import read_voice

# Three seconds of speech, the limit of a stand-in.
TOKENS = 75
RATE = 32000


class BertPerPhoneme(nn.Module):
    """BERT features repeated for the phonemes of each character, as genie-tts asks for them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, repeats):
        """Return [P, width]."""
        states = self.model(input_ids=input_ids, attention_mask=attention_mask)
        return states.last_hidden_state[0, 1:-1].repeat_interleave(repeats, dim=0)


def main() -> int:
    """Write inputs.json, prompt.npz and GenieData."""
    parser = argparse.ArgumentParser(prog='python -m bench.peers.prepare', description=__doc__)
    parser.add_argument('voice', type=Path)
    parser.add_argument('work', type=Path)
    args = parser.parse_args()
    voice = read_voice(args.voice.resolve(), args.voice.resolve())
    data = args.work / 'GenieData'
    for folder in ('RoBERTa/roberta_tokenizer', 'chinese-hubert-base', 'G2P/ChineseG2P'):
        (data / folder).mkdir(parents=True, exist_ok=True)
    vocabulary = (voice.bert / 'vocab.txt').read_text(encoding='utf-8').split('\n')
    ids = {token: number for number, token in enumerate(vocabulary)}
    inputs = {
        'voice': str(voice.folder),
        'tokens': TOKENS,
        'text': _reading(SENTENCE, ids),
        'prompt': _reading(voice.prompt_text, ids),
    }
    (args.work / 'inputs.json').write_text(json.dumps(inputs, ensure_ascii=False))
    content = _content(voice)
    audio = load_reference_waveform(voice.prompt_audio, RATE).numpy().reshape(1, -1)
    np.savez(args.work / 'prompt.npz', content=content, audio_32k=audio)
    _write_acoustic(voice.acoustic, args.work / 'acoustic.pth')
    _write_constant(data / 'chinese-hubert-base' / 'chinese-hubert-base.onnx', content)
    # It must be there, and is opened for other versions than v2 only.
    (data / 'speaker_encoder.onnx').touch()
    _export_bert(voice.bert, data / 'RoBERTa' / 'RoBERTa.onnx')
    _write_tokenizer(voice.bert, data / 'RoBERTa' / 'roberta_tokenizer' / 'tokenizer.json')
    _write_bert(voice.bert, args.work / 'bert')
    return 0


def _reading(text: str, ids: dict[str, int]) -> dict:
    """Return a text as phonemes, and as BERT reads it."""
    (span,) = TextFrontend('v2').phonemes(text, 'zh').spans
    phonemes = TextFrontend('v2').phonemes(text, 'zh')
    characters = [ids.get(character, ids['[UNK]']) for character in span.norm_text]
    return {
        'written': text,
        'norm_text': span.norm_text,
        'ids': phonemes.ids.tolist(),
        'word2ph': list(span.word2ph),
        'bert_ids': [ids['[CLS]'], *characters, ids['[SEP]']],
    }


@torch.inference_mode()
def _content(voice) -> np.ndarray:
    """Return the content features [1, C, F] of the prompt."""
    hubert = load_hubert(voice.hubert, torch.device('cpu'))
    return hubert(load_prompt_16k(voice.prompt_audio)).numpy()


def _write_acoustic(source: Path, path: Path) -> None:
    """Write SoVITS again, with what only training needs and gpt-sovits-cpufast asks for too."""
    weights = acoustic_weights(load_acoustic(source, torch.device('cpu')), 'benchmark')
    settings = {
        **weights.settings,
        'train': {'segment_size': 20480},
        'data': {**weights.settings['data'], 'n_speakers': 300},
    }
    # Without it the codebook would be made anew of the first prompt.
    tensors = {**weights.tensors, 'quantizer.vq.layers.0._codebook.inited': torch.ones(1)}
    write_official(replace(weights, settings=settings, tensors=tensors), path)


def _write_constant(path: Path, value: np.ndarray) -> None:
    """Write a graph that has the input of HuBERT, and always gives one value."""
    constant = numpy_helper.from_array(value.astype(np.float32), 'content')
    samples = helper.make_tensor_value_info('input_values', TensorProto.FLOAT, [1, None])
    result = helper.make_tensor_value_info('features', TensorProto.FLOAT, list(value.shape))
    node = helper.make_node('Identity', ['content'], ['features'])
    graph = helper.make_graph([node], 'content', [samples], [result], [constant])
    opset = helper.make_opsetid('', 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


def _export_bert(folder: Path, path: Path) -> None:
    model = load_bert(folder, torch.device('cpu')).model
    model.set_attn_implementation('eager')
    ids = torch.arange(12)[None]
    names = ['input_ids', 'attention_mask', 'repeats']
    torch.onnx.export(
        BertPerPhoneme(model).eval(),
        (ids, torch.ones_like(ids), torch.full((10,), 2)),
        str(path),
        input_names=names,
        output_names=['features'],
        dynamic_axes={
            'input_ids': {1: 'characters'},
            'attention_mask': {1: 'characters'},
            'repeats': {0: 'inner'},
            'features': {0: 'phonemes'},
        },
        dynamo=False,
        opset_version=17,
    )


def _write_bert(source: Path, folder: Path) -> None:
    """Write a BERT with the names of the official file, and its tokenizer beside it."""
    folder.mkdir(exist_ok=True)
    tensors = torch.load(source / 'pytorch_model.bin', weights_only=True)
    named = {f'bert.{name}': value for name, value in tensors.items()}
    positions = len(tensors['embeddings.position_embeddings.weight'])
    named['bert.embeddings.position_ids'] = torch.arange(positions)[None]
    # The head that guesses masked words is in the official file, and no feature comes from it.
    words = tensors['embeddings.word_embeddings.weight']
    head = 'cls.predictions'
    named[f'{head}.decoder.weight'] = words
    for name, shape in (
        ('bias', words.shape[:1]),
        ('decoder.bias', words.shape[:1]),
        ('transform.dense.weight', (words.shape[1], words.shape[1])),
        ('transform.dense.bias', words.shape[1:]),
        ('transform.LayerNorm.weight', words.shape[1:]),
        ('transform.LayerNorm.bias', words.shape[1:]),
    ):
        named[f'{head}.{name}'] = torch.zeros(shape)
    torch.save(named, folder / 'pytorch_model.bin')
    shutil.copy(source / 'config.json', folder)
    _write_tokenizer(source, folder / 'tokenizer.json')


def _write_tokenizer(folder: Path, path: Path) -> None:
    from tokenizers import BertWordPieceTokenizer

    BertWordPieceTokenizer(str(folder / 'vocab.txt')).save(str(path))


if __name__ == '__main__':
    sys.exit(main())

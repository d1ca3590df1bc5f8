"""Speak with gpt-sovits-cpufast, for `bench.peers`: WORK THREADS MODE.

Its Chinese text frontend needs g2pW, whose weights are not at hand, so it gets the phonemes that
ours makes; it computes the BERT features itself. MODE is "streaming" or "whole".
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from exchange import Clock, answer, limit_cores


def load(work: Path, threads: int, streaming: bool):
    """Return what speaks."""
    import GPT_SoVITS

    # Its modules import each other by the names that they have inside these two folders.
    package = Path(GPT_SoVITS.__file__).parent
    sys.path[:0] = [str(package.parent), str(package)]
    (work / 'cpufast').mkdir(exist_ok=True)
    os.chdir(work / 'cpufast')
    import torch
    from TTS_infer_pack.TTS import TTS, TTS_Config

    torch.set_num_threads(threads)
    inputs = json.loads((work / 'inputs.json').read_text())
    voice = Path(inputs['voice'])
    hubert = work / 'cpufast' / 'hubert'
    copy_hubert(voice / 'hubert', hubert)
    own = package / 'pretrained_models' / 'chinese-hubert-base' / 'preprocessor_config.json'
    shutil.copy(own, hubert)
    models = {
        'device': 'cpu',
        'is_half': False,
        'version': 'v2',
        't2s_weights_path': str(voice / 'semantic.ckpt'),
        'vits_weights_path': str(work / 'acoustic.pth'),
        'bert_base_path': str(work / 'bert'),
        'cnhuhbert_base_path': str(hubert),
    }
    tts = TTS(TTS_Config({'custom': models}))
    tts.configs.max_sec = inputs['tokens'] / tts.configs.hz
    frontend = tts.text_preprocessor

    def features(text: str, *_: object):
        known = inputs['prompt' if text == inputs['prompt']['written'] else 'text']
        bert = frontend.get_bert_feature(known['norm_text'], known['word2ph'])
        return known['ids'], bert, known['norm_text']

    frontend.segment_and_extract_feature_for_text = features
    frontend.pre_seg_text = lambda text, *_: [text]
    frontend.preprocess = lambda text, *_: [
        dict(zip(('phones', 'bert_features', 'norm_text'), features(text), strict=True))
    ]

    def speak(seed: int) -> dict[str, float]:
        clock = Clock()
        request = {
            'text': inputs['text']['written'],
            'text_lang': 'all_zh',
            'ref_audio_path': str(voice / 'prompt.wav'),
            'prompt_text': inputs['prompt']['written'],
            'prompt_lang': 'all_zh',
            'text_split_method': 'cut0',
            'seed': seed,
            'streaming_mode': streaming,
            'fragment_interval': 0.0,
        }
        for _, samples in tts.run(request):
            clock.piece(len(samples))
        return clock.result(tts.configs.sampling_rate)

    return speak


def copy_hubert(source: Path, folder: Path) -> None:
    """Write a HuBERT with the names of the official file, which an older PyTorch wrote."""
    import torch

    shutil.copytree(source, folder, dirs_exist_ok=True)
    tensors = torch.load(source / 'pytorch_model.bin', weights_only=True)
    for new, old in (('original0', 'weight_g'), ('original1', 'weight_v')):
        tensors = {
            name.replace(f'parametrizations.weight.{new}', old): value
            for name, value in tensors.items()
        }
    torch.save(tensors, folder / 'pytorch_model.bin')


if __name__ == '__main__':
    limit_cores(int(sys.argv[2]))
    answer(lambda: load(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == 'streaming'))

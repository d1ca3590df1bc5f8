"""A corpus of sines and models so narrow that a step takes milliseconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from safetensors.torch import save_file

RATE, HOP = 8000, 160
CODES, WIDTH = 16, 6
SYMBOLS = ('a1', 'b', 'c', 'AA1', 'SH', ',')

ACOUSTIC = {
    'model': {
        'spectrogram': {
            'sample_rate': RATE,
            'n_fft': 640,
            'hop_length': HOP,
            'win_length': 640,
        },
        'style_bins': 200,
        'ssl_dim': WIDTH,
        'codebook_size': CODES,
        'inter_channels': 8,
        'hidden_channels': 16,
        'filter_channels': 16,
        'n_layers': 2,
        'p_dropout': 0.1,
        'mrte_channels': 16,
        'mrte_heads': 2,
        'gin_channels': 16,
        'style_channels': 8,
        'flow_layers': 2,
        'flow_wavenet_layers': 1,
        'posterior_layers': 2,
        'upsample_rates': [8, 5, 4],
        'upsample_kernel_sizes': [16, 11, 8],
        'upsample_initial_channel': 32,
        'resblock_kernel_sizes': [3],
        'resblock_dilation_sizes': [[1, 3]],
    },
    'run': {'steps': 30, 'log_every': 10, 'evaluate_every': 0, 'ema_decay': 0.9},
    'batches': {'batch_size': 4, 'pool_batches': 2},
    'optimizer': {'learning_rate': 2e-3},
    'discriminators': {'periods': [2, 3], 'scale': True, 'width_divisor': 16},
    'slice_frames': 16,
    'min_seconds': 0.5,
    'other_reference': 0.5,
    'reference_seconds': 1.0,
    'mel_bands': 20,
    'warmup_steps': 4,
    'stft_weight': 1.0,
    'tokenizer': 'tokenizer.safetensors',
}
SEMANTIC = {
    'model': {
        'vocab_size': CODES + 1,
        'eos': CODES,
        'hidden_dim': 16,
        'head': 2,
        'n_layer': 2,
        'ffn_dim': 32,
        'bert_dim': 4,
        'max_tokens': 100,
        'max_sec': 4.0,
    },
    'run': {'steps': 30, 'log_every': 10, 'evaluate_every': 0, 'ema_decay': 0.9},
    'batches': {'batch_size': 6, 'pool_batches': 2},
    'optimizer': {'name': 'adamw', 'learning_rate': 0.01, 'betas': [0.9, 0.98]},
    'min_phonemes_per_s': 1.0,
}


def write_corpus(folder: Path) -> Path:
    """Write 3 speakers with 8 sines each; speaker 2 is in no training split."""
    rng = np.random.default_rng(5)
    (folder / 'audio').mkdir(parents=True)
    rows, phonemes, tokens = ['name\tsplit\tspeaker\tlanguage\tseconds\ttext'], [], []
    for index in range(24):
        speaker, name = index % 3, f'clip{index:02d}'
        seconds = 0.6 + 0.05 * (index % 8)
        time = np.arange(int(seconds * RATE)) / RATE
        wave = 0.3 * np.sin(2 * np.pi * (150 + 90 * speaker + 10 * index) * time)
        soundfile.write(folder / 'audio' / f'{name}.wav', wave, RATE, subtype='PCM_16')
        split = 'dev-speaker' if speaker == 2 else 'dev-text' if index % 8 == 7 else 'train'
        rows.append(f'{name}\t{split}\ts{speaker}\ten\t{seconds:.3f}\tclip {index}')
        # A token says which phoneme is being spoken, so there is something to learn.
        count = int(seconds * 25)
        chosen = rng.choice(SYMBOLS, -(-count // 3))
        codes = [2 * SYMBOLS.index(chosen[place // 3]) for place in range(count)]
        phonemes.append(f'{name}\t{" ".join(chosen)}')
        tokens.append(f'{name}\t{" ".join(map(str, codes))}')
    for file, lines in (('corpus', rows), ('phonemes', phonemes), ('tokens', tokens)):
        (folder / f'{file}.tsv').write_text('\n'.join(lines) + '\n', encoding='utf-8')
    generator = torch.Generator().manual_seed(0)
    save_file(
        {
            'quantizer.codebook': torch.randn(CODES, WIDTH, generator=generator),
            'ssl_projection.weight': torch.randn(WIDTH, WIDTH, 2, generator=generator),
            'ssl_projection.bias': torch.zeros(WIDTH),
        },
        folder / 'tokenizer.safetensors',
    )
    return folder


def merged(base: dict, changes: dict) -> dict:
    """Return a tree with some values replaced, at any depth."""
    result = dict(base)
    for key, value in changes.items():
        is_tree = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if is_tree else value
    return result


@pytest.fixture(scope='session')
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a corpus; do not write into it."""
    return write_corpus(tmp_path_factory.mktemp('corpus') / 'sines')


@pytest.fixture
def fresh_corpus(tmp_path: Path) -> Path:
    """Return the folder of a corpus that a test may spoil."""
    return write_corpus(tmp_path / 'sines')


@pytest.fixture
def corpus_with_codes(fresh_corpus: Path) -> Path:
    """Return the folder of a corpus that tells which phoneme each token says."""
    lines = (f'{2 * place}\t{symbol}\n' for place, symbol in enumerate(SYMBOLS))
    (fresh_corpus / 'codes.tsv').write_text(''.join(lines), encoding='utf-8')
    return fresh_corpus


@pytest.fixture
def settings_tree():
    """Return a function (role, changes) -> tree of settings."""
    trees = {'acoustic': ACOUSTIC, 'semantic': SEMANTIC}
    return lambda role, changes=None: merged(trees[role], changes or {})


@pytest.fixture
def settings_file(tmp_path: Path, settings_tree):
    """Return a function (role, changes) -> YAML file."""

    def write(role: str, changes: dict | None = None) -> Path:
        path = tmp_path / f'{role}.yaml'
        path.write_text(yaml.safe_dump(settings_tree(role, changes)), encoding='utf-8')
        return path

    return write


@pytest.fixture
def make_trainer(corpus: Path, settings_tree):
    """Return a function (role, changes, corpus) -> trainer on the CPU, in one thread."""
    from gptsovits_ros.training.__main__ import TRAINERS
    from gptsovits_ros.training.settings import build_settings

    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def make(role: str, changes: dict | None = None, folder: Path = corpus):
        trainer_class, settings_class = TRAINERS[role]
        settings = build_settings(settings_class, settings_tree(role, changes), 'test')
        return trainer_class(settings, folder, torch.device('cpu'), lambda text: None)

    yield make
    torch.set_num_threads(threads)


@pytest.fixture
def run_steps():
    """Return a function (trainer, count) -> losses of each step, as the loop makes them."""

    def run(trainer, count: int, batches_per_step: int = 1) -> list[dict[str, float]]:
        stream, losses = trainer.batches(0, 0), []
        for step in range(count):
            torch.manual_seed(step)
            examples = [stream.next() for _ in range(batches_per_step)]
            values = trainer.step(examples, step)
            losses.append({name: float(value) for name, value in values.items()})
        return losses

    return run


# A sound of its own for each symbol of SYMBOLS, so that tokens can be learned from audio.
TONES = (300, 800, 1400, 2100, 3000)
TEACHER = 7


def write_content_corpus(folder: Path) -> Path:
    """Make a corpus whose audio and teacher features tell its tokens; ',' is silence.

    Every second clip is spoken high, the others low.

    The codes 2 i and 2 i + 1 stand for symbol i, those from 12 on for nothing.
    """
    from gptsovits_ros.training.content_student import write_start

    rng = np.random.default_rng(3)
    (folder / 'whisper').mkdir()
    (folder / 'pitch').mkdir()
    sounds = np.concatenate([3 * rng.standard_normal((5, TEACHER)), np.zeros((1, TEACHER))])
    speakers = {
        name: int(speaker[1:])
        for name, _, speaker, *_ in (
            row.split('\t') for row in (folder / 'corpus.tsv').read_text('utf-8').splitlines()[1:]
        )
    }
    lines = (folder / 'tokens.tsv').read_text('utf-8').splitlines()
    for number, line in enumerate(lines):
        name, text = line.split('\t')
        symbols = np.array([int(token) // 2 for token in text.split()])
        # An odd frame at the end, as half of all clips have one.
        frames = np.append(symbols.repeat(2), 5)
        noise = 0.3 * rng.standard_normal((len(frames), TEACHER))
        teacher = sounds[frames] + noise + 10 * speakers[name]
        np.save(folder / 'whisper' / f'{name}.npy', teacher.astype(np.float16))
        hertz = np.where(frames == 5, np.nan, (200 if number % 2 else 120) + 50 * speakers[name])
        np.save(folder / 'pitch' / f'{name}.npy', np.log(hertz).astype(np.float16))
        tones = np.append(TONES, 0)[frames.repeat(RATE // 50)]
        wave = 0.3 * np.sin(2 * np.pi * np.cumsum(tones) / RATE)
        soundfile.write(folder / 'audio' / f'{name}.wav', wave, RATE, subtype='PCM_16')
    labels = [symbol if symbol != ',' else '_' for symbol in SYMBOLS for _ in range(2)]
    lines = ''.join(f'{code}\t{symbol}\n' for code, symbol in enumerate(labels))
    (folder / 'codes.tsv').write_text(lines, encoding='utf-8')
    rows = torch.randn(CODES, WIDTH, generator=torch.Generator().manual_seed(0))
    write_start(folder / 'acoustic_init.safetensors', rows)
    return folder


@pytest.fixture
def content_corpus(fresh_corpus: Path) -> Path:
    """Return the folder of a corpus with teacher features, codes and tokens, to be spoilt."""
    return write_content_corpus(fresh_corpus)

"""A complete voice with random weights: it babbles, and proves everything else.

Every file has the official layout, so that readers, models, engine and node are tested and timed
for real where no trained voice is at hand. Equal arguments give equal files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import nn

from gptsovits_ros.acoustic.config import OFFICIAL_CONFIGS, SovitsConfig
from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.audio.files import write_wav
from gptsovits_ros.checkpoint.encoders import save_encoder, save_speaker
from gptsovits_ros.checkpoint.save import acoustic_weights, semantic_weights, write_official
from gptsovits_ros.checkpoint.weights import V1_GPT_PHONEMES
from gptsovits_ros.encoders.speaker import SpeakerConfig, SpeakerEncoder
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.semantic.config import SemanticConfig
from gptsovits_ros.semantic.model import Text2Semantic
from gptsovits_ros.voice.store import FORMAT, NAME_PATTERN, VOICE_FILE

PROMPT_SECONDS = 4.0
PROMPT_TEXT = '你好，我是测试用的声音。'
# A random GPT hardly ever ends by itself, so its files claim training on short speech.
MAX_SECONDS = 3.0
# Loudness that the random decoder is scaled to; speech is about that loud.
TARGET_RMS = 0.08
CJK = range(0x4E00, 0x9FA6)
PUNCTUATION = '!?…,.-'


@dataclass(frozen=True)
class Size:
    """Widths of a stand-in voice.

    Attributes:
        semantic: of the GPT.
        acoustic: of SoVITS, by version.
        speaker: of the speaker encoder.
        bert: settings of a transformers BertConfig.
        hubert: settings of a transformers HubertConfig.

    """

    semantic: SemanticConfig
    acoustic: Mapping[str, SovitsConfig]
    speaker: SpeakerConfig
    bert: dict
    hubert: dict


TINY_SPEAKER = SpeakerConfig(channels=8, blocks=(1, 1, 1, 1), base_width=32, scale=2, expansion=2)


def _narrowed(config: SovitsConfig) -> SovitsConfig:
    """Return a config with the layers of another in small widths."""
    return replace(
        config,
        ssl_dim=48,
        inter_channels=32,
        hidden_channels=32,
        filter_channels=64,
        n_layers=2,
        mrte_channels=32,
        gin_channels=config.gin_channels // 16,
        speaker_dim=TINY_SPEAKER.embedding_dim if config.speaker_dim else 0,
        style_channels=16,
        flow_wavenet_layers=2,
        posterior_layers=2,
        upsample_initial_channel=config.upsample_initial_channel // 8,
    )


SIZES = {
    'tiny': Size(
        SemanticConfig(
            hidden_dim=64, head=4, n_layer=3, ffn_dim=256, bert_dim=32, max_sec=MAX_SECONDS
        ),
        {version: _narrowed(config) for version, config in OFFICIAL_CONFIGS.items()},
        TINY_SPEAKER,
        {
            'hidden_size': 32,
            'num_hidden_layers': 4,
            'num_attention_heads': 2,
            'intermediate_size': 64,
        },
        {
            'hidden_size': 48,
            'num_hidden_layers': 2,
            'num_attention_heads': 2,
            'intermediate_size': 96,
            'conv_dim': [32] * 7,
            'num_conv_pos_embeddings': 16,
            'num_conv_pos_embedding_groups': 4,
        },
    ),
    'full': Size(
        SemanticConfig(max_sec=MAX_SECONDS),
        OFFICIAL_CONFIGS,
        SpeakerConfig(),
        {
            'hidden_size': 1024,
            'num_hidden_layers': 24,
            'num_attention_heads': 16,
            'intermediate_size': 4096,
        },
        {},
    ),
}


def make_test_voice(folder: Path, size: str = 'tiny', seed: int = 0, version: str = 'v2') -> None:
    """Write a voice into a new folder, whose name becomes the voice's name.

    Args:
        folder: must not exist.
        size: "tiny" (3 MB, for tests) or "full" (the official sizes, 1.2 GB, for benchmarks).
        seed: another seed is another voice.
        version: GPT-SoVITS version.

    Raises:
        ConfigurationError: size or version is unknown, or the folder is taken or has no valid
            name.

    """
    if size not in SIZES:
        raise ConfigurationError(f'unknown size "{size}"; known are {", ".join(SIZES)}')
    if version not in SIZES[size].acoustic:
        raise ConfigurationError(
            f'no stand-in of version "{version}"; known are {", ".join(SIZES[size].acoustic)}'
        )
    if not NAME_PATTERN.fullmatch(folder.name):
        raise ConfigurationError(
            f'"{folder.name}" is no voice name: use a-z, 0-9, - and _, at most 64'
        )
    if folder.exists():
        raise ConfigurationError(f'{folder} exists already; remove it or choose another name')
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Built beside its place and moved there whole, so that a half-written voice is never found.
    with tempfile.TemporaryDirectory(prefix='.making-', dir=folder.parent) as making:
        place = Path(making) / folder.name
        place.mkdir()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            _write(place, size, seed, version)
        place.rename(folder)


@torch.no_grad()
def _write(folder: Path, size_name: str, seed: int, version: str) -> None:
    size = SIZES[size_name]
    config = size.acoustic[version]
    write_wav(folder / 'prompt.wav', _prompt_wave(config.sample_rate, seed), config.sample_rate)
    semantic = size.semantic
    if config.symbols == 'v1':
        semantic = replace(semantic, phoneme_vocab_size=V1_GPT_PHONEMES)
    write_official(
        semantic_weights(Text2Semantic(semantic), f'test-{seed}'), folder / 'semantic.ckpt'
    )
    write_official(acoustic_weights(_acoustic(config), f'test-{seed}'), folder / 'acoustic.pth')
    _write_encoders(folder, size)
    encoders = {'bert': 'bert', 'hubert': 'hubert'}
    if config.speaker_dim:
        save_speaker(_speaker(size.speaker), folder / 'speaker.ckpt')
        encoders['speaker'] = 'speaker.ckpt'
    tree = {
        'format': FORMAT,
        'description': f'Random weights ({size_name} {version}): it babbles. '
        'For tests and benchmarks.',
        'languages': ['zh', 'en'],
        'model': {
            'semantic': 'semantic.ckpt',
            'acoustic': 'acoustic.pth',
            'version': version,
            'sample_rate': config.sample_rate,
        },
        'prompt': {'audio': 'prompt.wav', 'text': PROMPT_TEXT, 'language': 'zh'},
        'references': [],
        'encoders': encoders,
    }
    (folder / VOICE_FILE).write_text(
        yaml.safe_dump(tree, allow_unicode=True, sort_keys=False), 'utf-8'
    )


def _prompt_wave(sample_rate: int, seed: int) -> np.ndarray:
    """Return vowel-like sound: a gliding pitch with falling partials, in syllables."""
    random = np.random.default_rng(seed)
    t = np.arange(int(PROMPT_SECONDS * sample_rate)) / sample_rate
    pitch = random.uniform(110, 220) * (1 + 0.15 * np.sin(2 * np.pi * 0.6 * t))
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    wave = sum(0.7**k * np.sin((k + 1) * phase + random.uniform(0, 6)) for k in range(12))
    syllables = 0.5 - 0.5 * np.cos(2 * np.pi * 4.0 * t)
    wave = wave * syllables + 0.01 * random.standard_normal(len(t))
    return (0.5 * wave / np.abs(wave).max()).astype(np.float32)


def _acoustic(config: SovitsConfig) -> Sovits:
    model = Sovits(config).eval()
    model.quantizer.codebook.normal_()
    for layer in model.flow.layers:
        # Zero, as a fresh flow has it, would hide mistakes behind the identity.
        nn.init.normal_(layer.post.weight, std=0.05)
    _make_audible(model)
    return model


def _make_audible(model: Sovits) -> None:
    """Scale the decoder so that its babble varies over time and is as loud as speech."""
    config, decoder = model.config, model.decoder
    for layer in decoder.modules():
        if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity='leaky_relu')
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    # Taps that sum to zero take the constant part away.
    decoder.conv_post.weight -= decoder.conv_post.weight.mean(dim=-1, keepdim=True)
    speakers = [torch.randn(1, config.speaker_dim)] if config.speaker_dim else []
    style = model.style_embedding([torch.rand(1, config.spectrogram.bins, 50)], speakers)
    tokens = torch.randint(config.codebook_size, (1, 25))
    phonemes = torch.randint(config.phoneme_vocab_size, (1, 30))
    # Two rounds: loud babble is flattened by the tanh, and then measured too low.
    for _ in range(2):
        decoder.conv_post.weight *= TARGET_RMS / model.decode(tokens, phonemes, style).std()


def _speaker(config: SpeakerConfig) -> SpeakerEncoder:
    """Return an encoder whose vectors are about as large as those of the official one."""
    model = SpeakerEncoder(config).eval()
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    return model


def _write_encoders(folder: Path, size: Size) -> None:
    from transformers import BertConfig, BertModel, HubertConfig, HubertModel

    vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *PUNCTUATION, *map(chr, CJK)]
    save_encoder(
        BertModel(BertConfig(vocab_size=len(vocabulary), **size.bert), add_pooling_layer=False),
        folder / 'bert',
        vocabulary,
    )
    save_encoder(HubertModel(HubertConfig(**size.hubert)), folder / 'hubert')

"""A complete voice with random weights: it babbles, and proves everything else.

Every file has the official layout, so that readers, models, engine and node are tested and timed
for real where no trained voice is at hand. Equal arguments give equal files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from gptsovits_ros.acoustic.bigvgan import BigVgan
from gptsovits_ros.acoustic.cfm_acoustic import CfmAcoustic, CfmModel
from gptsovits_ros.acoustic.cfm_config import (
    CFM_CONFIGS,
    BigVganConfig,
    CfmConfig,
    DitConfig,
    MelHifiGanConfig,
)
from gptsovits_ros.acoustic.chunked_cfm import CfmSampling
from gptsovits_ros.acoustic.config import OFFICIAL_CONFIGS, SovitsConfig
from gptsovits_ros.acoustic.mel_hifigan import MelHifiGan
from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.audio.files import write_wav
from gptsovits_ros.checkpoint.encoders import save_encoder, save_speaker
from gptsovits_ros.checkpoint.save import acoustic_weights, semantic_weights, write_official
from gptsovits_ros.checkpoint.save_cfm import cfm_weights, write_bigvgan, write_mel_hifigan
from gptsovits_ros.checkpoint.weights import V1_GPT_PHONEMES, write_weights
from gptsovits_ros.encoders.speaker import SpeakerConfig, SpeakerEncoder
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.semantic.config import SemanticConfig
from gptsovits_ros.semantic.model import Text2Semantic
from gptsovits_ros.voice.voice_file import NAME_PATTERN, write_voice_file

PROMPT_SECONDS = 4.0
PROMPT_TEXT = '你好，我是测试用的声音。'
# A random GPT hardly ever ends by itself, so its files claim training on short speech.
MAX_SECONDS = 3.0
# Loudness that the random decoder is scaled to; speech is about that loud.
TARGET_RMS = 0.08
CJK = range(0x4E00, 0x9FA6)
PUNCTUATION = '!?…,.-'

Model = TypeVar('Model', bound=nn.Module)


@dataclass(frozen=True)
class Size:
    """Widths of a stand-in voice.

    Attributes:
        semantic: of the GPT.
        acoustic: of SoVITS, by version up to v2ProPlus.
        speaker: of the speaker encoder that some of them need.
        cfm: of the acoustic models of v3 and v4.
        vocoders: and of the vocoders that they need.
        bert: settings of a transformers BertConfig.
        hubert: settings of a transformers HubertConfig.

    """

    semantic: SemanticConfig
    acoustic: Mapping[str, SovitsConfig]
    speaker: SpeakerConfig
    cfm: Mapping[str, CfmConfig]
    vocoders: Mapping[str, BigVganConfig | MelHifiGanConfig]
    bert: dict
    hubert: dict

    @property
    def versions(self) -> tuple[str, ...]:
        """Versions that there is a stand-in of."""
        return (*self.acoustic, *self.cfm)


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
            version: make(
                sovits=_narrowed(make().sovits),
                dit=DitConfig(
                    dim=32,
                    n_layers=2,
                    n_heads=2,
                    head_dim=16,
                    text_dim=32,
                    text_layers=1,
                    time_dim=16,
                    position_groups=4,
                ),
                mixer_layers=2,
            )
            for version, make in CFM_CONFIGS.items()
        },
        {
            'v3': BigVganConfig(upsample_initial_channel=64),
            'v4': MelHifiGanConfig(upsample_initial_channel=64),
        },
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
        {version: make() for version, make in CFM_CONFIGS.items()},
        {'v3': BigVganConfig(), 'v4': MelHifiGanConfig()},
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
    if version not in SIZES[size].versions:
        raise ConfigurationError(
            f'no stand-in of version "{version}"; known are {", ".join(SIZES[size].versions)}'
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
    size, info = SIZES[size_name], f'test-{seed}'
    semantic = size.semantic
    if version == 'v1':
        semantic = replace(semantic, phoneme_vocab_size=V1_GPT_PHONEMES)
    write_official(semantic_weights(Text2Semantic(semantic), info), folder / 'semantic.ckpt')
    write_acoustic = _write_cfm if version in size.cfm else _write_sovits
    sample_rate, acoustic, encoders = write_acoustic(folder, size, version, info)
    write_wav(folder / 'prompt.wav', _prompt_wave(sample_rate, seed), sample_rate)
    _write_encoders(folder, size)
    tree = {
        'description': f'Random weights ({size_name} {version}): it babbles. '
        'For tests and benchmarks.',
        'languages': ['zh', 'en'],
        # Babble is as long as it happens to be.
        'guard': False,
        'model': {
            'semantic': 'semantic.ckpt',
            'acoustic': acoustic,
            'version': version,
            'sample_rate': sample_rate,
        },
        'prompt': {'audio': 'prompt.wav', 'text': PROMPT_TEXT, 'language': 'zh'},
        'references': [],
        'encoders': {'bert': 'bert', 'hubert': 'hubert', **encoders},
    }
    write_voice_file(folder, tree)


def _write_sovits(
    folder: Path, size: Size, version: str, info: str
) -> tuple[int, str, dict[str, str]]:
    """Write what the versions up to v2ProPlus need.

    Returns:
        the rate [Hz], the name of the acoustic file, and further encoders for voice.yaml.

    """
    config = size.acoustic[version]
    speakers, encoders = [], {}
    if config.speaker_dim:
        speaker = _livened(SpeakerEncoder(size.speaker))
        save_speaker(speaker, folder / 'speaker.ckpt')
        encoders['speaker'] = 'speaker.ckpt'
        # Log energies of speech are about here.
        speakers.append(speaker(3 * torch.randn(1, 100, size.speaker.bins) - 5))
    write_official(acoustic_weights(_sovits(config, speakers), info), folder / 'acoustic.pth')
    return config.sample_rate, 'acoustic.pth', encoders


def _write_cfm(
    folder: Path, size: Size, version: str, info: str
) -> tuple[int, str, dict[str, str]]:
    """Write what v3 and v4 need; returns what _write_sovits does."""
    config = size.cfm[version]
    model = CfmModel(config).eval()
    if version == 'v3':
        vocoder = BigVgan(size.vocoders[version])
        _make_cfm_audible(model, vocoder)
        write_bigvgan(vocoder, folder / 'vocoder')
        write_official(cfm_weights(model, info), folder / 'acoustic.pth')
        return config.sample_rate, 'acoustic.pth', {'vocoder': 'vocoder'}
    vocoder = MelHifiGan(size.vocoders[version])
    _make_cfm_audible(model, vocoder)
    write_mel_hifigan(vocoder, folder / 'vocoder.pth')
    # No header tells an official v4 file; the one that there is, is known by its hash.
    write_weights(cfm_weights(model, info), folder / 'acoustic.safetensors')
    return config.sample_rate, 'acoustic.safetensors', {'vocoder': 'vocoder.pth'}


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


def _sovits(config: SovitsConfig, speakers: list[Tensor]) -> Sovits:
    model = Sovits(config).eval()
    model.quantizer.codebook.normal_()
    for layer in model.flow.layers:
        # Zero, as a fresh flow has it, would hide mistakes behind the identity.
        nn.init.normal_(layer.post.weight, std=0.05)
    _livened(model.decoder)
    tokens, phonemes = _babble(config)
    style = model.style_embedding([torch.rand(1, config.spectrogram.bins, 50)], speakers)
    _set_level(model.decoder.conv_post, lambda: model.decode(tokens, phonemes, style))
    return model


def _make_cfm_audible(model: CfmModel, vocoder: BigVgan | MelHifiGan) -> None:
    whole, config = CfmAcoustic(model, vocoder).eval(), model.config
    model.features.quantizer.codebook.normal_()
    tokens, phonemes = _babble(config.sovits)
    mel = torch.rand(1, config.dit.mel_bands, 50) * 14 - 12
    reference = whole.reference(
        tokens, phonemes, [torch.rand(1, config.spectrogram.bins, 50)], mel
    )
    sampling = CfmSampling(torch.randn, steps=1)
    _set_level(vocoder.conv_post, lambda: whole.waveform(tokens, phonemes, reference, sampling))


def _babble(config: SovitsConfig) -> tuple[Tensor, Tensor]:
    """Return a second of tokens [1, S] and as many phonemes [1, P] as one says in it."""
    tokens = torch.randint(config.codebook_size, (1, 25))
    return tokens, torch.randint(config.phoneme_vocab_size, (1, 30))


def _livened(model: Model) -> Model:
    """Give convolutions weights with which what goes in keeps its size, and varies over time."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d | nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity='leaky_relu')
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return model.eval()


def _set_level(last: nn.Conv1d, make: Callable[[], Tensor]) -> None:
    """Scale the last layer so that what `make` returns is as loud as speech."""
    # Taps that sum to zero take the constant part away.
    last.weight -= last.weight.mean(dim=-1, keepdim=True)
    # Two rounds: loud babble is cut or flattened, and then measured too low.
    for _ in range(2):
        last.weight *= TARGET_RMS / make().std()


def _write_encoders(folder: Path, size: Size) -> None:
    from transformers import BertConfig, BertModel, HubertConfig, HubertModel

    vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *PUNCTUATION, *map(chr, CJK)]
    save_encoder(
        BertModel(BertConfig(vocab_size=len(vocabulary), **size.bert), add_pooling_layer=False),
        folder / 'bert',
        vocabulary,
    )
    save_encoder(HubertModel(HubertConfig(**size.hubert)), folder / 'hubert')

"""A voice in memory: its models on their device, and the conditions from its reference clips."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.audio.files import load_prompt_16k, load_reference_waveform
from gptsovits_ros.audio.spectrogram import magnitude_spectrogram
from gptsovits_ros.checkpoint.encoders import load_bert, load_hubert
from gptsovits_ros.checkpoint.load import load_acoustic, load_semantic
from gptsovits_ros.encoders.bert import BertEncoder, repeat_by_phonemes
from gptsovits_ros.errors import VoiceInvalidError
from gptsovits_ros.semantic.model import Text2Semantic
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.types import Phonemes
from gptsovits_ros.voice.store import Voice


@dataclass(frozen=True)
class TextCondition:
    """A text as the GPT reads it.

    Attributes:
        ids: int64 [P], phoneme ids.
        bert: [bert_dim, P], zeros outside Mandarin.

    """

    ids: Tensor
    bert: Tensor

    def __add__(self, other: TextCondition) -> TextCondition:
        """Join two texts."""
        return TextCondition(
            torch.cat([self.ids, other.ids]), torch.cat([self.bert, other.bert], dim=1)
        )


@dataclass(frozen=True)
class LoadedVoice:
    """Everything that speaking in one voice takes.

    Attributes:
        voice: where it came from.
        semantic: the GPT.
        acoustic: SoVITS.
        bert: the BERT encoder; None: zeros are used.
        prompt_text: the text of the prompt; None: the GPT gets no prompt.
        prompt_tokens: int64 [S], the semantic tokens of the prompt; S is 0 without a prompt.
        style: [1, gin_channels, 1], mean style of the reference clips.

    """

    voice: Voice
    semantic: Text2Semantic
    acoustic: Sovits
    bert: BertEncoder | None
    prompt_text: TextCondition | None
    prompt_tokens: Tensor
    style: Tensor

    @property
    def device(self) -> torch.device:
        """Where the models run."""
        return self.style.device


def text_condition(
    phonemes: Phonemes, bert: BertEncoder | None, width: int, device: torch.device | str
) -> TextCondition:
    """Return ids and BERT features of a text, each Mandarin span by itself (gptsovits-spec 5)."""
    blocks = []
    for span in phonemes.spans:
        if bert is not None and span.word2ph is not None:
            blocks.append(repeat_by_phonemes(bert(span.norm_text), span.word2ph))
        else:
            blocks.append(torch.zeros(width, len(span.phonemes), device=device))
    return TextCondition(torch.from_numpy(phonemes.ids).to(device), torch.cat(blocks, dim=1))


@torch.inference_mode()
def load_voice(voice: Voice, frontend: TextFrontend, device: torch.device | str) -> LoadedVoice:
    """Load the models of a voice and compute its conditions.

    Raises:
        GptsovitsError: a file is missing, damaged or unsafe; the message names it.

    """
    semantic = load_semantic(voice.semantic, device)
    acoustic = load_acoustic(voice.acoustic, device)
    _check_claims(voice, acoustic)
    bert = load_bert(voice.bert, device) if voice.bert else None
    prompt_text, prompt_tokens = None, torch.zeros(0, dtype=torch.int64, device=device)
    if voice.prompt_text:
        phonemes = frontend.prompt(voice.prompt_text, voice.prompt_language)
        prompt_text = text_condition(phonemes, bert, semantic.config.bert_dim, device)
        # HuBERT is needed once per voice, so it is not kept.
        features = load_hubert(voice.hubert, device)(
            load_prompt_16k(voice.prompt_audio, 0).to(device)
        )
        prompt_tokens = acoustic.tokens_from_features(features)[0]
    spectrogram = acoustic.config.spectrogram
    style = acoustic.style_embedding(
        [
            magnitude_spectrogram(
                load_reference_waveform(clip, spectrogram.sample_rate), spectrogram
            )[None].to(device)
            for clip in (voice.prompt_audio, *voice.references)
        ]
    )
    return LoadedVoice(voice, semantic, acoustic, bert, prompt_text, prompt_tokens, style)


def _check_claims(voice: Voice, acoustic: Sovits) -> None:
    """Compare voice.yaml, which clients are told, with the weights."""
    config = acoustic.config
    if (voice.model_version, voice.sample_rate) != (config.version, config.sample_rate):
        raise VoiceInvalidError(
            f'voice "{voice.name}" says {voice.model_version} at {voice.sample_rate} Hz, but '
            f'{voice.acoustic.name} is {config.version} at {config.sample_rate} Hz; '
            'correct its voice.yaml'
        )

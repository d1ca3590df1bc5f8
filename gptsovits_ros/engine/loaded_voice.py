"""A voice in memory: its models on their device, and the conditions from its reference clips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gptsovits_ros.acoustic.cfm_config import CFM_CONFIGS
from gptsovits_ros.audio.files import load_prompt_16k
from gptsovits_ros.checkpoint.content import load_content_encoder
from gptsovits_ros.checkpoint.encoders import load_bert, load_hubert, load_speaker
from gptsovits_ros.checkpoint.load import load_acoustic, load_semantic
from gptsovits_ros.checkpoint.load_cfm import load_cfm, load_vocoder
from gptsovits_ros.checkpoint.token_table import load_token_table
from gptsovits_ros.encoders.bert import BertEncoder, repeat_by_phonemes
from gptsovits_ros.engine.acoustic_model import AcousticModel, VoicePrompt
from gptsovits_ros.engine.cfm_adapter import CfmAdapter
from gptsovits_ros.engine.cuda_graphs import CapturedModels
from gptsovits_ros.engine.kept_conditions import Conditions, kept_conditions
from gptsovits_ros.engine.model_cache import ModelCache
from gptsovits_ros.engine.sovits_adapter import SovitsAdapter
from gptsovits_ros.engine.token_batch import TokenBatch, TokenBatches
from gptsovits_ros.errors import VoiceInvalidError
from gptsovits_ros.semantic.decode_steps import CapturedSteps
from gptsovits_ros.semantic.model import Text2Semantic
from gptsovits_ros.semantic.token_table import TokenTable
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.text.symbols import symbol_table
from gptsovits_ros.text.user_lexicon import Lexicon, lexicons_at
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
        acoustic: the model of its version, maybe shared with other voices.
        bert: the BERT encoder; None: zeros are used.
        prompt_text: the text of the prompt; None: the GPT gets no prompt.
        prompt_tokens: int64 [S], the semantic tokens of the prompt; S is 0 without a prompt.
        condition: what `acoustic` takes from the reference clips.
        lexicons: pronunciations of this voice; none or one.
        token_table: by what skipped and repeated phonemes are seen; None: they are not.
        steps: of `semantic`, captured on a GPU; None: they are computed one operation after
            another.
        batch: draws the tokens of utterances that are spoken at once; None: each draws its own.

    """

    voice: Voice
    semantic: Text2Semantic
    acoustic: AcousticModel
    bert: BertEncoder | None
    prompt_text: TextCondition | None
    prompt_tokens: Tensor
    condition: Any
    lexicons: tuple[Lexicon, ...] = ()
    token_table: TokenTable | None = None
    steps: CapturedSteps | None = None
    batch: TokenBatch | None = None

    @property
    def device(self) -> torch.device:
        """Where the models run."""
        return self.prompt_tokens.device

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """All models that are kept in memory."""
        encoders = () if self.bert is None else (self.bert,)
        return (self.semantic, self.acoustic.module, *encoders)


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
def load_voice(
    voice: Voice,
    models: ModelCache,
    frontend: Callable[[str], TextFrontend],
    device: torch.device,
    captured: CapturedModels,
    batches: TokenBatches | None = None,
) -> LoadedVoice:
    """Load the models of a voice, and its conditions where they are kept; else compute them.

    Args:
        voice: what to load.
        models: where models that other voices use already are found.
        frontend: returns the text frontend of a symbol table.
        device: that of the models.
        captured: gives their captured forms.
        batches: gives what draws tokens for utterances that are spoken at once; None: they are
            not.

    Raises:
        GptsovitsError: a file is missing, damaged or unsafe; the message names it.

    """
    semantic = models.get(load_semantic, voice.semantic)
    acoustic = load_acoustic_model(voice, models, device, captured)
    _check_claims(voice, semantic, acoustic)
    bert = models.get(load_bert, voice.bert) if voice.bert else None
    lexicons = lexicons_at(voice.lexicon)
    token_table = None
    if voice.token_table:
        token_table = load_token_table(voice.token_table, acoustic.symbols, semantic.config.eos)
    if semantic.config.text_ahead and (token_table is None or token_table.codes is None):
        raise VoiceInvalidError(
            f'voice "{voice.name}": the GPT of {voice.semantic.name} must be told its place in '
            'the text, and the voice has no token table that tells which phoneme each token says; '
            'name one in its voice.yaml (docs/guard.md)'
        )
    prompt_text = None
    if voice.prompt_text:
        phonemes = frontend(acoustic.symbols).prompt(
            voice.prompt_text, voice.prompt_language, lexicons
        )
        prompt_text = text_condition(phonemes, bert, semantic.config.bert_dim, device)
    conditions = kept_conditions(
        voice, acoustic, semantic.config.vocab_size, device
    ) or computed_conditions(
        voice,
        acoustic,
        None if prompt_text is None else prompt_text.ids,
        # It is needed once per voice, so it is not kept.
        lambda: load_content(voice, device),
        device,
    )
    return LoadedVoice(
        voice,
        semantic,
        acoustic,
        bert,
        prompt_text,
        conditions.tokens,
        conditions.condition,
        lexicons,
        token_table,
        captured.steps(semantic) if batches is None else None,
        None if batches is None else batches.of(semantic),
    )


def computed_conditions(
    voice: Voice,
    acoustic: AcousticModel,
    phoneme_ids: Tensor | None,
    content: Callable[[], nn.Module],
    device: torch.device,
) -> Conditions:
    """Compute what the models take from the recordings of a voice.

    Args:
        voice: whose recordings.
        acoustic: its acoustic model.
        phoneme_ids: int64 [P], of the text of its prompt; None: the text is not known.
        content: returns what hears the prompt (load_content); called only with a text.
        device: of the models.

    """
    tokens = nothing = torch.zeros(0, dtype=torch.int64, device=device)
    if phoneme_ids is not None:
        tokens = computed_tokens(voice, acoustic, content(), device)
    ids = nothing if phoneme_ids is None else phoneme_ids
    return Conditions(tokens, acoustic.condition(VoicePrompt(voice.clips, tokens, ids)))


def computed_tokens(
    voice: Voice, acoustic: AcousticModel, content: nn.Module, device: torch.device
) -> Tensor:
    """Return the semantic tokens of the prompt of a voice, int64 [S]; content: `load_content`."""
    # The encoders append their own silence.
    features = content(load_prompt_16k(voice.prompt_audio).to(device))
    return acoustic.tokens_from_features(features)[0]


def load_acoustic_model(
    voice: Voice,
    models: ModelCache,
    device: torch.device,
    captured: CapturedModels | None = None,
) -> AcousticModel:
    """Return the model of the version that the voice says it is; captured: None to hear only."""
    if voice.model_version in CFM_CONFIGS:
        vocoder = models.get(load_vocoder, voice.vocoder)
        return CfmAdapter(models.get(load_cfm, voice.acoustic, voice.acoustic_base, vocoder))
    model = models.get(load_acoustic, voice.acoustic)
    speaker = partial(load_speaker, voice.speaker, device) if voice.speaker else None
    return SovitsAdapter(model, speaker, None if captured is None else captured.windows(model))


def load_content(voice: Voice, device: torch.device) -> nn.Module:
    """Return what hears the words of a prompt: samples [T] at 16 kHz -> features [1, C, F]."""
    if voice.content:
        return load_content_encoder(voice.content, device)
    return load_hubert(voice.hubert, device)


def _check_claims(voice: Voice, semantic: Text2Semantic, acoustic: AcousticModel) -> None:
    """Compare voice.yaml, which clients are told, with the weights, and both models."""
    if (voice.model_version, voice.sample_rate) != (acoustic.version, acoustic.sample_rate):
        raise VoiceInvalidError(
            f'voice "{voice.name}" says {voice.model_version} at {voice.sample_rate} Hz, but '
            f'{voice.acoustic.name} is {acoustic.version} at {acoustic.sample_rate} Hz; '
            'correct its voice.yaml'
        )
    symbols = len(symbol_table(acoustic.symbols))
    if semantic.config.phoneme_vocab_size < symbols:
        raise VoiceInvalidError(
            f'voice "{voice.name}": {voice.semantic.name} knows '
            f'{semantic.config.phoneme_vocab_size} phonemes, but {acoustic.version} has '
            f'{symbols}; it is the GPT of another version'
        )

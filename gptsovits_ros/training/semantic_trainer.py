"""Trains the GPT: phonemes and a prompt of the same speaker in, semantic tokens out.

gptsovits-spec section 10.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gptsovits_ros.checkpoint.load import load_semantic
from gptsovits_ros.checkpoint.save import semantic_weights
from gptsovits_ros.checkpoint.weights import SEMANTIC, WeightFile
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.semantic.model import Text2Semantic, prefix_mask
from gptsovits_ros.semantic.text_places import window_mask
from gptsovits_ros.training.batching import make_batches, pad
from gptsovits_ros.training.content_codes import LABELS_FILE, read_code_labels
from gptsovits_ros.training.corpus import (
    DEV_TEXT,
    Speakers,
    Utterance,
    read_corpus,
    split_utterances,
)
from gptsovits_ros.training.ema import MovingAverage
from gptsovits_ros.training.optimizers import make_optimizer, set_rate
from gptsovits_ros.training.precision import Precision
from gptsovits_ros.training.settings import SemanticSettings, plain_settings
from gptsovits_ros.training.splicing import AlignedText, Splicer, joined
from gptsovits_ros.training.trained_model import TrainedModel
from gptsovits_ros.training.variants import Variants

TOP = 3  # accuracy: the token is among this many most likely ones
DEV_BATCH = 16


@dataclass(frozen=True)
class SemanticExample:
    """An utterance to learn, and the one before it.

    Attributes:
        target: place of an utterance in a list.
        prompt: that of the one before it; None: no prompt.
        splice: seed by which the target goes on as pieces of others; None: it stays whole.

    """

    target: int
    prompt: int | None
    splice: int | None = None


@dataclass(frozen=True)
class SemanticBatch:
    """Padded on the right: phonemes [B, P], tokens [B, S], and lengths [B]; prompts included.

    Attributes:
        phonemes: of prompt and target.
        phoneme_lengths: how many.
        tokens: of prompt and target.
        token_lengths: how many.
        first: place of the first token that is learned.
        places: [B, S], the phoneme that each token says; None: tokens see all of the text.

    """

    phonemes: Tensor
    phoneme_lengths: Tensor
    tokens: Tensor
    token_lengths: Tensor
    first: Tensor
    places: Tensor | None = None

    def to(self, device: torch.device) -> SemanticBatch:
        """Return the batch on a device."""
        pinned = device.type == 'cuda'
        return SemanticBatch(
            *(
                item
                if item is None
                else (item.pin_memory() if pinned else item).to(device, non_blocking=pinned)
                for item in vars(self).values()
            )
        )


class SemanticTrainer(TrainedModel):
    """Holds model, optimizer and average; see loop.Trainer for the methods."""

    role = SEMANTIC
    score = f'{DEV_TEXT}/loss'

    def __init__(
        self,
        settings: SemanticSettings,
        corpus: Path,
        device: torch.device,
        report: Callable[[str], None],
    ) -> None:
        """Read the corpus and make the model; `report` is told what is left out."""
        self.plain = plain_settings(settings)
        self._settings = settings
        self._device = device
        utterances = read_corpus(corpus, settings.model.eos, report)
        usable = [item for item in utterances if _is_usable(item, settings)]
        if len(usable) < len(utterances):
            report(
                f'{len(utterances) - len(usable)} of {len(utterances)} utterances are too long, '
                'or their text does not fit their length'
            )
        self._train, self._dev = split_utterances(usable, corpus)
        self._speakers = Speakers(self._train, self._serves_as_prompt)
        self._splicer = self._variants = None
        self._dev_splicers: dict[str, Splicer] = {}
        if settings.splice_probability or settings.variant_share or settings.model.text_ahead:
            labels = read_code_labels(corpus / LABELS_FILE, settings.model.eos)
            self._splicer = Splicer(self._train, labels.numpy())
            self._dev_splicers = {
                split: Splicer(utterances, labels.numpy())
                for split, utterances in self._dev.items()
            }
        if settings.variant_share:
            clips = [item.tokens for item in self._train]
            self._variants = Variants(labels, clips, settings.variant_share, device)
        torch.manual_seed(settings.run.seed)
        self._model = self._make_model().to(device).train().requires_grad_(True)
        add_dropout(self._model, settings.dropout)
        self._parameters = list(self._model.parameters())
        self._optimizer = make_optimizer([(self._parameters, 1.0)], settings.optimizer)
        self._precision = Precision(settings.run.precision, device)
        self._average = MovingAverage(self._model.state_dict(), settings.run.ema_decay)

    def step(self, batches: list[list[SemanticExample]], step: int) -> dict[str, Tensor]:
        """Make one update: the mean cross-entropy over all tokens of all batches."""
        ready = [
            collate(self._train, examples, self._settings, self._splicer) for examples in batches
        ]
        total = sum(int((batch.token_lengths + 1 - batch.first).sum()) for batch in ready)
        set_rate(self._optimizer, self._settings.optimizer.rate(step))
        loss = correct = among_top = torch.zeros((), device=self._device)
        for batch in ready:
            batch = batch.to(self._device)
            heard = self._variants.replaced(batch.tokens) if self._variants else None
            with self._precision.autocast():
                logits, targets = predictions(self._model, batch, heard)
            part = F.cross_entropy(logits.float(), targets, reduction='sum') / total
            self._precision.backward(part, self._parameters)
            hits = _hits(logits.detach(), targets)
            loss, correct, among_top = loss + part.detach(), correct + hits[0], among_top + hits[1]
        norm = self._precision.update(
            self._optimizer, self._parameters, self._settings.run.clip_norm
        )
        self._precision.end_step()
        self._average.update(self._model.state_dict(), step)
        return {
            'loss': loss,
            'accuracy': correct / total,
            f'top{TOP}_accuracy': among_top / total,
            'gradient_norm': norm,
        }

    @torch.inference_mode()
    def evaluate(self) -> dict[str, float]:
        """Return cross-entropy and accuracy on the dev splits, with prompts as in use."""
        model = self._averaged()
        values: dict[str, float] = {}
        for split, utterances in self._dev.items():
            examples = self._dev_examples(utterances)
            splicer = self._dev_splicers.get(split)
            sums, count = torch.zeros(3, device=self._device), 0
            for start in range(0, len(examples), DEV_BATCH):
                rows = examples[start : start + DEV_BATCH]
                batch = collate(utterances, rows, self._settings, splicer)
                logits, targets = predictions(model, batch.to(self._device))
                loss = F.cross_entropy(logits, targets, reduction='sum')
                sums += torch.stack([loss, *_hits(logits, targets)])
                count += len(targets)
            if count:
                names = ('loss', 'accuracy', f'top{TOP}_accuracy')
                means = (sums / count).tolist()
                values.update(
                    {f'{split}/{name}': mean for name, mean in zip(names, means, strict=True)}
                )
        return values

    def weights(self, info: str) -> WeightFile:
        """Return the averaged weights as a file."""
        return semantic_weights(self._averaged(), info)

    def _make_model(self) -> Text2Semantic:
        if not self._settings.start:
            return Text2Semantic(self._settings.model)
        model = load_semantic(Path(self._settings.start))
        # What tokens see of the text is no size, and can be learned anew.
        model.config = replace(model.config, text_ahead=self._settings.model.text_ahead)
        if model.config != self._settings.model:
            raise ConfigurationError(
                f'{self._settings.start} has other sizes than the settings: {model.config}'
            )
        return model

    def _averaged(self) -> Text2Semantic:
        return averaged_semantic(self._settings, self._average.tensors, self._device)

    def _plan(self, epoch: int) -> list[list[SemanticExample]]:
        """Draw the prompts of an epoch, then batches by the length of all."""
        rng = np.random.default_rng([self._settings.run.seed, epoch])
        examples = [
            SemanticExample(index, self._draw_prompt(index, rng), self._draw_splice(rng))
            for index in range(len(self._train))
        ]
        lengths = [
            sum(
                len(self._train[place].tokens) + len(self._train[place].phoneme_ids)
                for place in (example.target, example.prompt)
                if place is not None
            )
            for example in examples
        ]
        return [
            [examples[index] for index in batch]
            for batch in make_batches(lengths, self._settings.batches, rng)
        ]

    def _draw_prompt(self, index: int, rng: np.random.Generator) -> int | None:
        if rng.random() >= self._settings.prompt_probability:
            return None
        return self._speakers.another(index, rng)

    def _draw_splice(self, rng: np.random.Generator) -> int | None:
        probability = self._settings.splice_probability
        if not probability or rng.random() >= probability:
            return None
        return int(rng.integers(2**31))

    def _serves_as_prompt(self, utterance: Utterance) -> bool:
        return len(utterance.tokens) <= self._settings.prompt_max_tokens

    def _dev_examples(self, utterances: list[Utterance]) -> list[SemanticExample]:
        rng = np.random.default_rng(self._settings.run.seed)
        speakers = Speakers(utterances, self._serves_as_prompt)
        count = min(len(utterances), self._settings.run.evaluate_clips)
        return [SemanticExample(index, speakers.another(index, rng)) for index in range(count)]


def averaged_semantic(
    settings: SemanticSettings, tensors: dict[str, Tensor], device: torch.device | str = 'cpu'
) -> Text2Semantic:
    """Return a model with averaged weights, for use."""
    model = Text2Semantic(settings.model).to(device)
    model.load_state_dict(tensors)
    return model.eval().requires_grad_(False)


def collate(
    utterances: list[Utterance],
    examples: list[SemanticExample],
    settings: SemanticSettings,
    splicer: Splicer | None = None,
) -> SemanticBatch:
    """Put prompts before targets and pad.

    A splicer of these utterances is needed where examples are to be spliced, or tokens see a part
    of the text only.
    """
    parts, first = [], []
    for example in examples:
        part = [_target(utterances, example, splicer)]
        if example.prompt is not None:
            part.insert(0, _aligned(utterances, example.prompt, splicer))
        parts.append(joined(part))
        is_learned_whole = settings.loss_on_prompt or example.prompt is None
        first.append(0 if is_learned_whole else len(part[0].tokens))
    return SemanticBatch(
        *pad([part.phoneme_ids for part in parts]),
        *pad([part.tokens for part in parts]),
        torch.tensor(first),
        pad([part.places for part in parts])[0] if settings.model.text_ahead else None,
    )


def _target(
    utterances: list[Utterance], example: SemanticExample, splicer: Splicer | None
) -> AlignedText:
    if example.splice is None:
        return _aligned(utterances, example.target, splicer)
    return splicer.splice(example.target, np.random.default_rng(example.splice))


def _aligned(utterances: list[Utterance], index: int, splicer: Splicer | None) -> AlignedText:
    """Return an utterance; where nobody asks for its places, all are the first."""
    if splicer is not None:
        return splicer.whole(index)
    item = utterances[index]
    return AlignedText(item.phoneme_ids, item.tokens, np.zeros_like(item.tokens))


def predictions(
    model: Text2Semantic, batch: SemanticBatch, heard: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return logits [N, V] and targets [N] of all N tokens that are learned, end tokens included.

    The tokens that come before each are those of the batch, or `heard` [B, S] in their place.
    Texts are padded on the right and nobody sees the padding. The row that predicts the first
    token is the last one of each text, wherever that is (gptsovits-spec section 12.9).
    """
    rows, longest = batch.phonemes.shape
    bert = torch.zeros(rows, model.config.bert_dim, longest, device=batch.phonemes.device)
    text = model.embed_text(batch.phonemes, bert)
    h = torch.cat([text, model.embed_tokens(batch.tokens if heard is None else heard)], dim=1)
    places = torch.arange(h.shape[1], device=h.device)
    is_data = (places >= longest) | (places < batch.phoneme_lengths[:, None])
    mask = prefix_mask(longest, batch.tokens.shape[1], h.device) & is_data[:, None, None]
    if batch.places is not None:
        mask[:, :, longest:, :longest] &= window_mask(
            batch.places, longest, model.config.text_ahead
        )
    h = model.hidden_states(h, mask)
    last = (batch.phoneme_lengths - 1)[:, None, None].expand(-1, 1, h.shape[2])
    h = torch.cat([h.gather(1, last), h[:, longest:]], dim=1)  # [B, S + 1, d]
    # Padding holds whatever; the token after the last one is the end.
    targets = F.pad(batch.tokens, (0, 1))
    targets = targets.scatter(1, batch.token_lengths[:, None], model.config.eos)
    place = torch.arange(h.shape[1], device=h.device)
    learned = (place >= batch.first[:, None]) & (place <= batch.token_lengths[:, None])
    return model.logits(h[learned]), targets[learned]


def add_dropout(model: Text2Semantic, probability: float) -> None:
    """Let a model drop out what the official one does in training; models for use do not.

    Dropping before a ReLU is dropping after it, so the hook of linear1 stands for the inner
    dropout.
    """
    if not probability:
        return

    def drop(module: torch.nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        return F.dropout(output, probability, module.training)

    model.text_embedding.register_forward_hook(drop)
    model.token_embedding.register_forward_hook(drop)
    for layer in model.layers:
        for part in (layer.out, layer.linear1, layer.linear2):
            part.register_forward_hook(drop)


def _hits(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return how often the target is the most likely token, and among the TOP most likely ones."""
    found = logits.topk(TOP, dim=-1).indices == targets[:, None]
    return found[:, 0].sum().float(), found.any(dim=1).sum().float()


def _is_usable(utterance: Utterance, settings: SemanticSettings) -> bool:
    rate = len(utterance.phoneme_ids) / utterance.seconds
    return (
        len(utterance.tokens) <= settings.max_tokens
        and settings.min_phonemes_per_s <= rate <= settings.max_phonemes_per_s
    )

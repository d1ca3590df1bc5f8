"""Trains the content encoder and the semantic tokenizer of a voice that is made from nothing.

The official tokens come from HuBERT and a codebook that was learned with the acoustic model. Here
a small encoder learns three things at once from speech whose text is known: what a large speech
recognizer hears in it, with the mean of each speaker taken away; the phonemes, read from the
tokens alone; and that rooms, microphones and the size of the throat do not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gptsovits_ros.checkpoint.content import CONTENT, KIND
from gptsovits_ros.checkpoint.weights import WeightFile, read_weights
from gptsovits_ros.encoders.content import ContentConfig, relative_decibels
from gptsovits_ros.errors import CheckpointError
from gptsovits_ros.training.batching import make_batches
from gptsovits_ros.training.content_augment import (
    AugmentSettings,
    augment,
    change_tempo,
    draw_tempo,
)
from gptsovits_ros.training.content_data import ContentBatch, ContentClips
from gptsovits_ros.training.content_losses import (
    commitment_loss,
    edit_distance,
    label_loss,
    phoneme_loss,
    read_phonemes,
    regression_loss,
)
from gptsovits_ros.training.content_tokenizer import TOKEN_STRIDE, Tokenizer, TokenizerOutput
from gptsovits_ros.training.corpus import DEV_SPEAKER, DEV_TEXT, TRAIN
from gptsovits_ros.training.ema import MovingAverage
from gptsovits_ros.training.optimizers import make_optimizer, set_rate
from gptsovits_ros.training.precision import Precision
from gptsovits_ros.training.settings import (
    BatchSettings,
    OptimizerSettings,
    RunSettings,
    plain_settings,
)
from gptsovits_ros.training.trained_model import TrainedModel

KMEANS_ROUNDS = 10
KMEANS_VECTORS_PER_ROW = 24
# Official names of what the acoustic model takes over.
PROJECTION = 'ssl_proj.'
CODEBOOK = 'quantizer.vq.layers.0._codebook.embed'
ENCODER = 'encoder.'


@dataclass(frozen=True)
class ContentSettings:
    """One run of the content trainer.

    Attributes:
        model: sizes of the content encoder.
        run: how long, how often, how exact.
        batches: how clips are put together; positions are feature frames.
        optimizer: of all but the codebook.
        augment: how clips are changed.
        codebook_size: number of semantic tokens.
        teacher_width: of the teacher's features.
        head_channels: width of what reads the tokens in training.
        quantize_from: updates before the codebook is placed and used.
        settle_from: updates after which unused rows stay where they are.
        codebook_decay: of the moving averages that the rows follow.
        frame_weight: of the distance from the teacher at 50 frames per second.
        token_weight: of the distance from the teacher, from the tokens.
        phoneme_weight: of the phonemes in their order, from the tokens.
        label_weight: of the phoneme of each frame, from the features and from the tokens; needs
            the alignment.
        commitment_weight: of the distance from the rows.
        start: file of an earlier run (best.safetensors) whose encoder and projection are taken
            over; empty: random weights.

    """

    model: ContentConfig = field(default_factory=ContentConfig)
    run: RunSettings = field(default_factory=RunSettings)
    batches: BatchSettings = field(default_factory=BatchSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    codebook_size: int = 1024
    teacher_width: int = 512
    head_channels: int = 256
    quantize_from: int = 1000
    settle_from: int = 3000
    codebook_decay: float = 0.99
    frame_weight: float = 0.5
    token_weight: float = 1.0
    phoneme_weight: float = 0.5
    label_weight: float = 0.5
    commitment_weight: float = 0.5
    start: str = ''


class ContentTrainer(TrainedModel):
    """Holds tokenizer, optimizer and average; see loop.Trainer for the methods."""

    role = CONTENT
    score = f'{DEV_TEXT}/phoneme_error'

    def __init__(
        self,
        settings: ContentSettings,
        corpus: Path,
        device: torch.device,
        report: Callable[[str], None],
    ) -> None:
        """Read the corpus and make the model; `report` is told what is left out."""
        self.plain = plain_settings(settings)
        self._settings = settings
        self._device = device
        self._clips = ContentClips(corpus, settings.model, settings.teacher_width, report)
        self._train = self._clips.of(TRAIN)
        torch.manual_seed(settings.run.seed)
        self._model = self._make_model()
        if settings.start:
            self._take_over(Path(settings.start))
        self._parameters = list(self._model.parameters())
        self._optimizer = make_optimizer([(self._parameters, 1.0)], settings.optimizer)
        self._precision = Precision(settings.run.precision, device)
        self._average = MovingAverage(self._model.state_dict(), settings.run.ema_decay)

    def step(self, batches: list[list[int]], step: int) -> dict[str, Tensor]:
        """Make one update."""
        settings = self._settings
        if step == settings.quantize_from:
            self._place_codebook()
        is_quantized = step >= settings.quantize_from
        set_rate(self._optimizer, settings.optimizer.rate(step))
        total: dict[str, Tensor] = {}
        vectors, codes = [], []
        for indices in batches:
            batch = self._changed(indices)
            output = self._run(batch, is_quantized)
            losses = self._losses(output, batch)
            self._precision.backward(losses['loss'] / len(batches), self._parameters)
            for name, value in losses.items():
                total[name] = total.get(name, 0) + value.detach() / len(batches)
            valid = _valid_tokens(batch, output)
            vectors.append(output.projected.detach()[valid])
            codes.append(output.codes[valid])
        norm = self._precision.update(self._optimizer, self._parameters, settings.run.clip_norm)
        self._precision.end_step()
        if is_quantized:
            self._model.codebook.update(
                torch.cat(vectors),
                torch.cat(codes),
                settings.codebook_decay,
                moves_dead_rows=step < settings.settle_from,
            )
        self._average.update(self._model.state_dict(), step)
        return {**total, 'gradient_norm': norm}

    @torch.inference_mode()
    def evaluate(self) -> dict[str, float]:
        """Return errors of the phonemes read from the tokens of the dev splits, and code use."""
        model = self.averaged()
        values: dict[str, float] = {}
        for split in (DEV_TEXT, DEV_SPEAKER):
            errors = wanted = 0
            used: set[int] = set()
            distance = []
            for index in self._clips.of(split)[: self._settings.run.evaluate_clips]:
                batch = self._clips.batch([index]).to(self._device)
                mel = relative_decibels(batch.power, self._settings.model.range_db)
                output = model(mel, batch.lengths, is_quantized=True)
                phonemes = batch.phonemes[0].tolist()
                found = read_phonemes(output.phonemes, batch.lengths // TOKEN_STRIDE)[0]
                errors += edit_distance(phonemes, found)
                wanted += len(phonemes)
                used.update(output.codes[_valid_tokens(batch, output)].tolist())
                distance.append(self._losses(output, batch)['token'])
            if wanted:
                values[f'{split}/phoneme_error'] = errors / wanted
                values[f'{split}/token'] = float(torch.stack(distance).mean())
                values[f'{split}/codes_used'] = float(len(used))
        return values

    def weights(self, info: str) -> WeightFile:
        """Return encoder, projection and codebook, averaged, as a file."""
        model = self.averaged()
        tensors = {f'{ENCODER}{name}': value for name, value in model.encoder.state_dict().items()}
        tensors |= {
            f'{PROJECTION}{name}': value for name, value in model.projection.state_dict().items()
        }
        tensors[CODEBOOK] = model.codebook.rows
        return WeightFile(CONTENT, KIND, {'model': self.plain['model']}, info, tensors)

    def averaged(self) -> Tokenizer:
        """Return the tokenizer with averaged weights, for use."""
        model = self._make_model()
        model.load_state_dict(self._average.tensors)
        return model.eval().requires_grad_(False)

    def _make_model(self) -> Tokenizer:
        settings = self._settings
        return Tokenizer(
            settings.model, settings.codebook_size, settings.teacher_width, settings.head_channels
        ).to(self._device)

    def _take_over(self, path: Path) -> None:
        names = {ENCODER: 'encoder.', PROJECTION: 'projection.'}
        tensors = {
            f'{ours}{name.removeprefix(official)}': value.float()
            for name, value in read_weights(path).tensors.items()
            for official, ours in names.items()
            if name.startswith(official)
        }
        try:
            self._model.load_state_dict(self._model.state_dict() | tensors)
        except RuntimeError as error:
            raise CheckpointError(f'{path} does not fit the settings: {error}') from error

    def _plan(self, epoch: int) -> list[list[int]]:
        rng = np.random.default_rng([self._settings.run.seed, epoch])
        lengths = [self._clips.frames(index) for index in self._train]
        batches = make_batches(lengths, self._settings.batches, rng)
        return [[self._train[place] for place in batch] for batch in batches]

    def _run(self, batch: ContentBatch, is_quantized: bool) -> TokenizerOutput:
        mel = relative_decibels(batch.power, self._settings.model.range_db)
        with self._precision.autocast():
            return self._model(mel, batch.lengths, is_quantized)

    def _changed(self, indices: list[int]) -> ContentBatch:
        """Return clips in another tempo, from other rooms."""
        batch = self._clips.batch(indices)
        settings, stride = self._settings.augment, self._settings.model.frame_stride
        rate = draw_tempo(settings)
        teacher = change_tempo(batch.teacher.transpose(1, 2), rate).transpose(1, 2)
        power = change_tempo(batch.power, rate, stride)
        # The nearest label, as there is nothing between two of them.
        labels = batch.labels[:, None].float()
        labels = F.interpolate(labels, size=teacher.shape[1], mode='nearest-exact')[:, 0].long()
        lengths = (batch.lengths * teacher.shape[1]) // batch.teacher.shape[1]
        power = augment(power, lengths * stride, settings)
        changed = replace(batch, power=power, teacher=teacher, labels=labels, lengths=lengths)
        return changed.to(self._device)

    def _losses(self, output: TokenizerOutput, batch: ContentBatch) -> dict[str, Tensor]:
        settings, tokens = self._settings, batch.lengths // TOKEN_STRIDE
        frame = regression_loss(output.frames.float(), batch.teacher, batch.lengths)
        count = output.tokens.shape[1]
        means = batch.teacher[:, : count * TOKEN_STRIDE].unflatten(1, (count, -1)).mean(2)
        token = regression_loss(output.tokens.float(), means, tokens)
        phoneme = phoneme_loss(output.phonemes, tokens, batch.phonemes, batch.phoneme_lengths)
        labels = batch.labels[:, : count * TOKEN_STRIDE]
        label = (
            label_loss(output.frame_labels, batch.labels) + label_loss(output.token_labels, labels)
        ) / 2
        commitment = commitment_loss(output.projected, output.quantized, tokens)
        return {
            'loss': settings.frame_weight * frame
            + settings.token_weight * token
            + settings.phoneme_weight * phoneme
            + settings.label_weight * label
            + settings.commitment_weight * commitment,
            'frame': frame,
            'token': token,
            'phoneme': phoneme,
            'label': label,
            'commitment': commitment,
        }

    @torch.no_grad()
    def _place_codebook(self) -> None:
        """Place the rows where the content of some clips is."""
        needed = self._settings.codebook_size * KMEANS_VECTORS_PER_ROW
        vectors: list[Tensor] = []
        for indices in self._plan(0):
            batch = self._changed(indices)
            output = self._run(batch, is_quantized=False)
            vectors.append(output.projected[_valid_tokens(batch, output)])
            if sum(map(len, vectors)) >= needed:
                break
        self._model.codebook.fit(torch.cat(vectors), KMEANS_ROUNDS)
        # The average of rows that were not there yet means nothing.
        state = self._model.state_dict()
        for name, value in self._average.tensors.items():
            if name.startswith('codebook.'):
                value.copy_(state[name])


def _valid_tokens(batch: ContentBatch, output: TokenizerOutput) -> Tensor:
    """Return bool [B, S]: True for the tokens that lie within their clip."""
    places = torch.arange(output.codes.shape[1], device=output.codes.device)
    return places < (batch.lengths // TOKEN_STRIDE)[:, None]

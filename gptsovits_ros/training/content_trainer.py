"""Trains the content encoder of a voice that is made from nothing: to give tokens to any audio.

The tokens of the corpus come from its texts (content_codes.py). Whoever enrols a voice has no
aligned text, so an encoder learns to hear the same tokens, whatever the room, the microphone and
the throat, with codebook and projection fixed. It also learns what a large speech recogniser
hears, which tells it more of each frame than the number of a token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gptsovits_ros.checkpoint.content import CONTENT, content_weights
from gptsovits_ros.checkpoint.weights import WeightFile
from gptsovits_ros.encoders.content import ContentConfig, relative_decibels
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.training.batching import make_batches
from gptsovits_ros.training.content_augment import (
    AugmentSettings,
    augment,
    change_tempo,
    draw_tempo,
)
from gptsovits_ros.training.content_codes import LABELS_FILE, read_code_labels
from gptsovits_ros.training.content_data import TOKEN_STRIDE, ContentBatch, ContentClips
from gptsovits_ros.training.content_losses import (
    TokenErrors,
    regression_loss,
    spread_targets,
    token_loss,
)
from gptsovits_ros.training.content_student import (
    START_FILE,
    Student,
    StudentOutput,
    read_codebook,
)
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


@dataclass(frozen=True)
class ContentSettings:
    """One run of the content trainer.

    Attributes:
        model: sizes of the content encoder.
        run: how long, how often, how exact.
        batches: how clips are put together; positions are feature frames.
        optimizer: of the encoder.
        augment: how clips are changed.
        teacher_width: of the teacher's features.
        temperature: squared distance from a row that makes a token less likely by e.
        smoothing: share of the target that is spread over the variants of its phoneme.
        teacher_weight: of the distance from the teacher, beside that of the tokens.

    """

    model: ContentConfig = field(default_factory=ContentConfig)
    run: RunSettings = field(default_factory=RunSettings)
    batches: BatchSettings = field(default_factory=BatchSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    teacher_width: int = 512
    temperature: float = 0.2
    smoothing: float = 0.2
    teacher_weight: float = 0.5

    def __post_init__(self) -> None:
        """Raise ValueError for values that make no sense."""
        if self.temperature <= 0 or not 0 <= self.smoothing < 1:
            raise ValueError('temperature must be above 0, and smoothing in [0, 1)')


class ContentTrainer(TrainedModel):
    """Holds student, optimizer and average; see loop.Trainer for the methods."""

    role = CONTENT
    score = f'{DEV_TEXT}/token_error'

    def __init__(
        self,
        settings: ContentSettings,
        corpus: Path,
        device: torch.device,
        report: Callable[[str], None],
    ) -> None:
        """Read the corpus and make the model; `report` is told what is left out.

        Raises:
            ConfigurationError: the corpus does not fit to itself or to the settings.
            CheckpointError: its codebook cannot be read.

        """
        self.plain = plain_settings(settings)
        self._settings = settings
        self._device = device
        self._codebook = read_codebook(corpus / START_FILE).to(device)
        size, width = self._codebook.rows.shape
        if width != settings.model.width:
            raise ConfigurationError(
                f'the codebook of {corpus} is {width} wide, not {settings.model.width}'
            )
        self._labels = read_code_labels(corpus / LABELS_FILE, size).to(device)
        self._targets = spread_targets(self._labels, settings.smoothing)
        self._clips = ContentClips(corpus, settings.model, settings.teacher_width, report)
        if self._clips.largest_token >= size:
            raise ConfigurationError(
                f'{corpus} has the token {self._clips.largest_token}, but {size} codes'
            )
        self._train = self._clips.of(TRAIN)
        torch.manual_seed(settings.run.seed)
        self._model = self._make_model()
        self._parameters = list(self._model.parameters())
        self._optimizer = make_optimizer([(self._parameters, 1.0)], settings.optimizer)
        self._precision = Precision(settings.run.precision, device)
        self._average = MovingAverage(self._model.state_dict(), settings.run.ema_decay)

    def step(self, batches: list[list[int]], step: int) -> dict[str, Tensor]:
        """Make one update."""
        settings = self._settings
        set_rate(self._optimizer, settings.optimizer.rate(step))
        total: dict[str, Tensor] = {}
        for indices in batches:
            batch = self._changed(indices)
            with self._precision.autocast():
                output = self._run(self._model, batch)
            losses = self._losses(output, batch)
            self._precision.backward(losses['loss'] / len(batches), self._parameters)
            for name, value in losses.items():
                total[name] = total.get(name, 0) + value.detach() / len(batches)
        norm = self._precision.update(self._optimizer, self._parameters, settings.run.clip_norm)
        self._precision.end_step()
        self._average.update(self._model.state_dict(), step)
        return {**total, 'gradient_norm': norm}

    @torch.inference_mode()
    def evaluate(self) -> dict[str, float]:
        """Return how often tokens of the dev splits are wrong, and their phonemes."""
        model = self._make_model()
        model.load_state_dict(self._average.tensors)
        model.eval()
        values: dict[str, float] = {}
        for split in (DEV_TEXT, DEV_SPEAKER):
            errors, losses = TokenErrors(self._labels), []
            for index in self._clips.of(split)[: self._settings.run.evaluate_clips]:
                batch = self._clips.batch([index]).to(self._device)
                output = self._run(model, batch)
                errors.add(batch.tokens[0], output.logits[0].argmax(-1))
                losses.append(self._losses(output, batch))
            if losses:
                values |= {f'{split}/{name}': value for name, value in errors.rates().items()}
                for name in ('token', 'teacher'):
                    mean = torch.stack([loss[name] for loss in losses]).mean()
                    values[f'{split}/{name}'] = float(mean)
        return values

    def weights(self, info: str) -> WeightFile:
        """Return the averaged encoder as a file."""
        prefix = 'encoder.'
        tensors = {
            name.removeprefix(prefix): value
            for name, value in self._average.tensors.items()
            if name.startswith(prefix)
        }
        return content_weights(self._settings.model, tensors, info)

    def load(self, state: dict) -> None:
        """Take back what `state` gave.

        Raises:
            ConfigurationError: the run was started with another codebook.

        """
        for name, value in self._codebook.state_dict(prefix='codebook.').items():
            saved = state['model'].get(name)
            if saved is None or not torch.equal(saved.to(value), value):
                raise ConfigurationError(
                    'the codebook of the corpus is not that which this run was started with; '
                    'choose another folder for the run'
                )
        super().load(state)

    def _make_model(self) -> Student:
        settings = self._settings
        return Student(
            settings.model, self._codebook, settings.teacher_width, settings.temperature
        ).to(self._device)

    def _plan(self, epoch: int) -> list[list[int]]:
        rng = np.random.default_rng([self._settings.run.seed, epoch])
        lengths = [self._clips.frames(index) for index in self._train]
        batches = make_batches(lengths, self._settings.batches, rng)
        return [[self._train[place] for place in batch] for batch in batches]

    def _run(self, model: Student, batch: ContentBatch) -> StudentOutput:
        mel = relative_decibels(batch.power, self._settings.model.range_db)
        return model(mel, batch.lengths)

    def _changed(self, indices: list[int]) -> ContentBatch:
        """Return clips in another tempo, from other rooms."""
        batch = self._clips.batch(indices)
        settings, stride = self._settings.augment, self._settings.model.frame_stride
        rate = draw_tempo(settings)
        teacher = change_tempo(batch.teacher.transpose(1, 2), rate, TOKEN_STRIDE).transpose(1, 2)
        power = change_tempo(batch.power, rate, TOKEN_STRIDE * stride)
        # The nearest token, as there is nothing between two of them.
        tokens = F.interpolate(
            batch.tokens[:, None].float(),
            size=teacher.shape[1] // TOKEN_STRIDE,
            mode='nearest-exact',
        )
        changed = ContentBatch(power, teacher, tokens[:, 0].long())
        power = augment(power, changed.lengths * stride, settings)
        return ContentBatch(power, teacher, changed.tokens).to(self._device)

    def _losses(self, output: StudentOutput, batch: ContentBatch) -> dict[str, Tensor]:
        token = token_loss(output.logits, batch.tokens, self._targets)
        teacher = regression_loss(output.teacher.float(), batch.teacher, batch.lengths)
        loss = token + self._settings.teacher_weight * teacher
        return {'loss': loss, 'token': token, 'teacher': teacher}

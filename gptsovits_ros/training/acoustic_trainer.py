"""Trains SoVITS: a generator against discriminators (gptsovits-spec section 10.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gptsovits_ros.acoustic.sovits import Sovits, slices
from gptsovits_ros.audio.spectrogram import MelConfig
from gptsovits_ros.checkpoint.save import acoustic_weights
from gptsovits_ros.checkpoint.training import (
    load_acoustic_start,
    load_discriminators,
    load_tokenizer,
)
from gptsovits_ros.checkpoint.weight_norm import (
    acoustic_has_weight_norm,
    apply_weight_norm,
    every_weight,
    load_pairs,
    plain_state,
)
from gptsovits_ros.checkpoint.weights import ACOUSTIC, WeightFile
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.training.acoustic_batch import AcousticBatch, AcousticCollator, AcousticExample
from gptsovits_ros.training.acoustic_losses import (
    adversarial_losses,
    divergence_loss,
    feature_loss,
    judged_losses,
    mel_loss,
    stft_loss,
)
from gptsovits_ros.training.acoustic_parts import (
    autoencode,
    averaged_acoustic,
    decode_alone,
    forget_style,
    is_moved,
    reconstruct,
    take_over,
)
from gptsovits_ros.training.batching import make_batches
from gptsovits_ros.training.content_codes import LABELS_FILE, read_code_labels
from gptsovits_ros.training.corpus import (
    DEV_TEXT,
    AudioCache,
    Speakers,
    Utterance,
    read_corpus,
    split_utterances,
)
from gptsovits_ros.training.discriminators import Discriminators
from gptsovits_ros.training.drawn_variants import DrawnVariants
from gptsovits_ros.training.ema import MovingAverage
from gptsovits_ros.training.optimizers import make_optimizer, set_rate
from gptsovits_ros.training.precision import Precision
from gptsovits_ros.training.prior_latents import PriorLatents
from gptsovits_ros.training.settings import (
    ALL_PARTS,
    AUTOENCODER,
    AcousticSettings,
    plain_settings,
)
from gptsovits_ros.training.speaker_embeddings import load_speaker_embeddings
from gptsovits_ros.training.state import run_state
from gptsovits_ros.training.trained_model import TrainedModel
from gptsovits_ros.training.variants import Variants

# What `text_rate` slows down, as official fine-tuning does.
TEXT_SIDE = ('prior.text_embedding.', 'prior.text_encoder.', 'prior.mrte.')
# Learned elsewhere, and never moved here.
TOKENIZER = ('quantizer.', 'ssl_projection.')


class AcousticTrainer(TrainedModel):
    """Holds models, optimizers and average; see loop.Trainer for the methods."""

    role = ACOUSTIC
    score = f'{DEV_TEXT}/mel'

    def __init__(
        self,
        settings: AcousticSettings,
        corpus: Path,
        device: torch.device,
        report: Callable[[str], None],
    ) -> None:
        """Read the corpus and make the models; `report` is told what is left out."""
        self.plain = plain_settings(settings)
        self._settings = settings
        self._device = device
        config = settings.model
        self._audio = AudioCache(corpus, config.sample_rate)
        usable = self._usable(read_corpus(corpus, config.codebook_size, report), report)
        self._train, self._dev = split_utterances(usable, corpus)
        self._speakers = Speakers(self._train, self._serves_as_reference)
        self._embeddings = load_speaker_embeddings(settings.speaker, config, self._audio, device)
        self._collator = self._make_collator(self._train)
        if device.type == 'cuda':
            self._audio.preload([item.name for item in usable])
        self._mel = MelConfig(config.spectrogram, settings.mel_bands, 0.0, config.sample_rate / 2)
        torch.manual_seed(settings.run.seed)
        self._model = make_generator(settings, corpus).to(device).train()
        self._judges = make_discriminators(settings).to(device).train()
        self._generator_parameters = [p for p in self._model.parameters() if p.requires_grad]
        self._judge_parameters = list(self._judges.parameters())
        self._optimizer = make_optimizer(_groups(self._model, settings), settings.optimizer)
        self._judge_optimizer = make_optimizer([(self._judge_parameters, 1.0)], settings.optimizer)
        self._variants, self._drawn = self._make_variants(corpus)
        self._prior = PriorLatents(settings, device) if settings.prior_run else None
        self._precision = Precision(settings.run.precision, device)
        # bfloat16 keeps 8 bits of a sample, which the mel loss would take for noise.
        self._precision.keep_float32(self._model.decoder.conv_post)
        self._average = MovingAverage(plain_state(self._model), settings.run.ema_decay)

    def step(self, batches: list[list[AcousticExample]], step: int) -> dict[str, Tensor]:
        """Make one update of the generator and, after the warm-up, of the discriminators.

        Both learn from the same forward pass, so the generator faces the discriminators as they
        were before their update. That saves a pass, and lets gradients of batches be added up.
        """
        settings = self._settings
        rate = settings.optimizer.rate(step)
        set_rate(self._optimizer, rate)
        set_rate(self._judge_optimizer, rate)
        sums: dict[str, Tensor] = {}
        for examples in batches:
            batch = self._collator.batch(examples)
            batch = self._with_other_tokens(batch)
            for name, value in self._learn(batch, step, len(batches)).items():
                sums[name] = sums.get(name, 0) + value.detach() / len(batches)
        clip = settings.run.clip_norm
        sums['gradient_norm'] = self._precision.update(
            self._optimizer, self._generator_parameters, clip
        )
        if 'judges' in sums:
            sums['judges_gradient_norm'] = self._precision.update(
                self._judge_optimizer, self._judge_parameters, clip
            )
        self._precision.end_step()
        self._average.update(plain_state(self._model), step)
        return sums

    @torch.inference_mode()
    def evaluate(self) -> dict[str, float]:
        """Return the mel distance of dev clips, spoken in the style of another clip."""
        model = self._averaged(with_posterior=self._settings.parts == AUTOENCODER)
        values = {}
        for split, utterances in self._dev.items():
            distances = self._mel_distances(model, utterances)
            if distances:
                values[f'{split}/mel'] = sum(distances) / len(distances)
        return values

    def weights(self, info: str) -> WeightFile:
        """Return the averaged weights as a file."""
        return acoustic_weights(self._averaged(), info)

    def state(self) -> dict[str, Any]:
        """Return all that changes from step to step."""
        return super().state() | {
            'judges': self._judges.state_dict(),
            'judge_optimizer': self._judge_optimizer.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take it back."""
        super().load(state)
        self._judges.load_state_dict(state['judges'])
        self._judge_optimizer.load_state_dict(state['judge_optimizer'])

    def _learn(self, batch: AcousticBatch, step: int, parts: int) -> dict[str, Tensor]:
        """Add one batch's share of the gradients; return its losses."""
        settings = self._settings
        frames, hop = settings.slice_frames, settings.model.samples_per_frame
        real = slices(batch.waves, batch.starts * hop, frames * hop)
        with self._precision.autocast():
            wave, divergence = self._forward(batch, step)
        losses = {'kl': divergence}
        if wave is None:
            self._precision.backward(divergence / parts, self._generator_parameters)
            return losses
        magnitude = slices(batch.spectrogram, batch.starts, frames)
        losses['mel'] = mel_loss(wave, magnitude, self._mel)
        total = settings.mel_weight * losses['mel'] + settings.kl_weight * divergence
        if settings.stft_weight:
            losses['stft'] = stft_loss(wave, real)
            total = total + settings.stft_weight * losses['stft']
        if step >= settings.warmup_steps:
            judged_rows = settings.judged_clips or len(real)
            with self._precision.autocast():
                real_maps = self._judges(real[:judged_rows])
                fake_maps = self._judges(wave[:judged_rows])
            judged = sum(sum(part) for part in judged_losses(real_maps, fake_maps))
            self._precision.backward(judged / parts, self._judge_parameters, retain_graph=True)
            losses['judges'] = judged
            losses['adversarial'] = sum(adversarial_losses(fake_maps))
            losses['features'] = feature_loss(real_maps, fake_maps)
            total = total + losses['adversarial'] + settings.feature_weight * losses['features']
        self._precision.backward(total / parts, self._generator_parameters)
        return losses

    def _forward(self, batch: AcousticBatch, step: int) -> tuple[Tensor | None, Tensor]:
        """Return the waves of the slices, and the divergence that is to be small."""
        settings = self._settings
        if settings.parts == AUTOENCODER:
            is_fixed = step >= settings.posterior_until
            if self._prior and is_fixed:
                latent = self._prior.of_slices(batch, settings.slice_frames)
                return decode_alone(self._model, latent), latent.new_zeros(())
            return autoencode(self._model, batch, settings, is_fixed)
        style = self._model.style(batch.reference, batch.speaker, batch.reference_mask)
        rows, _, frames = batch.mask.shape
        noise = torch.randn(rows, settings.model.inter_channels, frames, device=self._device)
        output = self._model.training_forward(
            batch.tokens,
            batch.phonemes,
            batch.spectrogram,
            style,
            batch.mask,
            batch.text_mask,
            noise,
            batch.starts,
            settings.slice_frames,
            decodes=settings.parts == ALL_PARTS,
        )
        return output.wave, divergence_loss(output, batch.mask)

    def _mel_distances(self, model: Sovits, utterances: list[Utterance]) -> list[float]:
        rng = np.random.default_rng(self._settings.run.seed)
        speakers = Speakers(utterances, self._serves_as_reference)
        collator = self._make_collator(utterances)
        distances = []
        for index in range(min(len(utterances), self._settings.run.evaluate_clips)):
            reference = speakers.another(index, rng)
            batch = collator.batch([AcousticExample(index, reference, 0.0, 0.0)])
            if self._prior:
                wave = decode_alone(model, self._prior.whole(batch))
            elif self._settings.parts == AUTOENCODER:
                wave = reconstruct(model, batch)
            else:
                style = model.style(batch.reference, batch.speaker, batch.reference_mask)
                wave = model.decode(batch.tokens, batch.phonemes, style)
            distances.append(float(mel_loss(wave, batch.spectrogram, self._mel)))
        return distances

    def _averaged(self, with_posterior: bool = False) -> Sovits:
        return averaged_acoustic(
            self._settings, self._average.tensors, self._device, with_posterior
        )

    def _make_variants(self, corpus: Path) -> tuple[Variants | None, DrawnVariants | None]:
        settings = self._settings
        if not settings.variant_share and not settings.gpt_run:
            return None, None
        labels = read_code_labels(corpus / LABELS_FILE, settings.model.codebook_size)
        variants = drawn = None
        if settings.variant_share:
            clips = [item.tokens for item in self._train]
            variants = Variants(labels, clips, settings.variant_share, self._device)
        if settings.gpt_run:
            drawn = DrawnVariants(
                Path(settings.gpt_run),
                labels,
                settings.drawn_share,
                settings.model.token_stride,
                self._device,
            )
        return variants, drawn

    def _with_other_tokens(self, batch: AcousticBatch) -> AcousticBatch:
        """Put tokens that say the same in the place of some."""
        tokens = batch.tokens
        if self._variants:
            tokens = self._variants.replaced(tokens)
        if self._drawn:
            tokens = self._drawn.replaced(batch, tokens)
        return replace(batch, tokens=tokens)

    def _make_collator(self, utterances: list[Utterance]) -> AcousticCollator:
        config = self._settings.model
        frame_rate = config.sample_rate / config.samples_per_frame
        return AcousticCollator(
            utterances,
            self._audio,
            config,
            self._settings.slice_frames,
            int(self._settings.reference_seconds * frame_rate),
            self._device,
            self._embeddings,
        )

    def _usable(
        self, utterances: list[Utterance], report: Callable[[str], None]
    ) -> list[Utterance]:
        """Leave out what is too short or too long, or has no audio."""
        settings = self._settings
        shortest = settings.slice_frames * settings.model.samples_per_frame
        shortest_s = max(settings.min_seconds, shortest / settings.model.sample_rate + 0.05)
        usable = [
            item for item in utterances if shortest_s <= item.seconds <= settings.max_seconds
        ]
        if len(usable) < len(utterances):
            count = len(utterances) - len(usable)
            report(f'{count} of {len(utterances)} utterances are too short or too long')
        for item in usable:
            if self._audio.path(item.name) is None:
                report(f'"{item.name}" is left out: it has no audio file')
        return [item for item in usable if self._audio.path(item.name) is not None]

    def _plan(self, epoch: int) -> list[list[AcousticExample]]:
        """Draw references and slices of an epoch, and batches of similar length."""
        rng = np.random.default_rng([self._settings.run.seed, epoch])
        lengths = [len(item.tokens) * self._settings.model.token_stride for item in self._train]
        return [
            [
                AcousticExample(
                    index, self._draw_reference(index, rng), rng.random(), rng.random()
                )
                for index in batch
            ]
            for batch in make_batches(lengths, self._settings.batches, rng)
        ]

    def _draw_reference(self, index: int, rng: np.random.Generator) -> int | None:
        if rng.random() >= self._settings.other_reference:
            return None
        return self._speakers.another(index, rng)

    def _serves_as_reference(self, utterance: Utterance) -> bool:
        return utterance.seconds >= self._settings.min_seconds


def make_generator(settings: AcousticSettings, corpus: Path) -> Sovits:
    """Return the model to train: with weight norm, and the tokenizer without gradients."""
    pairs: dict[str, Tensor] = {}
    if settings.start:
        model, pairs = load_acoustic_start(Path(settings.start))
        if model.config != settings.model:
            raise ConfigurationError(
                f'{settings.start} has other sizes than the settings: {model.config}'
            )
    else:
        model = Sovits(settings.model, with_posterior=True)
    if settings.tokenizer:
        load_tokenizer(model, corpus / settings.tokenizer)
    elif not settings.start:
        raise ConfigurationError(
            'the setting "tokenizer" must name the file with the codebook that made the tokens'
        )
    for name, parameter in model.named_parameters():
        is_learned = is_moved(name, settings.parts) and not name.startswith(TOKENIZER)
        parameter.requires_grad_(is_learned)
    apply_weight_norm(model, acoustic_has_weight_norm)
    load_pairs(model, pairs)
    if settings.start_run:
        state = run_state(Path(settings.start_run), ACOUSTIC)
        take_over(model, state['trainer']['model'], settings.start_run)
    elif settings.parts == AUTOENCODER:
        forget_style(model)
    return model


def make_discriminators(settings: AcousticSettings) -> Discriminators:
    """Return the discriminators, with weight norm."""
    model = Discriminators(settings.discriminators)
    apply_weight_norm(model, every_weight)
    if settings.start_discriminators:
        load_discriminators(model, Path(settings.start_discriminators))
    return model


def _groups(model: Sovits, settings: AcousticSettings) -> list[tuple[list[nn.Parameter], float]]:
    """Return the parameters of the phoneme side, and all others, with their relative rates."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    return [
        ([p for name, p in named if name.startswith(TEXT_SIDE)], settings.text_rate),
        ([p for name, p in named if not name.startswith(TEXT_SIDE)], 1.0),
    ]

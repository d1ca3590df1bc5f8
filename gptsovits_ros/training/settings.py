"""What a training run is told: frozen dataclasses read from YAML; unknown keys are refused."""

from __future__ import annotations

import dataclasses
import math
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from gptsovits_ros.acoustic.config import SovitsConfig
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.semantic.config import SemanticConfig

MAX_SETTINGS_BYTES = 1 << 20
PRECISIONS = ('float32', 'bfloat16', 'float16')
DECAYS = ('constant', 'exponential', 'cosine')
OPTIMIZERS = ('adamw', 'scaled_adam')
ALL_PARTS, AUTOENCODER, PRIOR = 'all', 'autoencoder', 'prior'
PARTS = (ALL_PARTS, AUTOENCODER, PRIOR)

Settings = TypeVar('Settings')


@dataclass(frozen=True)
class RunSettings:
    """How a run goes, whatever it trains.

    Attributes:
        seed: of all randomness; equal seeds give equal weights on one machine.
        steps: updates after which the run is complete.
        accumulate: batches whose gradients are added up for one update.
        precision: "float32", or "bfloat16" or "float16" (CUDA only) for mixed precision.
        ema_decay: of the moving average of the weights, which is what is evaluated and exported.
        clip_norm: largest norm of the gradient; 0 leaves it as it is.
        save_every_s: seconds between two saves of the state.
        log_every: updates between two lines of the log.
        evaluate_every: updates between two evaluations; 0: none.
        evaluate_clips: utterances of each dev split that are evaluated.

    """

    seed: int = 1234
    steps: int = 100_000
    accumulate: int = 1
    precision: str = 'float32'
    ema_decay: float = 0.999
    clip_norm: float = 0.0
    save_every_s: float = 300.0
    log_every: int = 20
    evaluate_every: int = 1000
    evaluate_clips: int = 32

    def __post_init__(self) -> None:
        """Raise ValueError for values that make no sense."""
        _positive(self, 'steps', 'accumulate', 'log_every', 'evaluate_clips')
        _choice('precision', self.precision, PRECISIONS)
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f'ema_decay {self.ema_decay} is not in [0, 1)')


@dataclass(frozen=True)
class BatchSettings:
    """How utterances are put together.

    Attributes:
        batch_size: most utterances in a batch.
        max_positions: about how many positions a batch has at most, padding included: tokens and
            phonemes for the GPT, frames for SoVITS; 0: no limit.
        pool_batches: a pool of this many batches is sorted by length before it is cut; more is
            less padding and less chance.

    """

    batch_size: int = 16
    max_positions: int = 0
    pool_batches: int = 32

    def __post_init__(self) -> None:
        """Raise ValueError for values that make no sense."""
        _positive(self, 'batch_size', 'pool_batches')


@dataclass(frozen=True)
class OptimizerSettings:
    """How weights follow gradients.

    Attributes:
        name: "adamw", or "scaled_adam" (what the official GPT was trained by).
        learning_rate: at the start, after the ramp.
        ramp_steps: updates over which the rate rises from 0.
        decay: "constant"; "exponential": times decay_factor every decay_steps; or "cosine": down
            to decay_factor times the start at decay_steps, and constant from there.
        decay_steps: see decay.
        decay_factor: see decay.
        betas: decay of the two moving averages.
        eps: keeps the division finite.
        weight_decay: of AdamW.

    """

    name: str = 'adamw'
    learning_rate: float = 1e-4
    ramp_steps: int = 0
    decay: str = 'constant'
    decay_steps: int = 1000
    decay_factor: float = 0.999
    betas: tuple[float, ...] = (0.8, 0.99)
    eps: float = 1e-9
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        """Raise ValueError for values that make no sense."""
        _choice('name', self.name, OPTIMIZERS)
        _choice('decay', self.decay, DECAYS)
        _positive(self, 'learning_rate', 'decay_steps')
        if len(self.betas) != 2:
            raise ValueError(f'betas are two numbers, not {self.betas}')

    def rate(self, step: int) -> float:
        """Return the learning rate of an update, counted from 0."""
        ramp = min(1.0, (step + 1) / self.ramp_steps) if self.ramp_steps else 1.0
        return self.learning_rate * ramp * self._decayed(step / self.decay_steps)

    def _decayed(self, done: float) -> float:
        if self.decay == 'exponential':
            return self.decay_factor**done
        if self.decay == 'cosine':
            fall = (1 + math.cos(math.pi * min(1.0, done))) / 2
            return self.decay_factor + (1 - self.decay_factor) * fall
        return 1.0


@dataclass(frozen=True)
class DiscriminatorSettings:
    """Size of the discriminators; the defaults are the official ones (gptsovits-spec section 2.3).

    Attributes:
        periods: one discriminator for each.
        scale: also the one that sees the wave as it is.
        width_divisor: divides every width (and the groups).

    """

    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    scale: bool = True
    width_divisor: int = 1

    def __post_init__(self) -> None:
        """Raise ValueError for values that make no sense."""
        if self.width_divisor not in (1, 2, 4, 8, 16):
            raise ValueError(f'width_divisor {self.width_divisor} is not 1, 2, 4, 8 or 16')
        if not self.periods and not self.scale:
            raise ValueError('there must be at least one discriminator')


@dataclass(frozen=True)
class AcousticSettings:
    """One run of the SoVITS trainer.

    Attributes:
        model: sizes of the model.
        run: how long, how often, how exact.
        batches: how utterances are put together.
        optimizer: of the generator and of the discriminators.
        parts: what is learned: "all"; "autoencoder", the posterior and the decoder alone, on
            slices, without a style; or "prior", what foretells the latent of a posterior that
            stays as it is (that of `start_run`).
        posterior_until: with "autoencoder", updates after which the posterior stays as it is.
        discriminators: their size.
        slice_frames: frames of each utterance that are turned into a wave.
        min_seconds: shorter utterances are left out.
        max_seconds: longer ones too.
        other_reference: how often the style comes from another clip of the speaker instead of the
            utterance itself; above 0, unseen voices are cloned better.
        reference_seconds: most of a reference that is heard.
        mel_bands: of the mel loss.
        mel_weight: of the mel loss.
        kl_weight: of the divergence between posterior and prior.
        feature_weight: of the feature matching loss.
        judged_clips: the discriminators hear so many slices of each batch; 0: all. They cost as
            much as the rest of a small model, and learn faster than it.
        warmup_steps: updates without discriminators.
        stft_weight: of the multi-resolution STFT loss, which keeps harmonics apart; official: 0.
        text_rate: learning rate of the phoneme side, relative to the rest (official fine-tuning:
            0.4).
        tokenizer: safetensors file with the codebook and the projection before it, as seen from
            the folder of the corpus; empty: those of `start`.
        speaker: file of the speaker encoder, which v2Pro and v2ProPlus learn with; else empty.
        start: checkpoint to go on from; empty: random weights.
        start_discriminators: checkpoint of the discriminators; empty: random weights.
        start_run: folder of another run of the same sizes, whose generator is taken over as it is,
            posterior included; empty: none.
        variant_share: how many of the tokens are replaced by others of the same phoneme, on
            average, 0 to 0.5; needs the codes.tsv of an aligned corpus.
        gpt_run: folder of the run of a GPT that draws tokens in place of others of the same
            phoneme (drawn_variants.py); needs codes.tsv, too; empty: none.
        drawn_share: in how many of the clips it does.
        prior_run: with "autoencoder", folder of the run of a prior; once the posterior stays as it
            is, the decoder learns from what this prior foretells, as in use; empty: from what the
            posterior hears.
        prior_scale: how much of the noise of that prior is used.

    """

    model: SovitsConfig = field(default_factory=SovitsConfig)
    run: RunSettings = field(default_factory=RunSettings)
    batches: BatchSettings = field(default_factory=BatchSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    parts: str = ALL_PARTS
    posterior_until: int = 1_000_000
    discriminators: DiscriminatorSettings = field(default_factory=DiscriminatorSettings)
    slice_frames: int = 32
    min_seconds: float = 0.7
    max_seconds: float = 20.0
    other_reference: float = 0.0
    reference_seconds: float = 10.0
    mel_bands: int = 128
    mel_weight: float = 45.0
    kl_weight: float = 1.0
    feature_weight: float = 2.0
    judged_clips: int = 0
    warmup_steps: int = 0
    stft_weight: float = 0.0
    text_rate: float = 1.0
    tokenizer: str = ''
    speaker: str = ''
    start: str = ''
    start_discriminators: str = ''
    start_run: str = ''
    variant_share: float = 0.0
    gpt_run: str = ''
    drawn_share: float = 0.5
    prior_run: str = ''
    prior_scale: float = 0.3

    def __post_init__(self) -> None:
        """Raise ValueError for values that make no sense."""
        _positive(self, 'slice_frames', 'mel_bands', 'max_seconds', 'reference_seconds')
        _share('other_reference', self.other_reference)
        _share('variant_share', self.variant_share, 0.5)
        _share('drawn_share', self.drawn_share)
        _choice('parts', self.parts, PARTS)
        if self.prior_run and self.parts != AUTOENCODER:
            raise ValueError(f'prior_run is for the parts "{AUTOENCODER}", not for "{self.parts}"')


@dataclass(frozen=True)
class SemanticSettings:
    """One run of the GPT trainer.

    Attributes:
        model: sizes of the model.
        run: how long, how often, how exact.
        batches: how utterances are put together.
        optimizer: of the model.
        dropout: of embeddings and layers.
        prompt_probability: how often an utterance of the same speaker is put before the target.
        prompt_max_tokens: longer utterances do not serve as prompts.
        splice_probability: how often an utterance goes on as pieces of others (splicing.py); needs
            codes.tsv in the corpus.
        variant_share: how many of the tokens that it goes on from are replaced by others of the
            same phoneme, on average, 0 to 0.5; needs codes.tsv in the corpus, too.
        loss_on_prompt: also learn to predict the prompt.
        max_tokens: longer utterances are left out.
        min_phonemes_per_s: utterances with fewer are left out, as their text cannot be right.
        max_phonemes_per_s: those with more too.
        start: checkpoint to go on from; empty: random weights.

    """

    model: SemanticConfig = field(default_factory=SemanticConfig)
    run: RunSettings = field(default_factory=RunSettings)
    batches: BatchSettings = field(default_factory=BatchSettings)
    optimizer: OptimizerSettings = field(
        default_factory=lambda: OptimizerSettings(
            'scaled_adam', 0.002, betas=(0.9, 0.95), eps=1e-8
        )
    )
    dropout: float = 0.1
    prompt_probability: float = 0.5
    prompt_max_tokens: int = 250
    splice_probability: float = 0.0
    variant_share: float = 0.0
    loss_on_prompt: bool = False
    max_tokens: int = 1350
    min_phonemes_per_s: float = 3.0
    max_phonemes_per_s: float = 25.0
    start: str = ''

    def __post_init__(self) -> None:
        """Raise ValueError for values that make no sense."""
        _share('prompt_probability', self.prompt_probability)
        _share('splice_probability', self.splice_probability)
        _share('variant_share', self.variant_share, 0.5)
        if not 0 <= self.dropout < 1:
            raise ValueError(f'dropout {self.dropout} is not in [0, 1)')


def read_settings(path: Path, cls: type[Settings]) -> Settings:
    """Read a YAML file of settings.

    Raises:
        ConfigurationError: the file cannot be read, a key is unknown, or a value does not fit.

    """
    try:
        if path.stat().st_size > MAX_SETTINGS_BYTES:
            raise ConfigurationError(f'{path} is too large for a file of settings')
        tree = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f'cannot read the settings {path}: {error}') from error
    return build_settings(cls, {} if tree is None else tree, path.name)


def build_settings(cls: type[Settings], tree: Any, where: str) -> Settings:
    """Make a dataclass of a tree of plain values; `where` names it in messages.

    Raises:
        ConfigurationError: a key is unknown, or a value does not fit.

    """
    if not isinstance(tree, dict):
        raise ConfigurationError(f'{where}: a table of settings is needed, not {tree!r}')
    types = typing.get_type_hints(cls)
    unknown = [key for key in tree if key not in types]
    if unknown:
        raise ConfigurationError(
            f'{where}: unknown setting "{unknown[0]}"; known are {", ".join(sorted(types))}'
        )
    try:
        return cls(**{key: _value(types[key], tree[key], f'{where}: {key}') for key in tree})
    except ValueError as error:
        raise ConfigurationError(f'{where}: {error}') from error


def plain_settings(settings: Any) -> dict[str, Any]:
    """Return settings as a tree of plain values, for files; `build_settings` undoes it."""
    return _lists(dataclasses.asdict(settings))


def _value(wanted: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(wanted):
        return build_settings(wanted, value, where)
    if typing.get_origin(wanted) is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigurationError(f'{where} must be a list, not {value!r}')
        return tuple(_value(typing.get_args(wanted)[0], item, where) for item in value)
    # YAML 1.1 reads 1e-4 as text.
    if wanted is float and isinstance(value, int | str) and not isinstance(value, bool):
        try:
            value = float(value)
        except ValueError as error:
            raise ConfigurationError(f'{where} must be a number, not {value!r}') from error
    if type(value) is not wanted:
        raise ConfigurationError(f'{where} must be of type {wanted.__name__}, not {value!r}')
    if wanted is float and not math.isfinite(value):
        raise ConfigurationError(f'{where} must be a finite number, not {value!r}')
    return value


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, tuple) else value


def _positive(settings: Any, *names: str) -> None:
    for name in names:
        if not getattr(settings, name) > 0:
            raise ValueError(f'{name} is {getattr(settings, name)}; it must be above 0')


def _choice(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f'{name} is "{value}"; known are {", ".join(known)}')


def _share(name: str, value: float, most: float = 1) -> None:
    if not 0 <= value <= most:
        raise ValueError(f'{name} is {value}; the range is 0 to {most}')

"""The semantic tokens of a corpus whose text is known: which phoneme is spoken, and how.

Every token is 40 ms of one phoneme, found by aligning the clip with its text, and one of a few
variants of this phoneme, found by k-means on how high it is spoken and what a recogniser hears
there. So a token never contradicts the text, which makes little speech enough to learn to foretell
it, and the melody is the GPT's to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.text.symbols import is_known, symbol_ids, symbol_table
from gptsovits_ros.training.content_align import Aligner, align, pair_scores
from gptsovits_ros.training.content_data import FRAMES_PER_S, TOKEN_STRIDE, HeardClips
from gptsovits_ros.training.content_losses import BLANK
from gptsovits_ros.training.content_pitch import ClipPitch, TokenPitch
from gptsovits_ros.training.prepare import read_lists, write_lines

LABELS_FILE = 'codes.tsv'
# The label of a code that nothing gets.
UNUSED = -1
TOKENS_PER_S = FRAMES_PER_S // TOKEN_STRIDE
# The first columns of a row tell the phoneme, the last the pitch, those between what is heard.
PHONEME_COLUMNS = 64
PITCH_COLUMNS = 8
# The heights which these columns stand for [deviations of the pitch].
PITCH_STEPS = torch.linspace(-2.1, 2.1, PITCH_COLUMNS)
ROUNDS = 20
# How the rows are shared among the phonemes: by the power of how often each is spoken.
SHARE_POWER = 0.7
# A variant stands for at least so many tokens of the corpus.
LEAST_TOKENS = 24
MOST_SILENCES = 8
# Shares of the place within the phoneme and of the pitch in what tells variants apart, against
# what is heard.
PLACE_SHARE = 0.3
PITCH_SHARE = 2.0
# Of its tokens, in a phoneme whose pitch counts.
VOICED_SHARE = 0.5
# The features have variance 1; about half of it is left within a phoneme.
VARIANCE_WITHIN = 0.5
# Rows that no phoneme needs lie so far away that nothing is ever nearest to them.
FAR = 100.0


@dataclass(frozen=True)
class AlignedTokens:
    """The tokens of one clip before they have numbers.

    Attributes:
        labels: int64 [S], the phoneme of each token, BLANK for silence.
        places: float32 [S], where in its phoneme a token is, 0 to 1.
        heard: float32 [S, teacher], what the recogniser hears, without the speaker.
        pitch: of each token.

    """

    labels: np.ndarray
    places: np.ndarray
    heard: Tensor
    pitch: TokenPitch


@dataclass(frozen=True)
class Codes:
    """Numbers for tokens.

    Attributes:
        rows: float32 [codes, width], the codebook of the acoustic model.
        labels: int64 [codes], the phoneme of each code, or UNUSED.
        basis: float32 [teacher, D], the directions in which what is heard varies most.
        mean: float32 [teacher], of what is heard.
        centres: float32 [codes, D + 2], each variant in these directions, its place within the
            phoneme, and its pitch.
        phonemes: float32 [symbols, PHONEME_COLUMNS], the first columns of the rows of a phoneme.
        has_pitch: float32 [symbols], 1 where the pitch of a phoneme counts, else 0.

    """

    rows: Tensor
    labels: Tensor
    basis: Tensor
    mean: Tensor
    centres: Tensor
    phonemes: Tensor
    has_pitch: Tensor

    def of(self, tokens: AlignedTokens) -> np.ndarray:
        """Return the numbers of the tokens of a clip, int64 [S].

        Raises:
            ConfigurationError: it has a phoneme that no code stands for.

        """
        described = _described(tokens, self.basis, self.mean, self.has_pitch)
        distance = torch.cdist(described, self.centres)
        labels = torch.from_numpy(tokens.labels)
        is_other = labels[:, None] != self.labels[None]
        if (missing := is_other.all(1)).any():
            symbol = symbol_table('v2')[int(labels[missing][0])]
            raise ConfigurationError(f'no code stands for the phoneme {symbol}')
        return distance.masked_fill(is_other, torch.inf).argmin(1).numpy()


def align_tokens(clips: HeardClips, pitch: ClipPitch, model: Aligner, index: int) -> AlignedTokens:
    """Return the tokens of one clip; each phoneme has at least one."""
    batch = clips.batch([index])
    scores = pair_scores(model(batch.teacher)[0].log_softmax(-1))
    runs = align(scores.double().numpy(), batch.phonemes[0].tolist(), TOKENS_PER_S)
    labels = np.concatenate([np.full(count, symbol) for symbol, count in runs])
    places = np.concatenate([(np.arange(count) + 0.5) / count for _, count in runs])
    frames = batch.teacher[0, : TOKEN_STRIDE * len(labels)]
    heard = frames.unflatten(0, (len(labels), TOKEN_STRIDE)).mean(1)
    return AlignedTokens(labels, places.astype(np.float32), heard, pitch.of(index, len(labels)))


def make_codes(
    tokens: Sequence[AlignedTokens],
    train: Sequence[int],
    size: int,
    width: int,
    report: Callable[[str], None],
    earlier: Codes | None = None,
) -> Codes:
    """Place the codebook by the training split.

    Args:
        tokens: of each clip.
        train: numbers of the clips of the training split.
        size: rows of the codebook.
        width: of each row.
        report: told how the rows are shared.
        earlier: codes whose directions and phonemes stay, for models that know them.

    Raises:
        ConfigurationError: there are more phonemes than rows.

    """
    generator = torch.Generator().manual_seed(0)
    chosen = [tokens[index] for index in train]
    labels = torch.from_numpy(np.concatenate([item.labels for item in chosen]))
    # A phoneme that only a dev clip has still gets a row.
    everywhere = np.unique(np.concatenate([item.labels for item in tokens])).tolist()
    counts = {label: int((labels == label).sum()) for label in everywhere}
    if len(counts) > size:
        raise ConfigurationError(f'{size} codes are too few for {len(counts)} phonemes')
    if earlier:
        basis, mean, phonemes = earlier.basis, earlier.mean, earlier.phonemes
    else:
        heard = torch.cat([item.heard for item in chosen])
        mean = heard.mean(0)
        basis = _principal(heard - mean, width - PHONEME_COLUMNS - PITCH_COLUMNS)
        symbols = len(symbol_table('v2'))
        phonemes = torch.randn(symbols, PHONEME_COLUMNS, generator=generator)
        phonemes /= phonemes.norm(dim=1, keepdim=True)
    voiced = torch.from_numpy(np.concatenate([item.pitch.voiced for item in chosen]))
    has_pitch = _has_pitch(labels, voiced, len(phonemes))
    described = torch.cat([_described(item, basis, mean, has_pitch) for item in chosen])
    shares = share_rows(counts, size)
    centres = torch.zeros(size, described.shape[1])
    row_labels = torch.full((size,), UNUSED)
    first = 0
    for label, rows in shares.items():
        vectors = described[labels == label]
        if len(vectors):
            centres[first : first + rows] = _kmeans(vectors, rows, generator)
        row_labels[first : first + rows] = label
        first += rows
    report(f'{len(shares)} phonemes, {first} codes of {size}')
    return Codes(
        _rows(centres, row_labels, phonemes, has_pitch, _weight(PITCH_SHARE, len(mean))),
        row_labels,
        basis,
        mean,
        centres,
        phonemes,
        has_pitch,
    )


def share_rows(counts: dict[int, int], size: int) -> dict[int, int]:
    """Return how many of `size` rows each phoneme gets, at least one."""
    most = {
        label: min(MOST_SILENCES, size) if label == BLANK else max(1, count // LEAST_TOKENS)
        for label, count in counts.items()
    }
    shares = dict.fromkeys(counts, 1)
    for _ in range(size - len(shares)):
        open_ = [label for label in shares if shares[label] < most[label]]
        if not open_:
            break
        neediest = max(open_, key=lambda label: counts[label] ** SHARE_POWER / shares[label])
        shares[neediest] += 1
    return shares


def token_runs(labels: Sequence[int], phonemes: Sequence[int]) -> list[tuple[int, int]]:
    """Return the phonemes of a clip and the tokens that each lasts, BLANK for silence, in order.

    Args:
        labels: of its tokens, S.
        phonemes: what it says, without BLANK. Equal ones side by side share their tokens evenly,
            since tokens do not tell where the second begins.

    Raises:
        ConfigurationError: the tokens say something else.

    """
    runs = [(label, len(list(group))) for label, group in groupby(labels)]
    spoken = [label for label, _ in runs if label != BLANK]
    found: list[tuple[int, int]] = []
    place = number = 0
    for label, count in runs:
        if label == BLANK:
            found.append((BLANK, count))
            continue
        number += 1
        equal = _equal_ahead(phonemes[place:], label)
        shared = min(max(equal - _equal_ahead(spoken[number:], label), 1), count)
        place += shared
        found += [(label, count * (i + 1) // shared - count * i // shared) for i in range(shared)]
    if [label for label, _ in found if label != BLANK] != list(phonemes):
        raise ConfigurationError('the tokens do not say these phonemes')
    return found


def _equal_ahead(labels: Sequence[int], label: int) -> int:
    return len(list(takewhile(label.__eq__, labels)))


def write_code_labels(path: Path, labels: Tensor) -> None:
    """Write which phoneme each code stands for, one line per code that is in use."""
    symbols = symbol_table('v2')
    pairs = ((code, label) for code, label in enumerate(labels.tolist()) if label != UNUSED)
    write_lines(path, (f'{code}\t{symbols[label]}' for code, label in pairs))


def read_code_labels(path: Path, size: int) -> Tensor:
    """Return the phoneme of each of `size` codes, int64 [size], UNUSED for those without a line.

    Raises:
        ConfigurationError: there is no such file, or a line is wrong.

    """
    labels = torch.full((size,), UNUSED)
    for code, symbol in read_lists(path).items():
        if not code.isdecimal() or int(code) >= size or not is_known(symbol, 'v2'):
            raise ConfigurationError(f'{path}: {code} {symbol} is no code and its phoneme')
        labels[int(code)] = int(symbol_ids([symbol], 'v2')[0])
    if (labels == UNUSED).all():
        raise ConfigurationError(f'{path} is missing or empty; tools/corpus/align.py makes it')
    return labels


def _rows(
    centres: Tensor, labels: Tensor, phonemes: Tensor, has_pitch: Tensor, weight: float
) -> Tensor:
    """Return the codebook [codes, width] of variants whose height has a weight."""
    is_used = labels != UNUSED
    variants = centres[:, :-2]
    spread = variants[is_used].square().sum(1).mean().sqrt()
    height = centres[:, -1:] / weight
    gap = PITCH_STEPS[1] - PITCH_STEPS[0]
    pitch = torch.exp(-0.5 * ((height - PITCH_STEPS) / gap).square())
    labels = labels.clamp_min(0)
    rows = torch.cat([phonemes[labels], variants / spread, pitch * has_pitch[labels, None]], 1)
    rows[~is_used] = FAR
    return rows


def _has_pitch(labels: Tensor, voiced: Tensor, symbols: int) -> Tensor:
    """Return for each phoneme whether most of its tokens have a voice, float32 [symbols]."""
    counts = torch.bincount(labels, minlength=symbols)
    sums = torch.zeros(symbols).index_add_(0, labels, voiced)
    return (sums / counts.clamp_min(1) > VOICED_SHARE).float()


def _described(tokens: AlignedTokens, basis: Tensor, mean: Tensor, has_pitch: Tensor) -> Tensor:
    """Return what tells variants of a phoneme apart, [S, columns of the basis and two]."""
    variants = (tokens.heard - mean) @ basis
    width = basis.shape[0]
    # The place is spread evenly over 0 to 1, with a variance of 1/12.
    place = _weight(12 * PLACE_SHARE, width) * torch.from_numpy(tokens.places)
    height = torch.from_numpy(tokens.pitch.height) * has_pitch[torch.from_numpy(tokens.labels)]
    return torch.cat([variants, place[:, None], _weight(PITCH_SHARE, width) * height[:, None]], 1)


def _weight(share: float, teacher_width: int) -> float:
    """Return the weight of a value of variance 1 that has a share beside features."""
    return (share * VARIANCE_WITHIN * teacher_width) ** 0.5


def _principal(centred: Tensor, columns: int) -> Tensor:
    """Return the directions [teacher, columns] in which vectors [N, teacher] vary most."""
    _, vectors = torch.linalg.eigh(centred.T.double() @ centred.double())
    return vectors[:, -columns:].flip(1).float()


def _kmeans(vectors: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return `count` centres [count, width] of vectors [N, width]."""
    picks = torch.randperm(len(vectors), generator=generator)
    centres = vectors[picks[torch.arange(count) % len(picks)]]
    for _ in range(ROUNDS):
        nearest = torch.cdist(vectors, centres).argmin(1)
        used = torch.bincount(nearest, minlength=count)
        sums = torch.zeros_like(centres).index_add_(0, nearest, vectors)
        centres = torch.where((used > 0)[:, None], sums / used.clamp_min(1)[:, None], centres)
    return centres

"""When each phoneme of a clip is spoken, found by what a recogniser hears.

CTC tells which phonemes there are, not how long they last. A small reader is trained by CTC on the
teacher's features of all clips, then each clip is aligned with its own text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptsovits_ros.text.symbols import symbol_table
from gptsovits_ros.training.batching import make_batches
from gptsovits_ros.training.content_data import FRAMES_PER_S, HeardClips
from gptsovits_ros.training.content_losses import (
    BLANK,
    edit_distance,
    phoneme_loss,
    read_phonemes,
)
from gptsovits_ros.training.corpus import TRAIN
from gptsovits_ros.training.settings import BatchSettings

WIDTH = 256
KERNEL = 5
LEARNING_RATE = 2e-3
BATCHES = BatchSettings(batch_size=32, max_positions=4000)
# CTC puts blanks wherever it can; so much dearer, they give way to the phonemes beside them.
BLANK_COST = 4.0
# A longer stretch of blanks is silence, but for the margin at each side [s].
LONGEST_GAP_S = 0.28
GAP_MARGIN_S = 0.08


class Aligner(nn.Module):
    """Teacher features -> phoneme logits, frame by frame."""

    def __init__(self, teacher_width: int) -> None:
        super().__init__()
        self.mix = nn.Conv1d(teacher_width, WIDTH, KERNEL, padding=KERNEL // 2)
        self.output = nn.Linear(WIDTH, len(symbol_table('v2')))

    def forward(self, teacher: Tensor) -> Tensor:
        """Return [B, F, symbols] of [B, F, teacher]."""
        return self.output(F.gelu(self.mix(teacher.transpose(1, 2))).transpose(1, 2))


def train_aligner(
    clips: HeardClips, teacher_width: int, epochs: int, report: Callable[[str], None]
) -> Aligner:
    """Train the reader on the training split."""
    torch.manual_seed(0)
    model = Aligner(teacher_width)
    chosen = clips.of(TRAIN)
    lengths = [clips.frames(index) for index in chosen]
    plans = [make_batches(lengths, BATCHES, np.random.default_rng(i)) for i in range(epochs)]
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=sum(map(len, plans))
    )
    for epoch, plan in enumerate(plans, 1):
        total = 0.0
        for places in plan:
            batch = clips.batch([chosen[place] for place in places])
            logits = model(batch.teacher)
            loss = phoneme_loss(logits, batch.lengths, batch.phonemes, batch.phoneme_lengths)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        report(f'epoch {epoch}: {total / len(plan):.3f} nats per phoneme')
    return model.eval().requires_grad_(False)


def reading_error(clips: HeardClips, model: Aligner, split: str) -> float:
    """Return the phoneme error of the reader on a dev split; no alignment is better."""
    errors = wanted = 0
    for index in clips.of(split):
        batch = clips.batch([index])
        phonemes = batch.phonemes[0].tolist()
        found = read_phonemes(model(batch.teacher)[0].argmax(-1))
        errors += edit_distance(phonemes, found)
        wanted += len(phonemes)
    return errors / max(wanted, 1)


def pair_scores(scores: Tensor) -> Tensor:
    """Return log probabilities [F // 2, symbols] at half the rate of [F, symbols]."""
    count = len(scores) // 2
    return scores[: 2 * count].unflatten(0, (count, 2)).mean(1)


def align(
    scores: np.ndarray, phonemes: Sequence[int], frames_per_s: int = FRAMES_PER_S
) -> list[tuple[int, int]]:
    """Return the phonemes with the frames that each lasts, BLANK for silence, F frames in all.

    Args:
        scores: log probabilities [F, symbols].
        phonemes: ids, in order; each lasts one frame at least.
        frames_per_s: rate of the frames.

    """
    longest_gap = round(LONGEST_GAP_S * frames_per_s)
    margin = round(GAP_MARGIN_S * frames_per_s)
    path = _best_path(scores, phonemes)
    frames = [np.flatnonzero(path == place) for place in range(len(phonemes))]
    first, last = frames[0][0], frames[-1][-1] + 1
    start = max(first - margin, 0)
    runs = [(BLANK, start)]
    for place, symbol in enumerate(phonemes[:-1]):
        end, following = frames[place][-1] + 1, frames[place + 1][0]
        gap = following - end
        silence = gap - 2 * margin if gap > longest_gap else 0
        end += (gap - silence) // 2
        runs += [(symbol, end - start), (BLANK, silence)]
        start = end + silence
    end = min(last + margin, len(path))
    runs += [(phonemes[-1], end - start), (BLANK, len(path) - end)]
    return [(symbol, int(count)) for symbol, count in runs if count]


def _best_path(scores: np.ndarray, phonemes: Sequence[int]) -> np.ndarray:
    """Return for each frame the place of its phoneme, or -1 for a blank (Viterbi)."""
    count = len(phonemes)
    states = np.full(2 * count + 1, BLANK)
    states[1::2] = phonemes
    emitted = scores[:, states]
    emitted[:, ::2] -= BLANK_COST
    # From a phoneme to the next without a blank, unless they are equal.
    may_skip = np.zeros(len(states), dtype=bool)
    may_skip[3::2] = states[3::2] != states[1:-2:2]
    best = np.full(len(states), -math.inf)
    best[:2] = emitted[0, :2]
    steps = np.zeros((len(scores), len(states)), dtype=np.int8)
    for frame in range(1, len(scores)):
        one, two = np.full_like(best, -math.inf), np.full_like(best, -math.inf)
        one[1:] = best[:-1]
        two[2:] = np.where(may_skip[2:], best[:-2], -math.inf)
        ways = np.stack([best, one, two])
        steps[frame] = ways.argmax(0)
        best = ways.max(0) + emitted[frame]
    state = len(states) - 1 if best[-1] > best[-2] else len(states) - 2
    path = np.empty(len(scores), dtype=np.int64)
    for frame in range(len(scores) - 1, -1, -1):
        path[frame] = state // 2 if state % 2 else -1
        state -= int(steps[frame, state])
    return path

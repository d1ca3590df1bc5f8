"""How upstream streams inside a sentence (gptsovits-spec sections 7.7 and 9.3), to compare with.

The engine does not speak this way: every chunk re-reads the whole sentence, and joints are only
nearly right. It is kept to prove that the parts, put together as upstream does, give its audio.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.acoustic.text_encoder import at_speed
from gptsovits_ros.audio.join import join_aligned

# Upstream takes this semantic token for silence.
MUTE_CODE = 486
# Tokens that two neighbouring decodes share, and how many a decode has at least.
OVERLAP_CODES = 2
CONTEXT_CODES = 10


def fixed_chunks(codes: Iterable[int], length: int) -> Iterator[tuple[list[int], bool]]:
    """Yield tokens in chunks of a length, and whether a chunk is the last."""
    chunk: list[int] = []
    for code in codes:
        chunk.append(code)
        if len(chunk) == length:
            yield chunk, False
            chunk = []
    yield chunk, True


def mute_chunks(
    codes: Iterable[int], length: int, similarity: Sequence[float], threshold: float = 0.0
) -> Iterator[tuple[list[int], bool]]:
    """Yield tokens in chunks that end at a quiet place, and whether a chunk is the last.

    A chunk carries everything so far, but the next one starts at the quiet place, so that tokens
    after it are sent twice (gptsovits-spec section 12.11).
    """
    waiting: list[int] = []
    for code in codes:
        waiting.append(code)
        if len(waiting) < length + 2:
            continue
        quiet = [
            value if value >= 0 else -1.0 for value in (similarity[c] - threshold for c in waiting)
        ]
        scores = [here + right for here, right in zip(quiet, [*quiet[1:], 0.0], strict=True)]
        best = max(range(len(scores)), key=scores.__getitem__)
        if scores[best] >= 0 and best + 1 >= length:
            yield list(waiting), False
            waiting = waiting[best + 1 :]
    yield waiting, True


def decode_streaming(
    model: Sovits,
    codes: Tensor,
    phoneme_ids: Tensor,
    style: Tensor,
    *,
    result_codes: int,
    overlap: Tensor | None = None,
    speed: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Decode the last tokens of a sentence so far, without noise.

    Args:
        model: SoVITS.
        codes: int64 [1, S], all semantic tokens of the sentence so far.
        phoneme_ids: int64 [1, P].
        style: [1, gin_channels, 1].
        result_codes: how many of the last codes are decoded.
        overlap: latent tail of the call before [1, H, L], faded into the start.
        speed: speaking rate.

    Returns:
        the waveform [1, 1, T] and the latent [1, H, F] before the change of speed.

    """
    latent = model.prior.joint_latent(model.quantized(codes), phoneme_ids, model.text_style(style))
    latent = latent[:, :, -result_codes * model.config.token_stride :]
    if overlap is not None:
        length = overlap.shape[-1]
        angle = math.pi / 2 * torch.arange(length) / length
        faded = torch.sin(angle) * latent[:, :, :length] + torch.cos(angle) * overlap
        latent = torch.cat([faded, latent[:, :, length:]], dim=-1)
    mean, _ = model.prior.statistics(at_speed(latent, speed))
    return model.decoder(model.flow.inverse(mean, style), style), latent


def stream_audio(
    model: Sovits, chunks: Iterable[tuple[list[int], bool]], phoneme_ids: Tensor, style: Tensor
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Yield, per chunk of tokens, all tokens so far and the audio that upstream sends for it.

    Each decode reaches back over tokens that were decoded before: OVERLAP_CODES to be cross-faded,
    more before a short chunk. All but the last hold back the part that the next one is faded into.
    """
    held = OVERLAP_CODES * model.config.samples_per_token
    codes: list[int] = []
    latent, before = None, None
    for chunk, is_last in chunks:
        codes = codes + chunk
        reach = OVERLAP_CODES + max(0, CONTEXT_CODES - len(chunk))
        overlap = None if latent is None else latent[:, :, -reach * model.config.token_stride :]
        count = len(chunk) + (0 if latent is None else reach)
        wave, latent = decode_streaming(
            model,
            torch.tensor([codes]),
            phoneme_ids[None],
            style,
            result_codes=count,
            overlap=overlap,
        )
        audio = wave[0, 0].numpy()
        if before is not None:
            audio = audio[-(len(chunk) + OVERLAP_CODES) * model.config.samples_per_token :]
        sent = audio
        if before is not None and not is_last:
            joined = join_aligned([before, audio], held)
            sent = joined[len(before) - held :]
        yield codes, sent if is_last else sent[:-held]
        before = audio

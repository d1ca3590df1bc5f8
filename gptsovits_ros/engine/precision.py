"""Which model computes in which number format, on which machine (docs/performance.md)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from gptsovits_ros.acoustic.hifigan import HifiGan, ResidualBlock
from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.encoders.bert import BertEncoder
from gptsovits_ros.engine.number_formats import (
    BFLOAT16,
    FLOAT16,
    FLOAT32,
    INT8,
    Bfloat16Convolutions,
    convert_linears,
    int8_exists,
    replace_layers,
)
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.semantic.model import Text2Semantic
from gptsovits_ros.settings import PRECISIONS

CPUINFO = Path('/proc/cpuinfo')
# Flags that the kernel shows for a CPU that multiplies in int8 and adds up in 32 bits, and for one
# that multiplies in bfloat16.
INT8_FLAGS = frozenset({'avx512_vnni', 'avx_vnni'})
# One that adds up in 16 bits is still twice as quick with int8 as with float32, since it reads a
# quarter of the memory.
HALF_RANGE_FLAG = 'avx2'
BFLOAT16_FLAGS = frozenset({'avx512_bf16', 'amx_bf16'})

# Narrower stages of the decoder gain nothing, and what they round can be heard best: they are the
# last ones.
DECODER_CHANNELS = 64

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelFormats:
    """The number format of each model; what is not named stays in float32.

    Attributes:
        semantic: of the layers of the GPT; in float16 all of it.
        bert: of the linear layers of BERT; in float16 all of it.
        decoder: of the wide stages of the decoder of SoVITS; in float16 all of it.
        half_range: int8 products are added up in 16 bits here (see Int8Linear).

    """

    semantic: str = FLOAT32
    bert: str = FLOAT32
    decoder: str = FLOAT32
    half_range: bool = False

    @classmethod
    def of(
        cls, precision: str, device: torch.device, flags: frozenset[str] | None = None
    ) -> ModelFormats:
        """Return the formats for a precision on a device.

        Args:
            precision: one of settings.PRECISIONS. "auto" takes, for each model, the quickest
                format whose error was measured and found small, where the CPU has the arithmetic.
            device: of the models.
            flags: what the CPU can do; None: as the kernel says.

        Raises:
            ConfigurationError: there is no such precision, or the device or torch cannot do it.

        """
        if precision not in PRECISIONS:
            raise ConfigurationError(
                f'engine.precision is "{precision}"; use one of {", ".join(PRECISIONS)}'
            )
        flags = cpu_flags() if flags is None else flags
        has_vnni, has_bfloat16 = bool(flags & INT8_FLAGS), bool(flags & BFLOAT16_FLAGS)
        if precision == FLOAT32:
            return cls()
        if precision == FLOAT16 or precision == 'auto' and device.type == 'cuda':
            if device.type == 'cpu':
                log.warning('float16 is for GPUs; on this CPU float32 would be quicker')
            return cls(FLOAT16, FLOAT16, FLOAT16)
        if precision == 'auto' and device.type != 'cpu':
            return cls()
        if precision == BFLOAT16:
            if device.type == 'cpu' and not has_bfloat16:
                log.warning('this CPU has no bfloat16 arithmetic; float32 would be quicker')
            return cls(BFLOAT16, BFLOAT16, BFLOAT16)
        bfloat16 = BFLOAT16 if has_bfloat16 else FLOAT32
        if precision == 'auto':
            if not (has_vnni or HALF_RANGE_FLAG in flags) or not int8_exists():
                return cls(FLOAT32, bfloat16, bfloat16)
            return cls(INT8, bfloat16, bfloat16, half_range=not has_vnni)
        if device.type != 'cpu':
            raise ConfigurationError(
                f'engine.precision is int8, but the models run on {device}; int8 is for the CPU. '
                'Use auto'
            )
        if not int8_exists():
            raise ConfigurationError(
                'engine.precision is int8, but this torch has no int8 layers for this CPU. '
                'Use auto'
            )
        return cls(INT8, INT8, bfloat16, half_range=not has_vnni)

    def apply(self, model: nn.Module) -> None:
        """Convert a model, in place; one that is not named stays as it is."""
        if isinstance(model, Text2Semantic):
            # What enters and leaves the layers is a small part of the work.
            self._convert(model, model.layers, self.semantic)
        elif isinstance(model, BertEncoder):
            self._convert(model, model, self.bert)
        elif isinstance(model, Sovits) and self.decoder == FLOAT16:
            model.decoder.half()
        elif isinstance(model, Sovits) and self.decoder == BFLOAT16:
            _convert_decoder(model.decoder)

    def _convert(self, model: nn.Module, layers: nn.Module, number_format: str) -> None:
        """Let a model compute in float16, or its linear layers in another format."""
        if number_format == FLOAT16:
            model.half()
        else:
            convert_linears(layers, number_format, self.half_range)


def cpu_flags(path: Path = CPUINFO) -> frozenset[str]:
    """Return what the CPU can do, in the words of the Linux kernel; nothing if it does not say."""
    try:
        lines = path.read_text(encoding='ascii', errors='replace').splitlines()
    except OSError:
        # No Linux: nothing is known of its CPU.
        return frozenset()
    for line in lines:
        key, _, value = line.partition(':')
        if key.strip() in ('flags', 'Features'):
            return frozenset(value.split())
    return frozenset()


def _convert_decoder(decoder: HifiGan) -> None:
    def convert(block: ResidualBlock) -> nn.Module:
        is_wide = block.convs1[0].in_channels >= DECODER_CHANNELS
        return Bfloat16Convolutions(block) if is_wide else block

    replace_layers(decoder.resblocks, ResidualBlock, convert)

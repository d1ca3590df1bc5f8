"""`gptsovits_ros convert`: official checkpoints become safetensors."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = 'convert'
HELP = 'convert an official .ckpt or .pth file to safetensors, without running anything in it'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('source', type=Path, metavar='FILE', help='.ckpt (GPT) or .pth (SoVITS)')
    parser.add_argument(
        'folder',
        type=Path,
        metavar='FOLDER',
        help='where semantic.safetensors or acoustic.safetensors is written',
    )


def run(args: argparse.Namespace) -> int:
    """Convert, read the result back, compare, and say what it is."""
    from gptsovits_ros.checkpoint.weights import convert

    target, weights = convert(args.source, args.folder)
    parameters = sum(tensor.numel() for tensor in weights.tensors.values())
    lora = f', LoRA of rank {weights.lora_rank}' if weights.kind.is_lora else ''
    print(
        f'{target}: {weights.role} model, GPT-SoVITS {weights.kind.version}{lora}, '
        f'{len(weights.tensors)} tensors, {parameters / 1e6:.1f} M numbers, '
        f'{target.stat().st_size / 1e6:.1f} MB'
    )
    return 0

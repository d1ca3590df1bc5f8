"""Where the models run, and how much of it they may take."""

from __future__ import annotations

import torch

from gptsovits_ros.errors import ConfigurationError

MIB = 1 << 20


def find_device(name: str) -> torch.device:
    """Return a device that exists.

    Args:
        name: "auto", "cpu" or "cuda:<n>".

    Raises:
        ConfigurationError: there is no such device here.

    """
    if name == 'auto':
        return torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigurationError(
            f'engine.device is "{name}"; use auto, cpu or cuda:<n>'
        ) from error
    if (
        device.type not in ('cpu', 'cuda')
        or device.type == 'cuda'
        and ((device.index or 0) >= torch.cuda.device_count())
    ):
        raise ConfigurationError(
            f'there is no device "{name}" here; torch sees '
            f'{torch.cuda.device_count()} CUDA devices. Use auto, cpu or cuda:<n>'
        )
    return device


def limit_memory(device: torch.device, most_mb: int) -> None:
    """Let torch take at most so much memory of a GPU [MiB]; 0: no limit.

    What is beyond it fails as if the GPU were full. CUDA itself, and its libraries, take a few
    hundred MiB on top.
    """
    if device.type != 'cuda' or not most_mb:
        return
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, most_mb * MIB / total), device)

"""Read what hears and reads: the folders of BERT and HuBERT, and the file of the speaker encoder.

BERT and HuBERT are as they are published for transformers.
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gptsovits_ros.checkpoint.load import fill
from gptsovits_ros.checkpoint.tensor_table import read_table
from gptsovits_ros.encoders.bert import BertEncoder
from gptsovits_ros.encoders.hubert import HubertEncoder
from gptsovits_ros.encoders.speaker import BASE_PLANES, STRIDES, SpeakerConfig, SpeakerEncoder
from gptsovits_ros.errors import CheckpointError, DependencyMissingError

# The layers after the map that SoVITS was trained with.
_SPEAKER_IGNORED = re.compile(r'seg_\d+\.')


def load_bert(
    folder: Path, device: torch.device | str = 'cpu', dtype: torch.dtype = torch.float32
) -> BertEncoder:
    """Read config.json, weights and tokenizer.json or vocab.txt."""
    model = _pretrained('BertModel', folder, dtype, add_pooling_layer=False)
    return BertEncoder(model, _vocabulary(folder)).to(device).eval().requires_grad_(False)


def save_encoder(model: Any, folder: Path, vocabulary: Sequence[str] = ()) -> None:
    """Write a transformers model as published: config, .bin in half precision, and vocab.txt."""
    folder.mkdir()
    model.config.save_pretrained(folder)
    torch.save(_halves(model), folder / 'pytorch_model.bin')
    if vocabulary:
        (folder / 'vocab.txt').write_text('\n'.join(vocabulary) + '\n', encoding='utf-8')


def load_hubert(
    folder: Path, device: torch.device | str = 'cpu', dtype: torch.dtype = torch.float32
) -> HubertEncoder:
    """Read config.json and weights."""
    return (
        HubertEncoder(_pretrained('HubertModel', folder, dtype))
        .to(device)
        .eval()
        .requires_grad_(False)
    )


def load_speaker(
    path: Path, device: torch.device | str = 'cpu', dtype: torch.dtype = torch.float32
) -> SpeakerEncoder:
    """Read an ERes2NetV2 file (.ckpt or .safetensors with a flat table of tensors).

    Raises:
        CheckpointError: the file is damaged, or is no such model.

    """
    tensors = read_table(path)
    if not isinstance(tensors, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in tensors.items()
    ):
        raise CheckpointError(f'{path} is no speaker encoder: a flat table of tensors is needed')
    return speaker_model(tensors, path.name).to(device=device, dtype=dtype)


def speaker_model(tensors: Mapping[str, Tensor], name: str) -> SpeakerEncoder:
    """Build the speaker encoder that tensors describe, on the CPU; name is for messages."""
    with torch.device('meta'):
        model = SpeakerEncoder(_speaker_config(tensors, name))
    used = {key: value for key, value in tensors.items() if not _SPEAKER_IGNORED.match(key)}
    return fill(model, used, name, str)


def save_speaker(model: SpeakerEncoder, path: Path) -> None:
    """Write a speaker encoder as published: a flat table of tensors in half precision."""
    torch.save(_halves(model), path)


def _halves(model: Any) -> dict[str, Tensor]:
    return {
        name: value.half() if value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }


def _speaker_config(tensors: Mapping[str, Tensor], name: str) -> SpeakerConfig:
    """Read the sizes off the tensors, since the file has no settings."""
    try:
        channels = tensors['conv1.weight'].shape[0]
        width = tensors['layer1.0.convs.0.weight'].shape[0]
        expanded = tensors['layer1.0.conv3.weight'].shape[0]
        return SpeakerConfig(
            channels=channels,
            blocks=tuple(
                _count(tensors, rf'layer{stage}\.\d+\.conv1\.weight')
                for stage in range(1, len(STRIDES) + 1)
            ),
            base_width=-(-width * BASE_PLANES // channels),
            scale=_count(tensors, r'layer1\.0\.convs\.\d+\.weight'),
            expansion=expanded // channels,
        )
    except (KeyError, IndexError, ZeroDivisionError, ValueError) as error:
        raise CheckpointError(
            f'{name} is no speaker encoder (ERes2NetV2): {type(error).__name__} {error}'
        ) from error


def _count(tensors: Mapping[str, Tensor], pattern: str) -> int:
    return sum(re.fullmatch(pattern, name) is not None for name in tensors)


def _pretrained(name: str, folder: Path, dtype: torch.dtype, **options: Any) -> Any:
    if not (folder / 'config.json').is_file():
        raise DependencyMissingError(
            f'no model in {folder} (config.json is missing); '
            '`gptsovits_ros fetch` downloads the official one'
        )
    cls = transformers_class(name)
    try:
        # .bin files are read by torch with weights_only, which builds nothing but tensors.
        with _quiet():
            return cls.from_pretrained(folder, local_files_only=True, dtype=dtype, **options)
    except (OSError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f'cannot load {name} from {folder}: {error}') from error


def transformers_class(name: str) -> Any:
    """Return a class of transformers.

    Raises:
        DependencyMissingError: it cannot be imported.

    """
    try:
        import transformers

        return getattr(transformers, name)
    # A torchaudio that does not fit to torch fails to load its libraries, and takes transformers,
    # which imports it wherever it is installed, with it.
    except (ImportError, OSError) as error:
        raise DependencyMissingError(
            f'transformers cannot be imported: {error}. Install it, and if the message names a '
            'library of torch or CUDA, `pip uninstall torchaudio`'
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep progress bars and the list of unused heads off the terminal of a robot."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _vocabulary(folder: Path) -> dict[str, int]:
    try:
        if (folder / 'tokenizer.json').is_file():
            tree = json.loads((folder / 'tokenizer.json').read_text(encoding='utf-8'))
            return dict(tree['model']['vocab'])
        lines = (folder / 'vocab.txt').read_text(encoding='utf-8').splitlines()
        return {token: index for index, token in enumerate(lines)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f'{folder} has no usable tokenizer.json or vocab.txt: {type(error).__name__} {error}'
        ) from error

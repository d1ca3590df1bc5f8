"""Read the folders of BERT and HuBERT, as they are published for transformers."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from gptsovits_ros.encoders.bert import BertEncoder
from gptsovits_ros.encoders.hubert import HubertEncoder
from gptsovits_ros.errors import CheckpointError, DependencyMissingError


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
    torch.save(
        {
            name: value.half() if value.is_floating_point() else value
            for name, value in model.state_dict().items()
        },
        folder / 'pytorch_model.bin',
    )
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


def _pretrained(name: str, folder: Path, dtype: torch.dtype, **options: Any) -> Any:
    if not (folder / 'config.json').is_file():
        raise DependencyMissingError(
            f'no model in {folder} (config.json is missing); '
            '`gptsovits_ros fetch` downloads the official one'
        )
    cls = _transformers_class(name)
    try:
        # .bin files are read by torch with weights_only, which builds nothing but tensors.
        with _quiet():
            return cls.from_pretrained(folder, local_files_only=True, dtype=dtype, **options)
    except (OSError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f'cannot load {name} from {folder}: {error}') from error


def _transformers_class(name: str) -> Any:
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

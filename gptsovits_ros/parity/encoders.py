"""Case bert_hubert_tiny: BERT features per character and phoneme, HuBERT features of a wave."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from gptsovits_ros.checkpoint.archive import read_archive
from gptsovits_ros.checkpoint.encoders import load_bert, load_hubert
from gptsovits_ros.encoders.bert import repeat_by_phonemes
from gptsovits_ros.parity.golden import Golden
from gptsovits_ros.parity.report import Row


@torch.inference_mode()
def run(folder: Path) -> Iterator[Row]:
    """Yield a row per quantity."""
    golden = Golden(folder)
    with tempfile.TemporaryDirectory() as scratch:
        bert_folder, hubert_folder = arrange_encoders(
            folder,
            Path(scratch),
            read_archive(folder / 'bert_pytorch_model.bin'),
            read_archive(folder / 'hubert_pytorch_model.bin'),
        )
        bert, hubert = load_bert(bert_folder), load_hubert(hubert_folder)
    for index, item in enumerate(golden.meta['bert']):
        features = bert(item['text'])
        yield golden.latent(f'char_feat_{index}', features)
        yield golden.latent(f'phone_feat_{index}', repeat_by_phonemes(features, item['word2ph']))
    yield golden.latent('hubert_out', hubert(golden.tensor('hubert_wav16k'))[0])


def arrange_encoders(
    folder: Path, scratch: Path, bert: dict[str, Tensor], hubert: dict[str, Tensor]
) -> tuple[Path, Path]:
    """Write two folders as transformers wants them, with the configs and vocabulary of a case."""
    # The goldens were made by a transformers in which the output layer of BERT, which shares the
    # table of embeddings, was loaded last; in the goldens, unlike in real files, the two differ.
    bert = {
        **bert,
        'bert.embeddings.word_embeddings.weight': bert['cls.predictions.decoder.weight'],
    }
    places = []
    for name, tensors in (('bert', bert), ('hubert', hubert)):
        place = scratch / name
        place.mkdir()
        shutil.copy(folder / f'{name}_config.json', place / 'config.json')
        torch.save(tensors, place / 'pytorch_model.bin')
        places.append(place)
    shutil.copy(folder / 'vocab.txt', places[0])
    return places[0], places[1]

"""Readings of Mandarin characters from the network g2pW (gptsovits-spec section 4.6, "g2pW").

It sees the sentence, so it tells apart what a dictionary of words cannot (长得高, 还钱). The model
is a folder of its own, no part of this package; without it, dictionaries decide.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.text.polyphone_zh import PinyinDictionary, SegmentReadings

# Below the folder of the official models.
MODEL_FOLDER = 'text/G2PWModel'
TOKENIZER = 'chinese-roberta-wwm-ext-large/tokenizer.json'
_MODEL = 'g2pW.onnx'
_POLYPHONIC = 'POLYPHONIC_CHARS.txt'
_MONOPHONIC = 'MONOPHONIC_CHARS.txt'
_BOPOMOFO = 'bopomofo_to_pinyin_wo_tune_dict.json'

# Where the network or its lists are wrong too often; dictionaries read these.
_NOT_ASKED = frozenset('一不和咋嗲剖差攢倒難奔勁拗肖瘙誒泊听噢')
_NOT_FIXED = frozenset('似攢')
_CONTEXT = 16  # characters before the first and behind the last polyphone that the network sees
_LONGEST = 510  # tokens at once, besides the first and the last
_MAX_TABLE_BYTES = 16 * 1024 * 1024

log = logging.getLogger(__name__)


class Session(Protocol):
    """What is used of onnxruntime.InferenceSession."""

    def run(self, outputs: None, inputs: Mapping[str, np.ndarray]) -> Sequence[np.ndarray]:
        """Return the outputs of the network, the probabilities [rows, labels] first."""


def find_readings(model_root: Path | None) -> SegmentReadings | None:
    """Return g2pW if its model and the packages it needs are there, else None; log which.

    Args:
        model_root: folder of the official models; None: dictionaries are used, and nothing is
            logged.

    Raises:
        ConfigurationError: if a file of the model is damaged.

    """
    if model_root is None:
        return None
    folder = model_root / MODEL_FOLDER
    if not (folder / _MODEL).is_file():
        log.info('readings of Chinese characters come from dictionaries: no %s', folder / _MODEL)
        return None
    try:
        import onnxruntime
        from opencc import OpenCC
    except ImportError as error:
        log.warning(
            'readings of Chinese characters come from dictionaries, though g2pW is in %s: it '
            'needs the package %s; run: pip install "gptsovits_ros[g2pw]"',
            folder,
            error.name,
        )
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a sentence is small, and other cores have other work
    try:
        session = onnxruntime.InferenceSession(
            str(folder / _MODEL), options, providers=['CPUExecutionProvider']
        )
    # onnxruntime's errors have no common base that it names.
    except Exception as error:
        raise ConfigurationError(
            f'{folder / _MODEL} cannot be loaded: {error}. Remove the folder, or put the whole '
            'model there'
        ) from error
    log.info('readings of Chinese characters come from g2pW in %s', folder)
    return G2pwReadings(session, folder, model_root / TOKENIZER, OpenCC('s2tw').convert)


class G2pwReadings:
    """Gives the readings of all characters of a segment, by the network where it is asked."""

    def __init__(self, session: Session, folder: Path, tokenizer: Path, traditional: Any) -> None:
        """Read the tables beside the network.

        Args:
            session: the network.
            folder: with the lists of characters.
            tokenizer: tokenizer.json of the Chinese RoBERTa, whose tokens the network reads.
            traditional: simplified text -> text in the characters of Taiwan.

        Raises:
            ConfigurationError: if a table is missing or damaged.
            DependencyMissingError: if pypinyin is not installed.

        """
        self._session = session
        self._traditional = traditional
        self._dictionary = PinyinDictionary()
        pairs = _character_table(folder / _POLYPHONIC)
        self._labels = sorted({label for _, label in pairs})
        positions = {label: position for position, label in enumerate(self._labels)}
        self._masks: dict[str, np.ndarray] = {}
        for character, label in pairs:
            mask = self._masks.setdefault(character, np.zeros(len(positions), np.float32))
            mask[positions[label]] = 1
        self._character_ids = {
            character: number for number, character in enumerate(sorted(self._masks))
        }
        self._fixed = dict(_character_table(folder / _MONOPHONIC))
        self._pinyin: Mapping[str, str] = _json_map(folder / _BOPOMOFO)
        self._vocabulary = _vocabulary(tokenizer)

    def __call__(self, segment: str) -> list[str]:
        """Return numbered pinyin for each character; a mark stands for itself."""
        readings = self._dictionary.read(segment)
        characters = self._traditional(segment)
        if len(characters) != len(segment):  # a phrase of another length in Taiwan
            characters = segment
        asked = []
        for position, character in enumerate(characters):
            if character in self._masks and character not in _NOT_ASKED:
                asked.append(position)
            elif character in self._fixed and character not in _NOT_FIXED:
                readings[position] = self._as_pinyin(self._fixed[character], readings[position])
        if asked:
            for position, label in zip(asked, self._predict(characters, asked), strict=True):
                readings[position] = self._as_pinyin(label, readings[position])
        return readings

    def _predict(self, characters: str, asked: list[int]) -> list[str]:
        """Return the label of each character that is asked for."""
        low = max(0, asked[0] - _CONTEXT)
        text = characters[low : asked[-1] + _CONTEXT + 1]
        windows = [_window(len(text), position - low) for position in asked]
        width = max(end - start for start, end in windows) + 2
        ids = np.zeros((len(asked), width), np.int64)
        attention = np.zeros_like(ids)
        for row, (start, end) in enumerate(windows):
            tokens = self._tokens(text[start:end])
            ids[row, : len(tokens)] = tokens
            attention[row, : len(tokens)] = 1
        positions = [
            position - low - start + 1 for position, (start, _) in zip(asked, windows, strict=True)
        ]
        inputs = {
            'input_ids': ids,
            'token_type_ids': np.zeros_like(ids),
            'attention_mask': attention,
            'phoneme_mask': np.stack([self._masks[characters[position]] for position in asked]),
            'char_ids': np.array(
                [self._character_ids[characters[position]] for position in asked], np.int64
            ),
            'position_ids': np.array(positions, np.int64),
        }
        probabilities = self._session.run(None, inputs)[0]
        return [self._labels[best] for best in np.argmax(probabilities, axis=-1)]

    def _tokens(self, text: str) -> list[int]:
        # Characters of normalised text are one token each, known or not.
        unknown = self._vocabulary['[UNK]']
        tokens = (self._vocabulary.get(character, unknown) for character in text.lower())
        return [self._vocabulary['[CLS]'], *tokens, self._vocabulary['[SEP]']]

    def _as_pinyin(self, label: str, otherwise: str) -> str:
        """Return a label (bopomofo and a tone digit) as pinyin; else the other reading."""
        syllable = self._pinyin.get(label[:-1])
        return syllable + label[-1] if syllable and label[-1:] in '12345' else otherwise


def _window(length: int, position: int) -> tuple[int, int]:
    """Return start and end of what the network sees around a position of a text."""
    start = max(0, min(position - _LONGEST // 2, length - _LONGEST))
    return start, min(length, start + _LONGEST)


def _character_table(path: Path) -> list[tuple[str, str]]:
    """Return (character, bopomofo) of each line."""
    pairs = []
    for number, line in enumerate(_read(path).split('\n'), 1):
        if not line.strip():
            continue
        character, tab, label = line.strip().partition('\t')
        if not tab or len(character) != 1 or not label:
            raise ConfigurationError(f'{path}, line {number}: a character, a tab and its sound')
        pairs.append((character, label))
    return pairs


def _json_map(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_read(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ConfigurationError(f'{path} is no JSON: {error}') from error
    if not isinstance(found, dict):
        raise ConfigurationError(f'{path} must hold a map')
    return found


def _vocabulary(path: Path) -> Mapping[str, int]:
    """Return token -> id of a tokenizer.json."""
    model = _json_map(path).get('model')
    vocabulary = model.get('vocab') if isinstance(model, dict) else None
    if not isinstance(vocabulary, dict) or not {'[CLS]', '[SEP]', '[UNK]'} <= set(vocabulary):
        raise ConfigurationError(f'{path} has no vocabulary of BERT')
    return vocabulary


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_TABLE_BYTES:
            raise ConfigurationError(f'{path} is larger than {_MAX_TABLE_BYTES} bytes')
        return path.read_text('utf-8')
    except OSError as error:
        raise ConfigurationError(
            f'g2pW needs {path}, which cannot be read: {error.strerror}'
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f'{path} is not UTF-8') from error

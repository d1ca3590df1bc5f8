"""Latin words inside Chinese text: which are spelled, and how code-like text is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from gptsovits_ros.text.spoken.common import code_words

# Written in capitals but read as words; other short words in capitals are spelled.
_READ_AS_WORDS = frozenset(
    'AIDS APEC ASCII ASEAN BERT BIOS COVID CRUD CUDA FIFA GIF JAVA JPEG JSON LAN LASER LORA '
    'MERS MODEM NAND NASA NATO NOR OPEC PIN RADAR RAM REST ROM ROS SARS SIM SLAM SOAP SONAR '
    'SWAT TOEFL UEFA UNESCO UNICEF WIFI YAML YOLO A ALL AM AND ANY ARE ART AS AT BABY BACK '
    'BAD BE BEST BIG BOX BOY BUS BUT BUY BY CALL CAN CAR CAT CITY CLUB COME COOL DAY DEAL DO '
    'DOG DONE DOWN EASY END EXIT FAN FAR FAST FIND FIRE FISH FOR FREE FROM FUN GAME GET GIRL '
    'GO GOD GOOD HAVE HE HELP HER HERE HEY HI HIGH HIS HOME HOT HOW I IF IN IS IT JOB JUST '
    'KEY KING LAST LET LIFE LIKE LINE LIVE LONG LOOK LOVE LOW MAKE MAN MANY ME MENU MISS MODE '
    'MORE MY NEED NEW NEWS NEXT NICE NO NOT NOW OF OFF OLD ON ONE ONLY OPEN OR OUR OUT OVER '
    'PAY PLAY PLUS RED RUN SALE SAY SEE SET SHE SHOP SHOW SIR SO SONG STAR STAY STOP SUN TAG '
    'TAKE TEAM TEST THAT THE THEN THEY THIS TIME TIP TO TOO TOP TRY TWO UP US USE VERY WAIT '
    'WALK WANT WAR WAS WAY WE WELL WHAT WHEN WHO WHY WILL WIN WITH WORD WORK YEAR YES YOU '
    'YOUR ZERO MAX MIN SIZE NAME TYPE DATA FILE PATH INFO USER PASS TRUE NONE NULL CODE'.split()
)
_LONGEST_SPELLED = 4
_LONGEST_MIXED = 40
_VOWELS = frozenset('aeiouAEIOU')
_Y_WORDS = frozenset('by cry dry fly fry my pry shy sky spy try why'.split())
_PLURAL = re.compile('([A-Z]{2,})s')
# "OpenAI", "iOS", "PDFReader": a run of capitals with small letters beside it.
_MIXED = re.compile('[A-Za-z]*(?:[a-z][A-Z]{2,}|[A-Z]{2,}[A-Z][a-z]{2})[A-Za-z]*')


def spoken_word(word: str) -> str:
    """Return a Latin word as it is read: "API" -> A P I, "OpenAI" -> Open A I, NASA stays."""
    if '.' in word:
        return ' '.join(word.replace('.', '').upper())
    plural = _PLURAL.fullmatch(word)
    if plural:
        return spoken_word(plural[1])
    if word.isupper():
        return ' '.join(word) if _is_spelled(word) else word
    if len(word) <= _LONGEST_MIXED and _MIXED.fullmatch(word):
        return ' '.join(map(spoken_word, code_words(word)))
    return word


def spoken_code(words: Iterable[str], signs: Mapping[str, str], digits: Mapping[int, str]) -> str:
    """Return the words of an address, path or identifier as they are read.

    Args:
        words: as `common.code_words` gives them.
        signs: the name of each sign; one without a name is silent.
        digits: the translation of ASCII digits, which are read one by one.

    """
    spoken = ''
    for word in words:
        if word in signs:
            name = signs[word]
        elif word[0].isdecimal():
            name = word.translate(digits)
        elif word[0].isalpha():
            name = spoken_word(word.upper() if _has_no_vowel(word) else word)
        else:
            continue
        spoken += ' ' + name if spoken[-1:].isascii() and name[:1].isascii() else name
    return spoken.strip()


def _is_spelled(word: str) -> bool:
    if word in _READ_AS_WORDS:
        return False
    return len(word) <= _LONGEST_SPELLED or _has_no_vowel(word)


def _has_no_vowel(word: str) -> bool:
    return not _VOWELS.intersection(word) and word.lower() not in _Y_WORDS

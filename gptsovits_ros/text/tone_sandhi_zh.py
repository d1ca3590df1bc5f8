"""How Mandarin tones change in context (gptsovits-spec section 4.6, "sandhi").

The rules and their order are the official ones. Readings are numbered pinyin, one per character; a
rule only ever replaces the tone digit at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from gptsovits_ros.text.data_files import data_path

# Marks after which 一 keeps its tone; … and - are not among them in the official rule.
_MARKS = "、：，；。？！“”‘’':,;.?!"
_FINAL_PARTICLES = '吧呢哈啊呐噻嘛吖嗨哦哒额滴哩哟喽啰耶喔诶' + '的地得'
_ASPECT_TAGS = ('ul', 'uz', 'ug')
_LONGEST_MERGED = 3


class Word(NamedTuple):
    """A word and its part of speech in jieba's letters (n noun, v verb, a adjective, ...)."""

    text: str
    tag: str


class ToneSandhi:
    """Changes tones word by word; word lists in data/zh_neutral_tone.json."""

    def __init__(
        self, read_word: Callable[[str], list[str]], subwords: Callable[[str], list[str]]
    ) -> None:
        """Load the word lists.

        Args:
            read_word: gives the dictionary readings of a word, for the decision what to merge.
            subwords: gives all dictionary words inside a word, and the word itself.

        """
        lists = json.loads(data_path('zh_neutral_tone.json').read_text('utf-8'))
        self._neutral = frozenset(lists['neutral'])
        self._full = frozenset(lists['full'])
        self._read_word = read_word
        self._subwords = subwords

    def merge(self, words: list[Word]) -> list[Word]:
        """Join neighbouring words whose tones depend on each other."""
        words = _merge_bu(words)
        words = _merge_yi_between_verbs(words)
        words = _merge_yi_with_next(words)
        words = _merge_repeated(words)
        words = self._merge_third_tones(words, _both_third)
        words = self._merge_third_tones(words, _third_at_border)
        return _merge_er(words)

    def apply(self, word: Word, readings: list[str]) -> list[str]:
        """Return the readings of a merged word with the tones that are spoken."""
        readings = _change_bu(word.text, readings)
        readings = _change_yi(word.text, readings)
        readings = self._neutralize(word, readings)
        return self._change_third(word.text, readings)

    def _merge_third_tones(
        self, words: list[Word], meet: Callable[[list[str], list[str]], bool]
    ) -> list[Word]:
        """Join two words whose third tones meet to one of at most three characters."""
        readings = [self._read_word(word.text) for word in words]
        merged: list[Word] = []
        just_merged = False
        for index, word in enumerate(words):
            previous = words[index - 1] if index and not just_merged else None
            just_merged = (
                previous is not None
                and meet(readings[index - 1], readings[index])
                and not _is_reduplicated(previous.text)
                and len(previous.text) + len(word.text) <= _LONGEST_MERGED
            )
            if just_merged:
                merged[-1] = Word(merged[-1].text + word.text, merged[-1].tag)
            else:
                merged.append(word)
        return merged

    def _halves(self, word: str) -> tuple[str, str]:
        """Return a word in two parts, one of them the shortest dictionary word in it.

        The second part may be empty.

        The official rule takes a shortest word that is not at the start for the end of the word,
        even where it is the middle: 白葡萄酒 gives 白葡, 葡萄 (so 酒 turns neutral, as 萄 would).
        """
        shortest = min(self._subwords(word), key=len)
        if word.startswith(shortest):
            return shortest, word[len(shortest) :]
        return word[: -len(shortest)], shortest

    def _neutralize(self, word: Word, readings: list[str]) -> list[str]:
        text = word.text
        if text in self._full:
            return readings
        spoken = list(readings)
        if word.tag[:1] in ('n', 'v', 'a'):
            for index in range(1, len(text)):
                if text[index] == text[index - 1]:  # 奶奶, 试试
                    spoken[index] = _with_tone(spoken[index], '5')
        neutral = self._neutral_index(word)
        if neutral is not None:
            spoken[neutral] = _with_tone(spoken[neutral], '5')
        first, second = self._halves(text)
        for half, end in ((first, len(first)), (second, len(text))):
            if self._is_neutral_word(half):
                spoken[end - 1] = _with_tone(spoken[end - 1], '5')
        return spoken

    def _neutral_index(self, word: Word) -> int | None:
        """Return the place of the character that grammar or the word list makes neutral."""
        text, tag = word
        last = len(text) - 1
        if text[-1] in _FINAL_PARTICLES:
            return last
        if text in ('了', '着', '过') and tag in _ASPECT_TAGS:
            return last
        if last > 0 and text[-1] in '们子' and tag in ('r', 'n'):
            return last
        if last > 0 and text[-1] in '上下里' and tag in ('s', 'l', 'f'):
            return last
        if last > 0 and text[-1] in '来去' and text[-2] in '上下进出回过起开':
            return last
        measure = text.find('个')
        if text == '个' or measure > 0 and _can_count(text[measure - 1]):
            return measure
        return last if self._is_neutral_word(text) else None

    def _is_neutral_word(self, text: str) -> bool:
        return text in self._neutral or text[-2:] in self._neutral

    def _change_third(self, text: str, readings: list[str]) -> list[str]:
        if len(text) == 2:
            return _rise_pair(readings)
        if len(text) == 4:
            return _rise_pair(readings[:2]) + _rise_pair(readings[2:])
        if len(text) == 3:
            return self._change_third_of_three(text, readings)
        return readings

    def _change_third_of_three(self, text: str, readings: list[str]) -> list[str]:
        border = len(self._halves(text)[0])
        first, second = readings[:border], readings[border:]
        if _all_third(readings):
            if border == 3:
                return readings
            if border == 2:  # 蒙古|包
                return [_with_tone(reading, '2') for reading in first] + second
            return first + _rise_pair(second)  # 纸|老虎
        if border == 1 and _all_third([*first, second[0]]):  # 好|喜欢
            return [_with_tone(first[0], '2'), *second]
        return _rise_pair(first) + _rise_pair(second)  # 所有|人


def _with_tone(reading: str, tone: str) -> str:
    return reading[:-1] + tone


def _all_third(readings: list[str]) -> bool:
    return all(reading.endswith('3') for reading in readings)


def _both_third(left: list[str], right: list[str]) -> bool:
    return _all_third(left) and _all_third(right)


def _third_at_border(left: list[str], right: list[str]) -> bool:
    return _all_third([left[-1], right[0]])


def _rise_pair(readings: list[str]) -> list[str]:
    """Return two third tones as 2-3; anything else as it is."""
    if len(readings) == 2 and _all_third(readings):
        return [_with_tone(readings[0], '2'), readings[1]]
    return readings


def _is_reduplicated(text: str) -> bool:
    return len(text) == 2 and text[0] == text[1]


def _can_count(char: str) -> bool:
    return char.isnumeric() or char in '几有两半多各整每做是'


def _change_bu(text: str, readings: list[str]) -> list[str]:
    if len(text) == 3 and text[1] == '不':  # 看不懂
        return [readings[0], _with_tone(readings[1], '5'), readings[2]]
    return [
        _with_tone(reading, '2') if char == '不' and following.endswith('4') else reading
        for char, reading, following in zip(text, readings, [*readings[1:], ''], strict=True)
    ]


def _change_yi(text: str, readings: list[str]) -> list[str]:
    if all(char.isnumeric() for char in text):  # 一 itself is numeric; 一零零, 三百一十
        return readings
    if len(text) == 3 and text[1] == '一' and text[0] == text[2]:  # 看一看
        return [readings[0], _with_tone(readings[1], '5'), readings[2]]
    if text.startswith('第一'):
        return [readings[0], _with_tone(readings[1], '1'), *readings[2:]]
    spoken = list(readings)
    for index, following in enumerate(text[1:]):
        if text[index] != '一':
            continue
        if readings[index + 1].endswith('4'):  # 一段
            spoken[index] = _with_tone(readings[index], '2')
        elif following not in _MARKS:  # 一天
            spoken[index] = _with_tone(readings[index], '4')
    return spoken


def _merge_bu(words: list[Word]) -> list[Word]:
    """Join 不 with the word after it."""
    merged: list[Word] = []
    prefix = ''
    for word in words:
        text = prefix + word.text
        prefix = text if text == '不' else ''
        if not prefix:
            merged.append(Word(text, word.tag))
    if prefix:
        merged.append(Word(prefix, 'd'))
    return merged


def _merge_yi_between_verbs(words: list[Word]) -> list[Word]:
    """Join 看, 一, 看 to one verb."""
    merged: list[Word] = []
    is_joined = False
    for index, word in enumerate(words):
        if is_joined:
            is_joined = False
            continue
        is_joined = (
            word.text == '一'
            and 0 < index < len(words) - 1
            and merged[-1] == words[index + 1]
            and merged[-1].tag == 'v'
        )
        if is_joined:
            verb = merged[-1]
            merged[-1] = Word(f'{verb.text}一{verb.text}', verb.tag)
        else:
            merged.append(word)
    return merged


def _merge_yi_with_next(words: list[Word]) -> list[Word]:
    merged: list[Word] = []
    for word in words:
        if merged and merged[-1].text == '一':
            merged[-1] = Word('一' + word.text, merged[-1].tag)
        else:
            merged.append(word)
    return merged


def _merge_repeated(words: list[Word]) -> list[Word]:
    merged: list[Word] = []
    for word in words:
        if merged and merged[-1].text == word.text:
            merged[-1] = Word(word.text * 2, merged[-1].tag)
        else:
            merged.append(word)
    return merged


def _merge_er(words: list[Word]) -> list[Word]:
    merged: list[Word] = []
    for word in words:
        if merged and word.text == '儿':
            merged[-1] = Word(merged[-1].text + '儿', merged[-1].tag)
        else:
            merged.append(word)
    return merged

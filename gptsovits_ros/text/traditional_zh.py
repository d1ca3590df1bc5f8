"""Two characters of traditional text that simplified text writes in two ways, by what they mean.

乾 is 干 where something is dry, but 乾 in heaven and in names; 著 is 着 behind verbs and where
something is touched, worn or begun, but 著 in writing and fame. Dictionaries of readings know the
simplified words. All other characters have one simplified form, which the normaliser gives.
"""

from __future__ import annotations

import re

from gptsovits_ros.text.normalize_zh import simplify

_DRY = re.compile(
    '乾(?=[淨净燥杯脆旱枯糧粮洗癟瘪冰果貨货電电媽妈爹爽草涸裂澀涩嘔呕咳瞪著着等])'
    '|(?<=[餅饼曬晒烘風风擦吹弄豆肉筍笋口晾喝烤榨])乾'
)
# Not in words of writing and fame (名著, 討論著 but 論著).
_BEHIND_VERB = re.compile(
    '(?<![名顯显原專专土巨昭卓拙編编])(?<!(?<![談谈議议討讨爭争評评辯辩])[論论])'
    '著(?![名作稱称者書书述錄录])'
)
# Of these a simplified text may well mean books.
_AMBIGUOUS = re.compile('[译合遗所]著|著有')


def plain(text: str) -> str:
    """Return a text of Mandarin with 干 and 着 where simplified text has them; as long as before.

    In a text without any traditional character besides, 著 may be that of books; it is left where
    that makes sense.
    """
    if '乾' in text:
        text = _DRY.sub('干', text)
    if '著' not in text:
        return text
    if simplify(text) == text and _AMBIGUOUS.search(text):
        return text
    return _BEHIND_VERB.sub('着', text)

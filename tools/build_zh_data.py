"""Make gptsovits_ros/text/data/zh_*.{json,txt} from the word lists of PaddleSpeech (Apache-2.0).

    pip download --no-deps --dest /tmp/wheels paddlespeech==1.5.0
    python tools/build_zh_data.py /tmp/wheels/paddlespeech-1.5.0-py3-none-any.whl

The SHA-256 of the wheel is checked and its sources are read as text (syntax tree and YAML);
nothing of it is imported or run. Two runs give the same bytes. data/SOURCES_zh.md says what the
files are.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import io
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).resolve().parents[1] / 'gptsovits_ros' / 'text' / 'data'
WHEEL_SHA256 = 'ef292722776bf824b8c949e3a829dfa8bb22c666c26f37644534b009ef49a505'
FRONTEND = 'paddlespeech/t2s/frontend/'

# GPT-SoVITS changed these in its own copy of the lists; the voices were trained with the result.
NEUTRAL_REMOVED = ('别人', '将军', '戏弄')
NEUTRAL_ADDED = ('不在', '学生', '情形', '打点', '老太', '老头')
CLASSIFIERS_ADDED = '处台架枚趟幅平方堵间床株批项例列篇栋注亩'


def assigned(source: str, name: str) -> Any:
    """Return the literal value that is assigned to a variable or attribute of this name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign):
            target = node.targets[0]
            found = getattr(target, 'id', None) or getattr(target, 'attr', None)
            if found == name:
                return ast.literal_eval(node.value)
    raise SystemExit(f'{name} is not assigned in the source: is this paddlespeech 1.5.0?')


def alternatives(pattern: str) -> list[str]:
    """Return every text that a pattern of groups and bars matches: a(b|c) -> ab, ac."""
    position = 0

    def parse() -> list[str]:
        nonlocal position
        found, current = [], ['']
        while position < len(pattern) and pattern[position] != ')':
            char = pattern[position]
            position += 1
            if char == '|':
                found, current = found + current, ['']
            elif char == '(':
                inner = parse()
                position += 1
                current = [left + right for left in current for right in inner]
            else:
                current = [left + char for left in current]
        return found + current

    return parse()


def neutral_words(tone_sandhi: str) -> dict[str, list[str]]:
    """Return the words whose last syllable is always, and is never, neutral."""
    neutral = assigned(tone_sandhi, 'must_neural_tone_words')
    neutral = neutral.difference(NEUTRAL_REMOVED).union(NEUTRAL_ADDED)
    full = assigned(tone_sandhi, 'must_not_neural_tone_words')
    return {'neutral': sorted(neutral), 'full': sorted(full)}


def erhua_words(zh_frontend: str) -> dict[str, list[str]]:
    """Return the words whose 儿 is, and is not, a suffix of the syllable before it."""
    return {
        'suffix': sorted(assigned(zh_frontend, 'must_erhua')),
        'syllable': sorted(assigned(zh_frontend, 'not_erhua')),
    }


def simplified(char_convert: str) -> dict[str, str]:
    """Return two texts of equal length: traditional characters and their simplified forms."""
    forms = dict(
        zip(
            assigned(char_convert, 'traditional_characters'),
            assigned(char_convert, 'simplified_charcters'),
            strict=True,
        )
    )
    changed = sorted((old, new) for old, new in forms.items() if old != new)
    return {
        'traditional': ''.join(old for old, _ in changed),
        'simplified': ''.join(new for _, new in changed),
    }


def classifiers(num: str) -> list[str]:
    """Return the measure words, without those that begin with a shorter one."""
    words = {word for word in alternatives(assigned(num, 'COM_QUANTIFIERS')) if word}
    words.update(CLASSIFIERS_ADDED)
    return sorted(
        word for word in words if not any(word[:end] in words for end in range(1, len(word)))
    )


def dump(value: Any) -> str:
    """Return JSON with real characters; a list of words takes lines of up to 90 columns."""
    text = json.dumps(value, ensure_ascii=False, indent=1)
    return re.sub(r'\[[^][{}]*\]', lambda found: _folded(found[0]), text) + '\n'


def _folded(json_list: str) -> str:
    words = [json.dumps(word, ensure_ascii=False) for word in json.loads(json_list)]
    if len(words) <= 8:
        return '[' + ', '.join(words) + ']'
    rows = [', '.join(words[i : i + 10]) for i in range(0, len(words), 10)]
    return '[\n  ' + ',\n  '.join(rows) + '\n ]'


def main() -> int:
    """Write the data files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('wheel', type=Path, help='paddlespeech-1.5.0-py3-none-any.whl')
    wheel_bytes = parser.parse_args().wheel.read_bytes()
    if hashlib.sha256(wheel_bytes).hexdigest() != WHEEL_SHA256:
        raise SystemExit('this is not the wheel of paddlespeech 1.5.0 (its SHA-256 differs)')
    wheel = zipfile.ZipFile(io.BytesIO(wheel_bytes))

    def source(name: str) -> str:
        return wheel.read(FRONTEND + name).decode('utf-8')

    polyphones = yaml.safe_load(source('polyphonic.yaml'))['polyphonic']
    files = {
        'zh_neutral_tone.json': dump(neutral_words(source('tone_sandhi.py'))),
        'zh_erhua.json': dump(erhua_words(source('zh_frontend.py'))),
        'zh_polyphones.json': dump(dict(sorted(polyphones.items()))),
        'zh_simplified.json': dump(simplified(source('zh_normalization/char_convert.py'))),
        'zh_classifiers.txt': '\n'.join(classifiers(source('zh_normalization/num.py'))) + '\n',
    }
    for name, text in files.items():
        (DATA / name).write_text(text, encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())

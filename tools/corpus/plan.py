"""Who says what: an endless list of clips to be made, the same on every machine."""

from __future__ import annotations

import csv
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from texts import Sentence, sentences

# Voices whose prosody is native, for timbres from elsewhere.
NATIVE_PROSODY = {
    ('en', 'f'): ('af_heart', 'af_bella', 'af_aoede', 'af_sarah', 'af_kore', 'bf_emma'),
    ('en', 'm'): ('am_michael', 'am_puck', 'am_fenrir', 'bm_george', 'bm_fable'),
    ('zh', 'f'): ('zf_xiaoxiao', 'zf_xiaoyi', 'zf_xiaobei'),
    ('zh', 'm'): ('zm_yunxi', 'zm_yunjian', 'zm_yunxia'),
}
# The speakers of the bundled voices say more than the others.
CORE_SHARE = 0.35
DEV_SPEAKER_SHARE = 0.03
SPEED_DEVIATION, SLOWEST, FASTEST = 0.06, 0.85, 1.2


@dataclass(frozen=True)
class Speaker:
    """A timbre, and its own prosody per language where it has one."""

    name: str
    gender: str
    split: str
    timbre: str
    prosody: dict[str, str]


@dataclass(frozen=True)
class Clip:
    """One clip to be made."""

    name: str
    split: str
    speaker: Speaker
    sentence: Sentence
    prosody: str
    speed: float


def read_speakers() -> list[Speaker]:
    """Return the speakers of speakers.tsv."""
    with open(Path(__file__).with_name('speakers.tsv'), encoding='utf-8', newline='') as stream:
        return [
            Speaker(
                row['speaker'],
                row['gender'],
                row['split'],
                row['timbre'],
                {language: row[f'{language}_prosody'] for language in ('en', 'zh')},
            )
            for row in csv.DictReader(stream, delimiter='\t')
        ]


def clips() -> Iterator[Clip]:
    """Return all clips in the order in which they are made, languages in turn, without end."""
    speakers = read_speakers()
    return itertools.chain.from_iterable(
        zip(*(_clips_of(language, speakers) for language in ('en', 'zh')), strict=False)
    )


def _clips_of(language: str, speakers: list[Speaker]) -> Iterator[Clip]:
    all_sentences = sentences(language)
    numbers = itertools.count()
    for turn in itertools.count():
        order = list(all_sentences)
        if turn:  # the first time the files follow each other, the most needed first
            random.Random(f'{language} {turn}').shuffle(order)
        for sentence in order:
            name = f'g{language}{next(numbers):06d}'
            yield _cast(name, sentence, speakers)


def _cast(name: str, sentence: Sentence, speakers: list[Speaker]) -> Clip:
    chance = random.Random(name)
    groups = (
        [s for s in speakers if s.name.startswith('core-')],
        [s for s in speakers if s.split == 'dev-speaker'],
        [s for s in speakers if s.split == 'train' and not s.name.startswith('core-')],
    )
    shares = (CORE_SHARE, DEV_SPEAKER_SHARE, 1 - CORE_SHARE - DEV_SPEAKER_SHARE)
    speaker = chance.choice(chance.choices(groups, shares)[0])
    prosody = speaker.prosody[sentence.language]
    if not prosody:
        pool = NATIVE_PROSODY[sentence.language, speaker.gender]
        first, second = chance.sample(pool, 2)
        weight = round(chance.uniform(0.5, 1.0), 2)
        prosody = f'{weight:.2f}*{first}+{1 - weight:.2f}*{second}'
    speed = min(max(chance.gauss(1.0, SPEED_DEVIATION), SLOWEST), FASTEST)
    split = 'dev-text' if sentence.is_dev and speaker.split == 'train' else speaker.split
    return Clip(name, split, speaker, sentence, prosody, round(speed, 3))

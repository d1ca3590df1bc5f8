"""From tables of clips to the folder that the trainers read."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from gptsovits_ros.errors import AudioInvalidError, ConfigurationError
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.training.corpus import read_corpus
from gptsovits_ros.training.prepare import (
    Clip,
    prepare_corpus,
    read_clips,
    read_lists,
    read_wave,
    separate_splits,
    write_lines,
)

HEADER = 'name\tsplit\tspeaker\tgender\tlanguage\tseconds\ttext'
ROWS = (
    'a1\ttrain\tann\tf\ten\t0.640\tThe red box is open.',
    'a2\tdev-text\tann\tf\ten\t0.640\tGood morning to you.',
    'b1\tdev-speaker\tben\tm\tzh\t0.640\t你好,请跟我来。',
)
RATE = 24000


@pytest.fixture(scope='module')
def frontend():
    return TextFrontend('v2')


@pytest.fixture
def source(tmp_path):
    """Return a table and the folder of its audio."""
    table, audio = tmp_path / 'clips.tsv', tmp_path / 'clips'
    audio.mkdir()
    table.write_text('\n'.join((HEADER, *ROWS)) + '\n', encoding='utf-8')
    for name in ('a1', 'a2', 'b1'):
        wave = 0.1 * np.sin(np.arange(int(0.64 * RATE)) * 0.05)
        soundfile.write(audio / f'{name}.flac', wave, RATE)
    return table, audio


def prepare(source, folder, frontend):
    said: list[str] = []
    table, audio = source
    return prepare_corpus({table: audio}, folder, frontend, said.append), said


def test_prepared_corpus_is_what_the_trainers_read(source, tmp_path, frontend):
    folder = tmp_path / 'corpus'
    clips, said = prepare(source, folder, frontend)
    assert ([clip.name for clip in clips], said) == (['a1', 'a2', 'b1'], [])
    write_lines(folder / 'tokens.tsv', (f'{clip.name}\t{"1 " * 15}0' for clip in clips))
    utterances = read_corpus(folder, 2, said.append)
    assert said == []
    assert [(u.name, u.split, len(u.tokens)) for u in utterances] == [
        ('a1', 'train', 16),
        ('a2', 'dev-text', 16),
        ('b1', 'dev-speaker', 16),
    ]


def test_phonemes_are_those_of_the_frontend_in_the_language_of_the_row(source, tmp_path, frontend):
    prepare(source, tmp_path / 'corpus', frontend)
    lines = read_lists(tmp_path / 'corpus' / 'phonemes.tsv')
    assert lines['a1'] == 'DH AH0 R EH1 D B AA1 K S IH1 Z OW1 P AH0 N .'
    assert lines['b1'].split()[:2] == ['n', 'i2']


def test_a_second_run_adds_only_what_is_new(source, tmp_path, frontend):
    table, audio = source
    folder = tmp_path / 'corpus'
    prepare(source, folder, frontend)
    phonemes = folder / 'phonemes.tsv'
    phonemes.write_text(phonemes.read_text('utf-8').replace('a1\tDH', 'a1\tZH'), encoding='utf-8')
    with open(table, 'a', encoding='utf-8') as stream:
        stream.write('a3\ttrain\tann\tf\ten\t0.640\tOkay.\n')
    soundfile.write(audio / 'a3.flac', np.zeros(RATE), RATE)
    clips, _ = prepare(source, folder, frontend)
    lines = read_lists(phonemes)
    assert len(clips) == len(lines) == 4
    assert lines['a1'].startswith('ZH')  # was there already


def test_a_clip_without_audio_or_speakable_text_is_left_out_and_named(source, tmp_path, frontend):
    table, _ = source
    with open(table, 'a', encoding='utf-8') as stream:
        stream.write('a4\ttrain\tann\tf\ten\t0.640\tNo file here.\n')
        stream.write('a5\ttrain\tann\tf\ten\t0.640\t...\n')
    clips, said = prepare(source, tmp_path / 'corpus', frontend)
    assert len(clips) == 3
    assert [line.split(' ')[0] for line in said] == ['a4', 'a5']


def test_a_sentence_that_is_trained_is_no_dev_sentence():
    rows = [('a', 'train', 'Okay.'), ('b', 'dev-text', 'Okay.'), ('c', 'dev-text', 'No.')]
    clips = [Clip(name, split, 's', 'en', 1.0, text) for name, split, text in rows]
    assert [clip.split for clip in separate_splits(clips)] == ['train', 'train', 'dev-text']


@pytest.mark.parametrize(
    'line, message',
    [
        ('../x\ttrain\tann\tf\ten\t1.0\tOkay.', 'is no name'),
        ('a9\ttest\tann\tf\ten\t1.0\tOkay.', '"test" none of'),
        ('a9\ttrain\tann\tf\ten\tlong\tOkay.', 'line 5.*long'),
        ('a9\ttrain', 'line 5: KeyError'),
        (ROWS[0], 'two clips named a1'),
    ],
)
def test_wrong_rows_stop_the_preparation(source, tmp_path, frontend, line, message):
    table, _ = source
    with open(table, 'a', encoding='utf-8') as stream:
        stream.write(line + '\n')
    with pytest.raises(ConfigurationError, match=message):
        prepare(source, tmp_path / 'corpus', frontend)


def test_a_table_needs_its_columns(tmp_path):
    table = tmp_path / 'clips.tsv'
    table.write_text('name\tsplit\n', encoding='utf-8')
    with pytest.raises(ConfigurationError, match='lacks the column "speaker"'):
        read_clips(table)
    with pytest.raises(ConfigurationError, match='cannot read the table'):
        read_clips(tmp_path / 'missing.tsv')


def test_audio_of_a_corpus_is_read_at_the_rate_that_is_asked_for(source, tmp_path, frontend):
    folder = tmp_path / 'corpus'
    prepare(source, folder, frontend)
    assert read_wave(folder, 'a1', 16000).shape == (int(0.64 * 16000),)
    (folder / 'audio' / 'a2.flac').write_bytes(b'not audio')
    with pytest.raises(AudioInvalidError, match='a2.flac'):
        read_wave(folder, 'a2', 16000)

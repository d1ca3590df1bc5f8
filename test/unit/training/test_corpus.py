"""Reading a corpus: what is sound is used, what is not is reported by its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from gptsovits_ros.errors import AudioInvalidError, ConfigurationError
from gptsovits_ros.text.symbols import symbol_table
from gptsovits_ros.training.corpus import AudioCache, Speakers, Utterance, read_corpus

CODES = 16


def read(folder: Path) -> tuple[list[Utterance], list[str]]:
    """Return utterances and reports."""
    reports: list[str] = []
    return read_corpus(folder, CODES, reports.append), reports


def edit(path: Path, line: int, text: str) -> None:
    """Replace a line, numbered from 1; beyond the end it is added."""
    lines = path.read_text(encoding='utf-8').splitlines()
    lines[line - 1 : line] = [text]
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')


def test_sound_corpus_is_read_whole(corpus):
    utterances, reports = read(corpus)
    assert reports == []
    assert [item.name for item in utterances] == [f'clip{index:02d}' for index in range(24)]
    first = utterances[0]
    assert (first.split, first.speaker, first.language, first.seconds) == (
        'train',
        's0',
        'en',
        0.6,
    )
    assert first.tokens.dtype == first.phoneme_ids.dtype == np.int64
    written = (corpus / 'phonemes.tsv').read_text().splitlines()[0].split('\t')[1].split()
    assert [symbol_table('v2')[number] for number in first.phoneme_ids] == written


@pytest.mark.parametrize(
    'file, line, text, report',
    [
        (
            'corpus',
            3,
            'clip01\ttrain\ts1\ten\tsoon\thi',
            'corpus.tsv line 3 is left out: could not',
        ),
        ('corpus', 3, 'clip01\ttrain\ts1\ten\tnan\thi', 'nan seconds is outside'),
        ('corpus', 3, 'clip01\ttrain\ts1\ten\t-1\thi', '-1.0 seconds is outside'),
        ('corpus', 3, 'clip01\ttrain\ts1\ten\t60\thi', 'has 16 tokens; about 1500 expected'),
        ('corpus', 3, 'clip01\ttest\ts1\ten\t0.65\thi', 'split "test" is none of'),
        ('corpus', 3, 'clip01\ttrain\ts1', 'it has no language'),
        ('corpus', 3, 'clip00\ttrain\ts0\ten\t0.6\thi', '"clip00" is there a second time'),
        ('corpus', 3, '../../etc/passwd\ttrain\ts0\ten\t0.6\thi', 'is no name'),
        ('corpus', 3, 'other\ttrain\ts0\ten\t0.6\thi', '"other" has no phonemes'),
        ('phonemes', 2, 'clip01\tb c qqq', 'phonemes.tsv line 2 is left out: "qqq" is no phoneme'),
        ('phonemes', 2, 'clip01', 'it has no phonemes'),
        ('phonemes', 2, '.hidden\tb', 'is no name'),
        ('tokens', 2, 'clip01\t1 2 x', 'tokens.tsv line 2 is left out: invalid literal'),
        ('tokens', 2, 'clip01\t1 2 16', 'a token is outside 0 to 15'),
        ('tokens', 2, 'clip01\t-1', 'a token is outside 0 to 15'),
        ('tokens', 2, 'clip01\t99999999999999999999', 'tokens.tsv line 2'),
        ('tokens', 2, 'clip00\t1', '"clip00" is there a second time'),
    ],
)
def test_bad_line_is_reported_and_left_out(fresh_corpus, file, line, text, report):
    edit(fresh_corpus / f'{file}.tsv', line, text)
    utterances, reports = read(fresh_corpus)
    assert any(report in item for item in reports), reports
    assert [item.name for item in utterances] == [f'clip{i:02d}' for i in range(24) if i != 1]


def test_bytes_that_are_no_utf8_spoil_their_line_only(fresh_corpus):
    path = fresh_corpus / 'phonemes.tsv'
    path.write_bytes(b'clip00\t\xff\xfe\n' + path.read_bytes().split(b'\n', 1)[1])
    utterances, reports = read(fresh_corpus)
    assert 'phonemes.tsv line 1' in reports[0]
    assert len(utterances) == 23


def test_more_columns_may_follow(fresh_corpus):
    path = fresh_corpus / 'corpus.tsv'
    lines = [f'{line}\t0.5' for line in path.read_text().splitlines()]
    path.write_text('\n'.join([lines[0].replace('0.5', 'score'), *lines[1:]]))
    assert len(read(fresh_corpus)[0]) == 24


@pytest.mark.parametrize('file', ['corpus', 'phonemes', 'tokens'])
def test_missing_file_is_an_error(fresh_corpus, file):
    (fresh_corpus / f'{file}.tsv').unlink()
    with pytest.raises(ConfigurationError, match=f'cannot read .*{file}.tsv'):
        read(fresh_corpus)


def test_missing_column_is_an_error(fresh_corpus):
    edit(fresh_corpus / 'corpus.tsv', 1, 'name\tspeaker\tlanguage\tseconds\ttext')
    with pytest.raises(ConfigurationError, match='no column "split"'):
        read(fresh_corpus)


def test_corpus_without_a_sound_line_is_an_error(fresh_corpus):
    (fresh_corpus / 'tokens.tsv').write_text('clip00\tx\n')
    with pytest.raises(ConfigurationError, match='no usable utterance'):
        read(fresh_corpus)


def test_audio_is_read_at_the_rate_of_the_model(corpus):
    kept, raised = AudioCache(corpus, 8000), AudioCache(corpus, 16000)
    wave = kept.wave('clip00')
    assert wave.dtype == np.int16 and len(wave) == 4800
    assert kept.wave('clip00') is wave
    assert len(raised.wave('clip00')) == 9600
    stored, _ = soundfile.read(corpus / 'audio' / 'clip00.wav', dtype='int16')
    assert np.array_equal(wave, stored)


def test_audio_can_be_read_ahead(corpus, monkeypatch):
    cache = AudioCache(corpus, 8000)
    cache.preload(['clip03', 'clip04'])
    monkeypatch.setattr(cache, '_read', None)
    assert len(cache.wave('clip04')) > len(cache.wave('clip03')) > 0


def test_missing_and_damaged_audio_are_errors(fresh_corpus):
    (fresh_corpus / 'audio' / 'clip00.wav').write_bytes(b'RIFF')
    cache = AudioCache(fresh_corpus, 8000)
    for name in ('clip00', 'nobody'):
        with pytest.raises(AudioInvalidError, match=name):
            cache.wave(name)


def test_another_utterance_is_of_the_same_speaker_and_never_the_same(corpus):
    utterances, _ = read(corpus)
    speakers = Speakers(utterances, lambda item: True)
    rng = np.random.default_rng(0)
    drawn = {speakers.another(4, rng) for _ in range(200)}
    assert drawn == {index for index in range(24) if index % 3 == 1 and index != 4}


def test_only_utterances_that_fit_are_drawn(corpus):
    utterances, _ = read(corpus)
    speakers = Speakers(utterances, lambda item: item.name == 'clip04')
    rng = np.random.default_rng(0)
    assert speakers.another(1, rng) == 4
    assert speakers.another(4, rng) is None
    assert speakers.another(0, rng) is None

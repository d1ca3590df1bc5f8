"""The verb say, with an engine that speaks a tone of 0.1 s per character."""

from __future__ import annotations

import argparse
import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from gptsovits_ros.cli import UsageError, say
from gptsovits_ros.errors import (
    ConfigurationError,
    LanguageUnsupportedError,
    ParameterInvalidError,
    TextInvalidError,
)
from gptsovits_ros.types import AudioChunk, Mark

RATE = 8000


class Engine:
    """Speaks each word as one chunk of a constant; knows what it was asked."""

    def __init__(self):
        self.settings = []
        self.requests = []

    @property
    def default_voice(self):
        return self.settings[-1].default_voice or 'first'

    def load(self, settings):
        self.settings.append(settings)
        return self

    def synthesize(self, request):
        self.requests.append(request)
        if 'forbidden' in request.text:
            raise LanguageUnsupportedError('not this one')
        for index, word in enumerate(request.text.replace('silent', '').split()):
            samples = np.full(len(word) * RATE // 10, 0.25, dtype=np.float32)
            marks = (Mark('word', word, 0.01, 0.05),) if request.marks else ()
            yield AudioChunk(samples, RATE, index, word, marks=marks)


@pytest.fixture
def engine():
    return Engine()


def run(engine, *argv):
    """Run the verb as the command line does."""
    parser = argparse.ArgumentParser()
    say.add_arguments(parser)
    return say.run(parser.parse_args(list(argv)), engine.load)


def stdin(monkeypatch, data):
    """Give bytes on standard input."""
    monkeypatch.setattr(sys, 'stdin', SimpleNamespace(buffer=io.BytesIO(data)))


def test_a_text_becomes_one_wav_file_of_all_chunks(engine, tmp_path, capsys):
    path = tmp_path / 'out.wav'
    assert run(engine, 'ab cde', '-o', str(path)) == 0
    samples, rate = soundfile.read(path)
    assert (len(samples), rate) == (RATE // 2, RATE)
    assert np.all(samples == 0.25)
    assert '0.50 s of speech' in capsys.readouterr().out


def test_marks_are_printed_with_times_from_the_start_of_the_utterance(engine, tmp_path, capsys):
    path = str(tmp_path / 'out.wav')
    run(engine, 'ab cde', '-o', path)
    assert '\tword\t' not in capsys.readouterr().out
    assert run(engine, 'ab cde', '-o', path, '--marks') == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if '\t' in line]
    assert lines == ['0.010\t0.050\tword\tab', '0.210\t0.050\tword\tcde']


def test_marks_of_many_texts_are_refused(engine, tmp_path):
    (tmp_path / 'texts.tsv').write_text('a\tb\n')
    options = ('--file', str(tmp_path / 'texts.tsv'), '--out-dir', str(tmp_path), '--marks')
    with pytest.raises(UsageError, match='--marks goes with one text'):
        run(engine, *options)


def test_what_is_written_says_that_it_is_synthetic_and_in_whose_voice(engine, tmp_path):
    for name, options in (('default', ()), ('anna', ('--voice', 'anna'))):
        run(engine, 'hi', '-o', str(tmp_path / f'{name}.wav'), *options)
    with soundfile.SoundFile(tmp_path / 'default.wav') as wav:
        assert 'AI-generated' in wav.comment and 'voice=first' in wav.comment
    with soundfile.SoundFile(tmp_path / 'anna.wav') as wav:
        assert 'voice=anna' in wav.comment


def test_every_option_reaches_the_request(engine, tmp_path):
    run(
        engine,
        'hi',
        '-o',
        str(tmp_path / 'a.wav'),
        '--lang',
        'en',
        '--speed',
        '1.5',
        '--seed',
        '7',
        '--split',
        'cut0',
        '--pause',
        '0.1',
        '--noise-scale',
        '0.2',
        '--sample-steps',
        '8',
        '--guard-retries',
        '4',
        '--top-k',
        '3',
        '--top-p',
        '0.9',
        '--temperature',
        '0.8',
        '--repetition-penalty',
        '1.1',
    )
    request = engine.requests[0]
    assert (request.text, request.language, request.speed, request.seed) == ('hi', 'en', 1.5, 7)
    assert (request.split_method, request.pause_s, request.noise_scale) == ('cut0', 0.1, 0.2)
    assert (request.sample_steps, request.guard_retries, request.stream) == (8, 4, False)
    sampling = request.sampling
    assert (sampling.top_k, sampling.top_p) == (3, 0.9)
    assert (sampling.temperature, sampling.repetition_penalty) == (0.8, 1.1)


def test_every_option_reaches_the_settings(engine, tmp_path):
    run(
        engine,
        'hi',
        '-o',
        str(tmp_path / 'a.wav'),
        '--voice',
        'anna',
        '--voice-root',
        '/v',
        '--model-root',
        '/m',
        '--device',
        'cpu',
        '--threads',
        '2',
        '--lexicon',
        'words.yaml',
        '--upstream-compatible',
    )
    settings = engine.settings[0]
    assert settings.default_voice == 'anna'
    assert (settings.lexicon, settings.upstream_compatible) == ('words.yaml', True)
    assert (settings.voice_root, settings.model_root) == ('/v', '/m')
    assert (settings.device, settings.threads) == ('cpu', 2)


def test_a_voice_with_a_slash_is_a_folder(engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(engine, 'hi', '-o', 'a.wav', '--voice', './anna/', '--voice-root', '/elsewhere')
    assert engine.settings[0].voice_root == str(tmp_path.resolve())
    assert engine.settings[0].default_voice == 'anna'


def test_a_dash_reads_the_text_from_standard_input(engine, tmp_path, monkeypatch):
    stdin(monkeypatch, '你好'.encode())
    run(engine, '-', '-o', str(tmp_path / 'a.wav'))
    assert engine.requests[0].text == '你好'


def test_text_that_is_no_utf8_is_refused_before_models_are_loaded(engine, tmp_path, monkeypatch):
    stdin(monkeypatch, b'ab\xff')
    with pytest.raises(TextInvalidError, match='byte 2'):
        run(engine, '-', '-o', str(tmp_path / 'a.wav'))
    assert engine.settings == []


def test_a_missing_folder_is_told_before_models_are_loaded(engine, tmp_path):
    with pytest.raises(ConfigurationError, match='folder does not exist'):
        run(engine, 'hi', '-o', str(tmp_path / 'no' / 'a.wav'))
    assert engine.settings == []


def test_a_number_out_of_range_is_told_before_models_are_loaded(engine, tmp_path):
    with pytest.raises(ParameterInvalidError, match='speed'):
        run(engine, 'hi', '-o', str(tmp_path / 'a.wav'), '--speed', '9')
    assert engine.settings == []


def test_a_text_without_sound_leaves_no_file(engine, tmp_path):
    with pytest.raises(TextInvalidError, match='nothing that can be spoken'):
        run(engine, 'silent', '-o', str(tmp_path / 'a.wav'))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    'argv',
    [
        [],
        ['hi'],
        ['-o', 'a.wav'],
        ['hi', '--file', 'x', '-o', 'a.wav'],
        ['--file', 'x'],
        ['--file', 'x', '-o', 'a.wav'],
        ['hi', '--out-dir', 'd'],
        ['hi', '-o', 'a.wav', '--out-dir', 'd'],
    ],
)
def test_arguments_that_do_not_go_together_are_wrong_usage(engine, argv):
    with pytest.raises(UsageError):
        run(engine, *argv)


def test_a_file_of_texts_becomes_a_folder_of_wavs_with_one_load(engine, tmp_path, capsys):
    texts = tmp_path / 'texts.tsv'
    texts.write_bytes('\ufeffone\tab\r\n\n问候 2\t你好\tx\n'.encode())
    assert run(engine, '--file', str(texts), '--out-dir', str(tmp_path / 'new' / 'out')) == 0
    assert sorted(p.name for p in (tmp_path / 'new' / 'out').iterdir()) == [
        'one.wav',
        '问候 2.wav',
    ]
    assert [request.text for request in engine.requests] == ['ab', '你好\tx']
    assert len(engine.settings) == 1
    output = capsys.readouterr()
    assert '[1/2] line 1: one.wav' in output.err
    assert '2 of 2 texts' in output.out


def test_a_dash_reads_the_texts_from_standard_input(engine, tmp_path, monkeypatch):
    stdin(monkeypatch, b'one\tab\n')
    assert run(engine, '--file', '-', '--out-dir', str(tmp_path)) == 0
    assert (tmp_path / 'one.wav').is_file()


def test_bad_lines_are_reported_and_the_rest_goes_on(engine, tmp_path, capsys):
    texts = tmp_path / 'texts.tsv'
    texts.write_bytes(
        b'no tab here\n../up\tab\n.hidden\tab\na/b\tab\n\tab\n' + b'x' * 101 + b'\tab\n'
        b'good\tab\ngood\tagain\nbad\tforbidden\nraw\t\xff\nlast\tab\n'
    )
    out = tmp_path / 'out'
    assert run(engine, '--file', str(texts), '--out-dir', str(out)) == 1
    assert sorted(p.name for p in out.iterdir()) == ['good.wav', 'last.wav']
    assert {p.name for p in tmp_path.iterdir()} == {'texts.tsv', 'out'}
    output = capsys.readouterr()
    assert output.err.count('error TEXT_INVALID') == 8
    assert output.err.count('error LANGUAGE_UNSUPPORTED: not this one') == 1
    assert '2 of 11 texts' in output.out


def test_a_wav_that_cannot_be_written_does_not_stop_the_rest(engine, tmp_path, capsys):
    texts = tmp_path / 'texts.tsv'
    texts.write_text('one\tab\ntwo\tab\n')
    (tmp_path / 'out' / 'one.wav').mkdir(parents=True)
    assert run(engine, '--file', str(texts), '--out-dir', str(tmp_path / 'out')) == 1
    assert (tmp_path / 'out' / 'two.wav').is_file()
    assert 'error SYSTEM' in capsys.readouterr().err


def test_an_endless_file_is_refused(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(say, 'MAX_FILE_BYTES', 10)
    texts = tmp_path / 'texts.tsv'
    texts.write_text('name\tmore than ten bytes\n')
    with pytest.raises(TextInvalidError, match='larger than 10 bytes'):
        run(engine, '--file', str(texts), '--out-dir', str(tmp_path))

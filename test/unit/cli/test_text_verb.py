"""`gptsovits_ros text`."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from gptsovits_ros import cli

HELLO = 'Hello world.\tHH AH0 L OW1 W ER1 L D .\n'


def run(capsys, *argv):
    """Return exit code, output and errors."""
    code = cli.main(['text', *argv])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_a_text_is_shown_as_words_and_phonemes(capsys):
    assert run(capsys, '--lang', 'en', 'Hello world.') == (0, HELLO, '')
    code, out, _ = run(capsys, '--lang', 'zh', '共3kg。')
    assert (code, out) == (0, '共三千克。\tg ong4 s an1 q ian1 k e4 .\n')


def test_each_line_of_a_file_gives_a_line(capsys, tmp_path):
    path = tmp_path / 'texts.txt'
    path.write_bytes('\ufeffHello world.\r\n\nIt is 5:30.'.encode())
    code, out, err = run(capsys, '--lang', 'en', '--file', str(path))
    lines = out.splitlines()
    assert (code, err) == (0, '')
    assert lines[:2] == [HELLO.strip('\n'), '\t']
    assert lines[2].startswith('It is five thirty.\tIH1 T IH1 Z F AY1 V')


@pytest.mark.parametrize('argv', [['-'], ['--file', '-']])
def test_standard_input_is_read(capsys, monkeypatch, argv):
    monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(io.BytesIO(b'Hello world.\n')))
    assert run(capsys, '--lang', 'en', *argv) == (0, HELLO, '')


def test_a_line_that_cannot_be_spoken_keeps_its_place_and_is_told(capsys, tmp_path):
    path = tmp_path / 'texts.txt'
    path.write_bytes('。。\n'.encode() + b'\xff\nHello world.\n<speak><b>x</b></speak>\n')
    code, out, err = run(capsys, '--lang', 'en', '--file', str(path))
    assert code == 1
    assert out.split('\n') == ['\t', '\t', HELLO.strip('\n'), '\t', '']
    assert [line.partition(':')[0] for line in err.splitlines()] == ['line 1', 'line 2', 'line 4']
    assert 'not valid UTF-8' in err and '<b>' in err


def test_options_reach_the_frontend(capsys, tmp_path):
    lexicon = tmp_path / 'lexicon.yaml'
    lexicon.write_text('format: 1\nen: {Ada: {say: hello}}\nzh: {桥: {phonemes: "q [ iao2"}}')
    assert run(capsys, '--lang', 'en', '--lexicon', str(lexicon), 'Ada')[1].startswith('hello\t')
    assert 'q [ iao2' in run(capsys, '--lang', 'zh', '--lexicon', str(lexicon), '桥')[1]
    old = run(capsys, '--lang', 'zh', '--symbols', 'v1', '--lexicon', str(lexicon), '桥')[1]
    assert 'q UNK iao2' in old
    official = run(capsys, '--lang', 'en', '--upstream-compatible', 'It is -19.')[1]
    assert official.startswith('It isnegative nineteen.\t')


@pytest.mark.parametrize('argv', [[], ['a', '--file', 'b']])
def test_one_source_is_needed(capsys, argv):
    code, _, err = run(capsys, *argv)
    assert code == 2
    assert 'either a text or --file' in err


def test_a_missing_file_and_a_wrong_lexicon_are_told(capsys, tmp_path):
    assert run(capsys, '--file', str(tmp_path / 'absent'))[0] == 1
    code, _, err = run(capsys, '--lexicon', str(tmp_path / 'absent'), 'a')
    assert code == 1 and 'CONFIGURATION_INVALID' in err and 'absent' in err


def test_a_line_has_a_longest_length(capsys, tmp_path):
    path = tmp_path / 'texts.txt'
    path.write_bytes(b'a' * (256 * 1024 + 1))
    code, _, err = run(capsys, '--lang', 'en', '--file', str(path))
    assert code == 1 and '262144 bytes' in err


def test_no_model_library_is_imported():
    program = (
        'import sys, gptsovits_ros.cli as cli\n'
        'cli.main(["text", "--lang", "zh", "你好"])\n'
        'heavy = {"torch", "transformers", "soundfile"} & set(sys.modules)\n'
        'assert not heavy, heavy'
    )
    done = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == '你好\t. n i2 h ao3 .\n'

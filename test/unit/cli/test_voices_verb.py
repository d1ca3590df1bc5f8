"""The verb voices."""

from __future__ import annotations

import argparse
import json

import pytest
import yaml

from gptsovits_ros.cli import voices

FILES = ('gpt.ckpt', 'sovits.pth', 'prompt.wav')


def run(*argv):
    """Run the verb as the command line does."""
    parser = argparse.ArgumentParser()
    voices.add_arguments(parser)
    return voices.run(parser.parse_args(list(argv)))


@pytest.fixture
def root(tmp_path):
    """Return a store with two voices (only as far as listing looks at them)."""
    for name, languages in (('bella', ['zh', 'en']), ('anna', ['en'])):
        folder = tmp_path / name
        (folder / 'hubert').mkdir(parents=True)
        for file in FILES:
            (folder / file).touch()
        (folder / 'voice.yaml').write_text(
            yaml.safe_dump(
                {
                    'format': 1,
                    'description': f'voice of {name}',
                    'languages': languages,
                    'model': {
                        'semantic': 'gpt.ckpt',
                        'acoustic': 'sovits.pth',
                        'version': 'v2',
                        'sample_rate': 32000,
                    },
                    'prompt': {'audio': 'prompt.wav', 'text': 'hello', 'language': 'en'},
                    'encoders': {'hubert': 'hubert'},
                }
            )
        )
    return tmp_path


def test_voices_are_listed_by_name_with_the_default_one_marked(root, capsys):
    assert run('--voice-root', str(root)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ['*', 'anna', 'en', 'v2', '32000', 'Hz', 'voice', 'of', 'anna']
    assert lines[1].split()[:2] == ['bella', 'zh,en']


def test_voices_as_json(root, capsys):
    assert run('--voice-root', str(root), '--json') == 0
    found = json.loads(capsys.readouterr().out)
    assert [voice['default'] for voice in found] == [True, False]
    assert found[1] == {
        'name': 'bella',
        'languages': ['zh', 'en'],
        'version': 'v2',
        'sample_rate': 32000,
        'default': False,
        'description': 'voice of bella',
    }


def test_a_damaged_voice_is_named_and_the_others_are_listed(root, capsys):
    (root / 'bella' / 'gpt.ckpt').unlink()
    assert run('--voice-root', str(root)) == 1
    output = capsys.readouterr()
    assert 'anna' in output.out and 'bella' not in output.out
    assert output.err.startswith('error VOICE_INVALID: ')


def test_an_empty_folder_is_said_to_be_empty(tmp_path, capsys):
    assert run('--voice-root', str(tmp_path)) == 0
    assert capsys.readouterr().out == f'no voices in {tmp_path}\n'

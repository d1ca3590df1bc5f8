"""The task enroll of the verb voices."""

from __future__ import annotations

import json

import pytest

from gptsovits_ros.cli import main
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.errors import RecordingNoisyError
from gptsovits_ros.voice.enroll.report import EnrolmentReport, PieceReport, Quality, QualityReport

ARGUMENTS = ('--lang', 'en', '--consent', 'Anna Example, 2026-05-17, tests')
PIECE = PieceReport('a.wav', 0.5, 6.5, 0.9, Quality(6.0, 5.0, -20.0, 41.0, 15.0, 0.001, 8000.0))
REPORT = EnrolmentReport(
    'anna',
    'base',
    'keep',
    1.5,
    QualityReport(9.0, 7.0, 0.9, PIECE, (PIECE,), 'Hi.', 'given', True, 0.9, False, ('a note',)),
)


@pytest.fixture
def requests(monkeypatch):
    """Return the requests that the engine gets; it makes no voice."""
    found = []

    def enroll(self, request):
        found.append(request)
        return REPORT

    monkeypatch.setattr(Engine, 'enroll', enroll)
    return found


def run(*argv):
    return main(['voices', 'enroll', *argv])


def test_every_option_reaches_the_engine(requests, tmp_path):
    options = ('--transcript', 'Hi.', '--base', 'bella', '--description', 'calm')
    flags = ('--overwrite', '--denoise', '--keep', 'embeddings', '--voice-root', str(tmp_path))
    assert run('anna', 'a.wav', 'b.flac', *ARGUMENTS, *options, *flags) == 0
    (request,) = requests
    assert [clip.name for clip in request.clips] == ['a.wav', 'b.flac']
    assert (request.name, request.language, request.transcript) == ('anna', 'en', 'Hi.')
    assert (request.base, request.description, request.retention) == (
        'bella',
        'calm',
        'embeddings',
    )
    consent = request.consent
    assert (consent.who, consent.when, consent.purpose) == ('Anna Example', '2026-05-17', 'tests')
    assert (request.overwrite, request.denoise, request.needs_consent) == (True, True, True)


def test_the_report_is_for_people(requests, capsys):
    assert run('anna', 'a.wav', *ARGUMENTS) == 0
    out = capsys.readouterr().out
    assert 'anna: enrolled in 1.5 s, score 0.90, with the models of base' in out
    assert 'a.wav 0.5-6.5 s, score 0.90: noise 41 dB below, -20 LUFS, up to 8000 Hz' in out
    assert 'a note' in out


def test_the_report_is_for_programs_too(requests, capsys):
    assert run('anna', 'a.wav', *ARGUMENTS, '--json') == 0
    tree = json.loads(capsys.readouterr().out)
    assert tree['quality']['prompt']['quality']['snr_db'] == 41.0
    assert tree['name'] == 'anna'


def test_a_refusal_is_one_line_and_no_success(monkeypatch, capsys):
    def enroll(self, request):
        raise RecordingNoisyError('the speech is only 3 dB above the noise')

    monkeypatch.setattr(Engine, 'enroll', enroll)
    assert run('anna', 'a.wav', *ARGUMENTS) == 1
    err = capsys.readouterr().err
    assert err == 'error RECORDING_NOISY: the speech is only 3 dB above the noise\n'


@pytest.mark.parametrize('left_out', ['--lang', '--consent'])
def test_language_and_consent_must_be_given(left_out, capsys):
    at = ARGUMENTS.index(left_out)
    with pytest.raises(SystemExit):
        run('anna', 'a.wav', *ARGUMENTS[:at], *ARGUMENTS[at + 2 :])
    assert left_out in capsys.readouterr().err


def test_a_consent_that_tells_too_little_is_refused(requests, capsys):
    assert run('anna', 'a.wav', '--lang', 'en', '--consent', 'yes') == 1
    assert capsys.readouterr().err.startswith("error CONSENT_MISSING: the consent 'yes' does not")
    assert not requests

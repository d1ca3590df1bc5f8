"""A consent tells who agreed, when and for what, or it is none."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from gptsovits_ros.errors import ConsentMissingError, VoiceInvalidError
from gptsovits_ros.voice.consent import CONSENT_FILE, Consent, read_consent, write_consent


@pytest.mark.parametrize(
    ('statement', 'who', 'purpose'),
    [
        (
            'Anna Example, 2026-05-17, the voice of the robot',
            'Anna Example',
            'the voice of the robot',
        ),
        ('  李雷 , 2026-05-17 , 机器人的声音，只在家里', '李雷', '机器人的声音，只在家里'),
        (
            'Example, Anna, for her son, 2026-05-17, tests, and demos',
            'Example, Anna, for her son',
            'tests, and demos',
        ),
    ],
)
def test_a_statement_is_taken_apart_at_its_day(statement, who, purpose):
    consent = Consent.parse(statement, 'clip.wav')
    assert (consent.who, consent.when, consent.purpose) == (who, '2026-05-17', purpose)
    assert consent.source == 'clip.wav'
    made = datetime.fromisoformat(consent.recorded_at)
    assert abs(made - datetime.now(timezone.utc)) < timedelta(minutes=5)


@pytest.mark.parametrize(
    'statement',
    [
        '',
        'yes',
        'Anna, yesterday, tests',
        'Anna, 17.5.2026, tests',
        'Anna, 2026-05-17',
        ', 2026-05-17, tests',
        'Anna, 2026-05-17, ',
        'Anna, 2026-13-45, tests',
        'Anna, 9999-12-31, tests',
        'A' * 501 + ', 2026-05-17, tests',
        'Anna, 2026-05-17, ' + 'x' * 501,
    ],
)
def test_a_statement_that_does_not_tell_all_is_refused(statement):
    with pytest.raises(ConsentMissingError):
        Consent.parse(statement)


def test_a_record_is_read_as_it_was_written(tmp_path):
    assert read_consent(tmp_path) is None
    consent = Consent.parse('李雷, 2026-05-17, "a: b" # {c}', 'line\nbreak')
    write_consent(consent, tmp_path)
    assert read_consent(tmp_path) == consent


@pytest.mark.parametrize(
    'text',
    [
        '',
        '[]',
        '{',
        'who: Anna',
        'who: Anna\nwhen: 2026-05-17\npurpose: tests\n',
        'who: 7\nwhen: "2026-05-17"\npurpose: tests\n',
        'who: Anna\nwhen: "2026-05-17"\npurpose: tests\nmore: x\n',
        'who: Anna\nwhen: "2026-05-17"\npurpose: ""\n',
        'who: &a Anna\nwhen: "2026-05-17"\npurpose: *a\n',
        '#' * 20_000,
    ],
)
def test_a_damaged_record_is_named(tmp_path, text):
    (tmp_path / CONSENT_FILE).write_text(text)
    with pytest.raises(VoiceInvalidError, match=CONSENT_FILE):
        read_consent(tmp_path)

"""Which text belongs to the prompt."""

from __future__ import annotations

import pytest

from gptsovits_ros.voice.enroll.transcript import agreement, aligned, fits_duration

TEXT = (
    "Good morning. We usually have fish on Fridays, and pasta the night after. Don't forget it! "
    'The old lighthouse keeper could still tell the size of a ship.'
)


def test_texts_agree_whatever_their_marks_and_case():
    assert agreement('Hello, world!', 'hello world') == 1.0
    assert agreement('今天天气真好。', '今天天气真好') == 1.0
    assert agreement('Hello, world!', 'Quite another thing') < 0.5


@pytest.mark.parametrize(
    'heard, part',
    [
        (
            'we usually have fish on fridays and pasta the night after',
            'We usually have fish on Fridays, and pasta the night after.',
        ),
        ('the old lighthouse keeper could still', 'The old lighthouse keeper could still'),
        ("don't forget it", "Don't forget it!"),
        ('Nothing of the kind was ever spoken by a penguin', ''),
    ],
)
def test_the_part_that_was_heard_is_found_in_the_text(heard, part):
    assert aligned(TEXT, heard) == part


def test_what_was_misheard_at_both_ends_belongs_to_the_part():
    found = aligned(TEXT, 'You usually have fish on Fridays and pasta the nightly offer')
    assert found.startswith('We usually have fish on Fridays')
    assert 'the night after' in found
    assert 'lighthouse' not in found


def test_chinese_is_aligned_by_characters():
    text = '早上好。今天天气真好，我们去公园散步吧。明天再见。'
    assert aligned(text, '今天天气真好我们去公园散步吧') == '今天天气真好，我们去公园散步吧。'


@pytest.mark.parametrize(
    'text, language, seconds, fits',
    [
        ('We usually have fish on Fridays and pasta the night after.', 'en', 3.6, True),
        ('We usually have fish on Fridays and pasta the night after.', 'en', 20.0, False),
        ('Yes.', 'en', 3.6, False),
        ('今天天气真好，我们去公园散步吧。', 'zh', 3.5, True),
        ('今天天气真好，我们去公园散步吧。', 'zh', 1.0, False),
        ('...', 'en', 3.0, False),
    ],
)
def test_a_text_must_fit_to_the_time_in_which_it_is_said(text, language, seconds, fits):
    assert fits_duration(text, language, seconds) is fits

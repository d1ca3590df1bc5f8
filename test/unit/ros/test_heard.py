"""How much of an utterance was heard, in seconds and in words."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gptsovits_ros.ros.heard import PlayedSegment, Playout, spoken_length, words_heard


@dataclass(frozen=True)
class Mark:
    """Where a word ends."""

    end_s: float
    text_end: int


@pytest.mark.parametrize(
    ('text', 'heard_s', 'words'),
    [
        ('one two six ten', 0.0, ''),
        ('one two six ten', 0.2, ''),
        ('one two six ten', 0.25, 'one'),
        ('one two six ten', 0.6, 'one two'),
        ('one two six ten', 1.0, 'one two six ten'),
        ('one two six ten', 9.0, 'one two six ten'),
        ('one, two!', 0.5, 'one,'),
        ('你好世界', 0.5, '你好'),
        ('你好，世界', 0.4, '你'),  # the comma takes its time
        ('你好，世界', 0.6, '你好，'),
        ('ok 你好', 0.65, 'ok 你'),
        ('안녕 하세', 0.6, '안녕'),
        ('', 0.5, ''),
    ],
)
def test_words_are_heard_in_proportion_to_their_lengths(text, heard_s, words):
    assert words_heard(text, heard_s, 1.0) == words


def test_words_heard_only_grow_and_are_the_beginning_of_the_text():
    text = 'Hello 你好，this is 3.5 kg: a test! 안녕하세요 ok.'
    before = ''
    for step in range(201):
        now = words_heard(text, step / 100, 2.0)
        assert text.startswith(now) and now.startswith(before)
        before = now
    assert before == text


def test_marks_tell_exactly_which_words_were_heard():
    marks = (Mark(0.9, 3), Mark(1.0, 7))
    assert words_heard('one two', 0.5, 1.1, marks) == ''
    assert words_heard('one two', 0.9, 1.1, marks) == 'one'
    assert words_heard('one two', 1.0, 1.1, marks) == 'one two'


def test_longer_words_take_longer():
    assert (
        spoken_length('a') < spoken_length('ab') < spoken_length('你') + 1 < spoken_length('你好')
    )
    assert spoken_length('  \n') == 0


def playout(*segments: PlayedSegment) -> Playout:
    """Return the record of segments that were sent."""
    record = Playout()
    for segment in segments:
        record.begin(segment)
    return record


TWO = (
    PlayedSegment(0, 0, 'one two', sent_s=1.3, spoken_s=1.0),
    PlayedSegment(0, 1, 'six ten', sent_s=1.3, spoken_s=1.0),
)


@pytest.mark.parametrize(
    ('unheard_s', 'duration_s', 'text', 'resume_at'),
    [
        (0.0, 2.6, 'one two six ten', (0, 2)),
        (0.3, 2.3, 'one two six ten', (0, 2)),  # but for the pause
        (0.5, 2.1, 'one two six', (0, 1)),
        (1.2, 1.4, 'one two', (0, 1)),
        (1.6, 1.0, 'one two', (0, 1)),  # all but the pause of the first
        (1.8, 0.8, 'one', (0, 0)),
        (2.6, 0.0, '', (0, 0)),
        (9.0, 0.0, '', (0, 0)),  # what is left of another utterance counts for nothing
        (-1.0, 2.6, 'one two six ten', (0, 2)),
    ],
)
def test_what_was_not_heard_is_taken_off_the_end(unheard_s, duration_s, text, resume_at):
    heard = playout(*TWO).heard(unheard_s)
    assert (heard.duration_s, heard.text) == (pytest.approx(duration_s), text)
    assert playout(*TWO).resume_at(heard.duration_s) == resume_at


def test_length_of_a_segment_that_is_still_being_made_follows_those_before():
    record = playout(TWO[0], PlayedSegment(0, 1, 'six ten', sent_s=0.5))
    assert record.heard(0.0).text == 'one two six'  # half of a second
    assert record.resume_at(1.8) == (0, 1)


def test_length_of_the_first_segment_is_estimated():
    record = playout(PlayedSegment(0, 0, 'one two six ten two one', sent_s=0.5))
    words = record.heard(0.0).text
    assert words in ('one', 'one two')


def test_segments_of_later_parts_are_resumed_in_their_part():
    record = playout(TWO[0], PlayedSegment(3, 5, 'six ten', sent_s=1.3, spoken_s=1.0))
    assert record.resume_at(1.5) == (3, 5)
    assert record.resume_at(2.6) == (3, 6)


def test_nothing_sent_is_resumed_at_its_beginning():
    assert Playout().resume_at(0.0) == (0, 0)
    assert Playout().heard(0.0).duration_s == 0


def test_marked_words_are_heard_up_to_their_ends():
    segment = PlayedSegment(0, 0, 'Well, the (big) dog.', spoken_s=1.0)
    for word, end_s in (('well', 0.2), ('the', 0.3), ('unknown', 0.35), ('big', 0.5), ('dog', 1)):
        segment.add_word(word, end_s)
    heard = [words_heard(segment.text, s, 1.0, segment.marks) for s in (0.1, 0.2, 0.4, 0.6, 1.0)]
    assert heard == ['', 'Well,', 'Well, the', 'Well, the (big)', 'Well, the (big) dog.']


def test_words_that_are_not_in_the_text_leave_it_without_marks():
    segment = PlayedSegment(0, 0, '3 dogs')
    segment.add_word('three', 0.2)
    assert segment.marks is None

"""Texts that arrive piece by piece: one utterance each, and an end to every one."""

from __future__ import annotations

import pytest

from gptsovits_ros.errors import GptsovitsError, ParameterInvalidError
from gptsovits_ros.ros.script import Script
from gptsovits_ros.ros.text_streams import MAX_STREAMS, TextStreams
from gptsovits_ros.ros.utterance import Utterance
from gptsovits_ros.types import SpeechRequest


class Desk:
    """Takes utterances in, unless it is told not to."""

    def __init__(self) -> None:
        self.accepted: list[Utterance] = []
        self.refused: list[tuple[str, str]] = []
        self.accepts = True

    def accept(self, utterance: Utterance) -> bool:
        if self.accepts:
            self.accepted.append(utterance)
        return self.accepts

    def refuse(self, utterance: Utterance, error: GptsovitsError) -> None:
        self.refused.append((utterance.id, error.name))


class Writer:
    """Sends pieces to streams."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.streams = TextStreams(self.desk, lambda utterance: utterance.ending is None)
        self.problem: GptsovitsError | None = None
        self.now = 0.0

    def add(self, text: str, end: bool = False, name: str = 's', split: str = 'cut5') -> None:
        def make():
            request = SpeechRequest('', split_method=split)
            script = Script(is_complete=False)
            return Utterance(request, 'llm', name, script=script), self.problem

        self.streams.add(name, text, end, make, max_length=100, now=self.now)

    @property
    def script(self) -> Script:
        """Of the utterance that was accepted last."""
        return self.desk.accepted[-1].script

    def parts(self) -> list[str]:
        """Return the texts of that script."""
        parts = []
        while (part := self.script.part(len(parts))) is not None:
            parts.append(part.text)
        return parts


@pytest.fixture
def writer():
    return Writer()


def test_pieces_become_the_parts_of_one_utterance(writer):
    writer.add('The battery is at 3')
    assert writer.parts() == []
    writer.add('.5 volts. I wi')
    assert writer.parts() == ['The battery is at 3.5 volts.']
    assert not writer.script.is_complete
    writer.add('ll charge it.', end=True)
    assert writer.parts() == ['The battery is at 3.5 volts.', 'I will charge it.']
    assert writer.script.is_complete and writer.script.failure is None
    assert len(writer.desk.accepted) == 1
    assert len(writer.streams) == 0


def test_streams_do_not_mix(writer):
    writer.add('One is here, ', name='a')
    writer.add('Two is here.', name='b', end=True)
    writer.add('and goes on.', name='a', end=True)
    said = [utterance.script.text for utterance in writer.desk.accepted]
    assert said == ['One is here, and goes on.', 'Two is here.']


def test_split_method_decides_whether_commas_count(writer):
    writer.add('When the door is open, I go. ', split='cut1')
    assert writer.parts() == ['When the door is open, I go.']


def test_end_frees_the_name(writer):
    writer.add('One is here.', end=True)
    writer.add('Two is here.', end=True)
    assert len(writer.desk.accepted) == 2


def test_pieces_of_what_was_stopped_are_ignored_up_to_the_end(writer):
    writer.add('One is here. ')
    writer.desk.accepted[0].cancel()
    writer.add('Two is here. ')
    writer.add('', end=True)
    assert writer.parts() == ['One is here.']
    writer.add('Three is here.', end=True)
    assert writer.parts() == ['Three is here.']


def test_pieces_of_what_was_refused_are_ignored_up_to_the_end(writer):
    writer.desk.accepts = False
    writer.add('One is here. ')
    writer.desk.accepts = True
    writer.add('Two is here. ')
    assert writer.desk.accepted == []
    writer.add('', end=True)
    writer.add('Three is here.', end=True)
    assert writer.parts() == ['Three is here.']


def test_settings_that_make_no_sense_are_refused_once(writer):
    writer.problem = ParameterInvalidError('there is no priority 9')
    writer.add('One is here. ')
    writer.add('Two is here.', end=True)
    assert writer.desk.refused == [('s', 'PARAMETER_INVALID')]


def test_name_is_needed(writer):
    writer.add('One is here.', end=True, name='')
    assert [error for _, error in writer.desk.refused] == ['TEXT_STREAM']


@pytest.mark.parametrize(
    ('pieces', 'error'),
    [
        (['One is here. ', 'x' * 100], 'TEXT_TOO_LONG'),
        (['One is here. ', 'caf\ufffd'], 'TEXT_INVALID'),
        (['<speak>One is here. ', '<br'], 'TEXT_INVALID'),
        ([' ...', ''], 'TEXT_INVALID'),
    ],
)
def test_text_that_cannot_go_on_fails_behind_what_has_come(writer, pieces, error):
    writer.add(pieces[0])
    writer.add(pieces[1], end=True)
    assert writer.script.failure.name == error
    assert len(writer.streams) == 0


def test_forgotten_text_is_given_up_with_all_that_has_come(writer):
    writer.add('One is here. And a half')
    writer.now = 9.0
    writer.streams.give_up(10.0, 10.0)
    assert not writer.script.is_complete
    writer.streams.give_up(10.0, 10.1)
    assert writer.parts() == ['One is here.', 'And a half']
    assert writer.script.failure.name == 'TEXT_STREAM'
    # What comes late is no text of its own.
    writer.now = 12.0
    writer.add(' is late. ')
    assert len(writer.desk.accepted) == 1
    writer.streams.give_up(10.0, 22.1)
    assert len(writer.streams) == 0


def test_forgotten_tag_is_left_out(writer):
    writer.add('<speak>One is here. Two is <break ')
    writer.streams.give_up(1.0, 1.1)
    assert writer.parts() == ['<speak>One is here.</speak>']
    assert writer.script.failure.name == 'TEXT_STREAM'


def test_streams_are_bounded_and_those_that_are_ignored_make_room(writer):
    for number in range(MAX_STREAMS):
        writer.add('One is here. ', name=str(number))
    writer.add('One is here. ', name='more')
    assert writer.desk.refused == [('more', 'TEXT_STREAM')]
    assert len(writer.streams) == MAX_STREAMS
    writer.desk.accepted[7].cancel()
    writer.add('late', name='7')
    writer.add('One is here. ', name='more')
    assert writer.desk.accepted[-1].id == 'more'
    assert len(writer.streams) == MAX_STREAMS

"""Texts that arrive piece by piece (`say_stream`): each is one utterance whose script grows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from gptsovits_ros.errors import (
    GptsovitsError,
    TextInvalidError,
    TextStreamError,
    TextTooLongError,
)
from gptsovits_ros.ros.clauses import ClauseCutter
from gptsovits_ros.ros.requests import check_utf8
from gptsovits_ros.ros.utterance import Utterance

# More streams at once than any robot has writers; it bounds the memory for forgotten ones.
MAX_STREAMS = 64


class Desk(Protocol):
    """Where utterances are taken in (reception.Reception)."""

    def accept(self, utterance: Utterance) -> bool:
        """Put an utterance into the queue, or refuse it and tell why; return whether it waits."""

    def refuse(self, utterance: Utterance, error: GptsovitsError) -> None:
        """Tell why an utterance is not spoken."""


@dataclass
class _TextStream:
    """One text that is still arriving; without an utterance its pieces are ignored."""

    utterance: Utterance | None
    cutter: ClauseCutter = field(default_factory=ClauseCutter)
    last_piece: float = 0.0
    length: int = 0
    has_clauses: bool = False


class TextStreams:
    """The texts that are arriving, by their ids; used by one thread."""

    def __init__(self, desk: Desk, is_wanted: Callable[[Utterance], bool]) -> None:
        """Create it.

        Args:
            is_wanted: tells whether an utterance still waits or is being spoken.

        """
        self._desk = desk
        self._is_wanted = is_wanted
        self._streams: dict[str, _TextStream] = {}

    def __len__(self) -> int:
        """Return how many texts are arriving, or being ignored up to their end."""
        return len(self._streams)

    def add(
        self,
        stream_id: str,
        text: str,
        is_end: bool,
        make: Callable[[], tuple[Utterance, GptsovitsError | None]],
        max_length: int,
        now: float,
    ) -> None:
        """Take a piece; what is wrong with it is told by the state of its utterance.

        Args:
            make: makes the utterance of a new stream, with an open script, and tells what is
                wrong with its settings.
            max_length: most characters of all pieces together.
            now: time of any steady clock [s].

        """
        stream = self._streams.get(stream_id)
        if stream is None:
            stream = self._open(stream_id, make)
        stream.last_piece = now
        utterance = stream.utterance
        if utterance is not None and not self._is_wanted(utterance):
            utterance = stream.utterance = None
        if utterance is not None:
            try:
                self._feed(stream, utterance, text, is_end, max_length)
            except GptsovitsError as error:
                utterance.script.finish(error)
                stream.utterance = None
        if is_end:
            self._streams.pop(stream_id, None)

    def give_up(self, timeout_s: float, now: float) -> None:
        """End the streams whose last piece came longer than timeout_s ago."""
        for stream_id, stream in list(self._streams.items()):
            if now - stream.last_piece <= timeout_s:
                continue
            if stream.utterance is None:
                del self._streams[stream_id]
                continue
            # Its late pieces are ignored, and not taken for another text; for as long again.
            self._finish(
                stream,
                TextStreamError(
                    f'no piece of the text came for {timeout_s:g} s, and no end flag; send `end` '
                    'with the last piece'
                ),
            )
            stream.utterance, stream.last_piece = None, now

    def _open(
        self, stream_id: str, make: Callable[[], tuple[Utterance, GptsovitsError | None]]
    ) -> _TextStream:
        utterance, problem = make()
        stream = _TextStream(None, ClauseCutter(utterance.request.split_method == 'cut5'))
        if problem is None and not stream_id:
            problem = TextStreamError(
                'utterance_id is empty; it tells which pieces belong together'
            )
        if problem is None and not self._has_room():
            problem = TextStreamError(f'{MAX_STREAMS} texts are arriving already; end one of them')
        if problem is not None:
            self._desk.refuse(utterance, problem)
        elif self._desk.accept(utterance):
            stream.utterance = utterance
        if self._has_room():
            self._streams[stream_id] = stream
        return stream

    def _has_room(self) -> bool:
        """Make room by forgetting a stream whose pieces are ignored; return whether there is."""
        if len(self._streams) >= MAX_STREAMS:
            ignored = (name for name, stream in self._streams.items() if stream.utterance is None)
            self._streams.pop(next(ignored, ''), None)
        return len(self._streams) < MAX_STREAMS

    @staticmethod
    def _feed(
        stream: _TextStream, utterance: Utterance, text: str, is_end: bool, max_length: int
    ) -> None:
        check_utf8(text)
        stream.length += len(text)
        if stream.length > max_length:
            raise TextTooLongError(
                f'the text has more than {max_length} characters (say_stream.max_characters); '
                'send it as several utterances'
            )
        clauses = stream.cutter.push(text)
        if is_end:
            clauses += stream.cutter.finish()
        for clause in clauses:
            utterance.script.add(clause)
            stream.has_clauses = True
        if is_end:
            nothing = TextInvalidError('the text holds nothing that can be spoken')
            utterance.script.finish(None if stream.has_clauses else nothing)

    @staticmethod
    def _finish(stream: _TextStream, failure: GptsovitsError) -> None:
        """Speak what has come, and then fail."""
        try:
            rest = stream.cutter.finish()
        except TextInvalidError:
            rest = []  # a torn tag
        for clause in rest:
            stream.utterance.script.add(clause)
        stream.utterance.script.finish(failure)

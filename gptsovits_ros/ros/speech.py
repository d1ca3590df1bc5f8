"""The speech of an utterance as the engine makes it: one request per part of its script."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from typing import Protocol

from gptsovits_ros.errors import CanceledError, GptsovitsError
from gptsovits_ros.ros.utterance import Cancelable, Utterance
from gptsovits_ros.types import AudioChunk, SpeechRequest

# How many parts of an utterance the engine is asked for ahead of the one that is sent.
PARTS_AHEAD = 3


class Stream(Cancelable, Protocol):
    """The engine's answer to one request."""

    def next_chunk(self, timeout_s: float | None = None) -> AudioChunk | None:
        """Wait for the next chunk; None at the end; raises typed errors, and TimeoutError."""


class Status(Protocol):
    """What the engine is doing."""

    state: str
    message: str


class Engine(Protocol):
    """What is needed of the engine's client."""

    status: Status

    def synthesize(self, request: SpeechRequest) -> Stream:
        """Ask for speech; returns at once. Requests are spoken in the order of the calls."""


class UtteranceSpeech:
    """The chunks of an utterance, asked for ahead of time; a context manager that cancels it."""

    def __init__(self, engine: Engine, utterance: Utterance, parts_ahead: int = PARTS_AHEAD):
        """Ask for the first parts; more are asked for as they are needed, and arrive."""
        self._engine = engine
        self._utterance = utterance
        self._parts_ahead = parts_ahead
        self._changed = threading.Condition()
        self._streams: deque[Stream] = deque()
        self._part = 0  # of the first stream
        self._is_canceled = False
        self._failure: GptsovitsError | None = None
        utterance.script.listen(self._ask)
        self._ask()

    def __enter__(self) -> UtteranceSpeech:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel what was not taken."""
        self._utterance.script.listen(None)
        self.cancel()

    @property
    def is_asked_for(self) -> bool:
        """True once the engine was asked for all of it."""
        with self._changed:
            next_part = self._part + len(self._streams)
        script = self._utterance.script
        return script.is_complete and script.part(next_part) is None

    def set_parts_ahead(self, parts_ahead: int) -> None:
        """Ask for more or fewer parts ahead of the one that is taken."""
        self._parts_ahead = parts_ahead
        self._ask()

    def next_chunk(self, timeout_s: float | None = None) -> tuple[int, AudioChunk] | None:
        """Wait for the next chunk; return it with the number of its part, or None at the end.

        Raises:
            TimeoutError: if nothing came in that time.
            GptsovitsError: why there is no more.

        """
        while (stream := self._first_stream(timeout_s)) is not None:
            chunk = stream.next_chunk(timeout_s)
            if chunk is not None:
                return self._part, chunk
            with self._changed:
                self._streams.popleft()
                self._part += 1
            self._ask()
        if self._utterance.script.failure is not None:
            raise self._utterance.script.failure
        return None

    def cancel(self) -> None:
        """Stop; next_chunk() raises CanceledError from now on."""
        with self._changed:
            self._is_canceled = True
            streams = list(self._streams)
            self._changed.notify_all()
        for stream in streams:
            stream.cancel()

    def _first_stream(self, timeout_s: float | None) -> Stream | None:
        """Wait for the text of the next part; None if there is no more."""
        with self._changed:
            if not self._changed.wait_for(self._is_known, timeout_s):
                raise TimeoutError(f'no text for utterance {self._utterance.id} in that time')
            if self._is_canceled:
                raise CanceledError('stopped before its end')
            if self._streams:
                return self._streams[0]
            if self._failure is not None:
                raise self._failure
            return None

    def _is_known(self) -> bool:
        script = self._utterance.script
        is_over = script.is_complete and script.part(self._part) is None
        return bool(self._streams or self._is_canceled or self._failure or is_over)

    def _ask(self) -> None:
        """Ask the engine for the parts that are there, a few ahead."""
        with self._changed:
            while not (self._is_canceled or self._failure):
                number = self._part + len(self._streams)
                part = self._utterance.script.part(number)
                if part is None or len(self._streams) >= self._parts_ahead:
                    break
                request = replace(
                    self._utterance.request, text=part.text, first_segment=part.first_segment
                )
                try:
                    self._streams.append(self._engine.synthesize(request))
                except GptsovitsError as error:
                    self._failure = error
            self._changed.notify_all()


class Prefetch:
    """The speech of the utterance that is next in line, begun while another one is heard.

    Used by the speaker's thread only.
    """

    def __init__(self, engine: Engine) -> None:
        """Create one that holds nothing."""
        self._engine = engine
        self._utterance: Utterance | None = None
        self._speech: UtteranceSpeech | None = None

    def prepare(self, utterance: Utterance | None) -> None:
        """Begin the speech of an utterance, unless that was done; None: of none."""
        if utterance is self._utterance or self._engine.status.state != 'ready':
            return
        self.discard()
        self._utterance = utterance
        if utterance is not None:
            self._speech = UtteranceSpeech(self._engine, utterance, parts_ahead=1)

    def take(self, utterance: Utterance) -> UtteranceSpeech | None:
        """Return the speech of an utterance if it was begun; another one is cancelled."""
        if utterance is not self._utterance:
            self.discard()
        speech, self._utterance, self._speech = self._speech, None, None
        return speech

    def discard(self) -> None:
        """Cancel what was begun and is not wanted now; the utterance itself goes on waiting."""
        if self._speech is not None:
            with self._speech:
                pass
        self._utterance = self._speech = None

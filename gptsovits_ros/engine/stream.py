"""The audio of one request at the client: filled by the I/O thread, read by another one."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from gptsovits_ros.engine import protocol
from gptsovits_ros.engine.voice_tasks import VoiceDone
from gptsovits_ros.errors import CanceledError, GptsovitsError, ProtocolError, error_from_code
from gptsovits_ros.types import AudioChunk

# What the engine may send ahead of the reader: 131 s of speech at 32 kHz.
WINDOW_BYTES = 16 * 1024 * 1024


class SpeechStream:
    """Iterate over the chunks of one request, in order, as they are made.

    It ends after the last chunk, or raises the error that ended the request. Read it to its end,
    cancel it, or use it as a context manager: one that nobody reads keeps those behind it waiting
    once the engine is WINDOW_BYTES ahead. The samples of a chunk are read-only.
    """

    def __init__(self, id: int, send: Callable[[protocol.ClientMessage], None]) -> None:
        """Create an open stream.

        Args:
            id: number of the request.
            send: takes a message for the worker; never blocks.

        """
        self.id = id
        self._send = send
        self._changed = threading.Condition()
        self._chunks: deque[AudioChunk] = deque()
        self._received = 0
        self._opened_at = self._received_at = time.monotonic()
        self._received_s = 0.0  # audio
        self._unacknowledged = 0  # bytes that were read and not granted anew yet
        self._ended = False
        self._failure: tuple[int, str] | None = None

    def __iter__(self) -> SpeechStream:
        """Return itself."""
        return self

    def __next__(self) -> AudioChunk:
        """Wait for the next chunk."""
        chunk = self.next_chunk()
        if chunk is None:
            raise StopIteration
        return chunk

    def __enter__(self) -> SpeechStream:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel what is not spoken yet."""
        self.cancel()

    @property
    def real_time_factor(self) -> float | None:
        """Time from the request to the last chunk so far, per second of audio; None: no audio.

        What is WINDOW_BYTES ahead waits for its reader, so that of a longer stream is too large.
        """
        with self._changed:
            if not self._received_s:
                return None
            return (self._received_at - self._opened_at) / self._received_s

    def next_chunk(self, timeout_s: float | None = None) -> AudioChunk | None:
        """Wait for the next chunk and return it; None at the end.

        Args:
            timeout_s: longest wait [s]; None: until there is a chunk, the end or an error.

        Raises:
            TimeoutError: if nothing came in that time; the stream stays open.
            GptsovitsError: the error that ended the request, after the chunks made before it.

        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._chunks or self._ended, timeout_s):
                raise TimeoutError(f'no audio of request {self.id} within {timeout_s} s')
            if not self._chunks:
                if self._failure is not None:
                    raise error_from_code(*self._failure)
                return None
            chunk = self._chunks.popleft()
            credit = self._count_as_read(chunk)
        if credit:
            self._send(protocol.Credit(self.id, credit))
        return chunk

    def cancel(self) -> None:
        """Stop the request: unread chunks are dropped and the stream ends with CanceledError.

        Returns at once, callable from any thread; without effect on a stream that was read to its
        end.
        """
        with self._changed:
            if self._ended and not self._chunks:
                return
            was_running = not self._ended
            self._chunks.clear()
            self._end(CanceledError('the request was cancelled'))
        if was_running:
            self._send(protocol.Cancel(self.id))

    def deliver(self, chunk: protocol.Chunk) -> None:
        """Append a chunk (I/O thread); raise ProtocolError if one before it is missing."""
        with self._changed:
            if chunk.index != self._received:
                raise ProtocolError(
                    f'chunk {chunk.index} of request {self.id} came, {self._received} was due'
                )
            self._received += 1
            self._received_at = time.monotonic()
            self._received_s += chunk.audio.duration_s
            if not self._ended:
                self._chunks.append(chunk.audio)
                self._changed.notify_all()

    def finish(self, num_chunks: int | VoiceDone) -> None:
        """End it well (I/O thread); raise ProtocolError if not as many chunks have come."""
        with self._changed:
            if num_chunks != self._received:
                raise ProtocolError(
                    f'request {self.id} has {num_chunks} chunks, {self._received} have come'
                )
            if not self._ended:
                self._end(None)

    def fail(self, error: GptsovitsError) -> None:
        """End it with an error (I/O thread), unless it has ended."""
        with self._changed:
            if not self._ended:
                self._end(error)

    def _end(self, error: GptsovitsError | None) -> None:
        self._ended = True
        # Every reader gets an exception of its own: one object would collect the tracebacks of
        # all.
        self._failure = None if error is None else (error.code, str(error))
        self._changed.notify_all()

    def _count_as_read(self, chunk: AudioChunk) -> int:
        """Return the bytes to grant anew now; 0 while it is not worth a message."""
        self._unacknowledged += protocol.chunk_cost(len(chunk.samples))
        if self._ended or self._unacknowledged < WINDOW_BYTES // 4:
            return 0
        credit, self._unacknowledged = self._unacknowledged, 0
        return credit

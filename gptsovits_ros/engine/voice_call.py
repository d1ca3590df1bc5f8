"""A task with voices at the client: handed over by one thread, answered by the I/O thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from gptsovits_ros.engine import protocol
from gptsovits_ros.engine.voice_tasks import VoiceDone
from gptsovits_ros.errors import GptsovitsError, ProtocolError


class VoiceCall:
    """What becomes of one task.

    Attributes:
        id: number of the request.
        future: of the VoiceDone, or of the GptsovitsError that ended the task. Its callbacks run
            in the I/O thread.

    """

    def __init__(self, id: int, send: Callable[[protocol.ClientMessage], None]) -> None:
        """Create a call that waits for its answer.

        Args:
            id: number of the request.
            send: takes a message for the worker; never blocks.

        """
        self.id = id
        self.future: Future[VoiceDone] = Future()
        self._send = send

    def cancel(self) -> None:
        """Ask for nothing to be changed; returns at once.

        The answer still comes: CanceledError, or the VoiceDone of what was done already.
        """
        self._send(protocol.Cancel(self.id))

    def deliver(self, chunk: protocol.Chunk) -> None:
        """Refuse audio, which no task has (I/O thread)."""
        raise ProtocolError(f'request {self.id} is no utterance, but a chunk of it came')

    def finish(self, done: VoiceDone | int) -> None:
        """Hand the answer over (I/O thread); raise ProtocolError if it is that of an utterance."""
        if not isinstance(done, VoiceDone):
            raise ProtocolError(f'request {self.id} is no utterance, but ended as one')
        self.future.set_result(done)

    def fail(self, error: GptsovitsError) -> None:
        """Hand over why there is no answer (I/O thread)."""
        self.future.set_exception(error)

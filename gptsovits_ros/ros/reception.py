"""What becomes of requests: checked, queued, merged, refused; who has to give way; what resumes.

It knows no ROS message; every method is called by the executor's thread, but note_end by any.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from gptsovits_ros.engine.client import EngineStatus
from gptsovits_ros.errors import CanceledError, GptsovitsError, MergedError, ParameterInvalidError
from gptsovits_ros.ros import requests
from gptsovits_ros.ros.order import Policy, Priority, Reason
from gptsovits_ros.ros.parameters import Parameters
from gptsovits_ros.ros.queue import UtteranceQueue, deadline_passed
from gptsovits_ros.ros.utterance import Ending, State, Utterance

# What can be spoken on: it was ended by people or by something more urgent.
RESUMABLE = (Reason.STOP, Reason.CLIENT, Reason.BARGE_IN, Reason.INTERRUPTED)


class Sink(Protocol):
    """Where it is told what happens to utterances (reports.Reports)."""

    lock: AbstractContextManager

    def on_state(
        self,
        utterance: Utterance,
        state: State,
        segment: str = '',
        ending: Ending | None = None,
    ) -> None:
        """Handle that an utterance entered a state."""


class Reception:
    """Takes utterances in, and ends them early."""

    def __init__(
        self,
        queue: UtteranceQueue,
        sink: Sink,
        parameters: Callable[[], Parameters],
        status: Callable[[], EngineStatus],
    ) -> None:
        """Create it; parameters and status give the present ones."""
        self._queue = queue
        self._sink = sink
        self._parameters = parameters
        self._status = status
        self._interrupted: Utterance | None = None

    def accept(self, utterance: Utterance, first: bool = False) -> bool:
        """Put an utterance into the queue, or refuse it and tell why; return whether it waits.

        Args:
            first: before all others of its priority.

        """
        try:
            self._check(utterance)
            # Under the lock, so that QUEUED goes out before anything the speaker says of it.
            with self._sink.lock:
                admission = self._queue.put(utterance, first)
                self._sink.on_state(utterance, State.QUEUED)
        except GptsovitsError as error:
            self.refuse(utterance, error)
            return False
        for dropped, ending in admission.dropped:
            self._sink.on_state(dropped, ending.state, ending=ending)
        if admission.interrupted is not None:
            self._interrupt(admission.interrupted, utterance)
        return True

    def refuse(self, utterance: Utterance, error: GptsovitsError) -> None:
        """Tell why an utterance is not spoken."""
        reason = Reason.MERGED if isinstance(error, MergedError) else Reason.NONE
        self._sink.on_state(utterance, State.REFUSED, ending=Ending(error, reason))

    def stop_all(self, ending: Ending, below: Priority | None = None) -> int:
        """End the utterance whose turn it is and all that wait; return how many that were.

        Args:
            below: end only those that are less important than this.

        """
        ended = 0
        for waiting, _ in self._queue.waiting():
            if _is_below(waiting, below) and self._queue.remove(waiting):
                self._sink.on_state(waiting, ending.state, ending=ending)
                ended += 1
        current = self._queue.current
        if current is not None and _is_below(current, below):
            current.cancel(ending)
            ended += 1
        return ended

    def cancel(self, utterance_id: str) -> bool:
        """End an utterance for its client; return whether it was there."""
        utterance = self._queue.find(utterance_id)
        if utterance is None:
            return False
        ending = Ending(CanceledError('canceled by the client'), Reason.CLIENT)
        if self._queue.remove(utterance):
            self._sink.on_state(utterance, ending.state, ending=ending)
        else:
            utterance.cancel(ending)
        return True

    def drop_late(self) -> None:
        """End those whose deadline has passed before their first audio."""
        now = time.monotonic()
        ending = Ending(deadline_passed(), Reason.DEADLINE)
        for late in self._queue.take_late(now):
            self._sink.on_state(late, ending.state, ending=ending)
        current = self._queue.current
        if current is not None and current.first_audio_s is None and current.order.is_late(now):
            current.leave(ending)

    def has_deadlines(self) -> bool:
        """Tell whether drop_late() has to be called again soon."""
        present = (self._queue.current, *(utterance for utterance, _ in self._queue.waiting()))
        return any(one is not None and one.order.deadline is not None for one in present)

    def note_end(self, utterance: Utterance, ending: Ending | None) -> None:
        """Remember the last one that was interrupted, so that it can be resumed."""
        if ending is not None and ending.reason in RESUMABLE and utterance.heard is not None:
            self._interrupted = utterance

    def resume(self) -> Utterance | None:
        """Speak the last interrupted one on, from the first clause that was not heard to its end.

        Returns:
            the utterance that says the rest; None if there is nothing left to say, or if it was
            refused, which is told as usual.

        """
        with self._sink.lock:
            before, self._interrupted = self._interrupted, None
        if before is None:
            return None
        script = before.script.rest(*before.playout.resume_at(before.heard.duration_s))
        if script.part(0) is None:
            return None
        order = replace(before.order, policy=Policy.QUEUE, deadline=None)
        rest = Utterance(before.request, before.source, order=order, script=script)
        return rest if self.accept(rest, first=True) else None

    def _check(self, utterance: Utterance) -> None:
        parameters, status = self._parameters(), self._status()
        requests.checked_name(utterance.source, 'source')
        if self._queue.find(requests.checked_name(utterance.id, 'id')) is not None:
            raise ParameterInvalidError(f'the id {utterance.id} is in use; ids must be unique')
        request = utterance.request
        if not utterance.script.is_complete:  # its text comes later
            request = replace(request, text='.')
        requests.check_request(request, parameters.speech_max_text_length)
        requests.check_engine(status.state, status.message)
        if status.state == 'ready':
            requests.find_voice(utterance.request.voice, status.voices)

    @staticmethod
    def _interrupt(present: Utterance, utterance: Utterance) -> None:
        error = CanceledError(f'interrupted by utterance {utterance.id}')
        ending = Ending(error, Reason.INTERRUPTED)
        if utterance.order.policy is Policy.INTERRUPT:
            present.cancel(ending)
        else:
            present.leave(ending)


def _is_below(utterance: Utterance, priority: Priority | None) -> bool:
    return priority is None or utterance.order.priority < priority

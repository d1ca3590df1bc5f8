"""The action `record_voice`: somebody speaks into a microphone, and the robot has the voice."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import numpy as np
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

from gptsovits_ros.action import RecordVoice
from gptsovits_ros.engine.client import EngineClient, VoiceCall
from gptsovits_ros.engine.protocol import EnrollVoice, VoiceDone
from gptsovits_ros.errors import (
    AudioInvalidError,
    CanceledError,
    GptsovitsError,
    ParameterInvalidError,
    QueueFullError,
)
from gptsovits_ros.ros.conversions import duration_message, duration_s
from gptsovits_ros.ros.goals import end_goal
from gptsovits_ros.ros.microphone import Microphone
from gptsovits_ros.ros.parameters import Parameters
from gptsovits_ros.ros.recording import Recording
from gptsovits_ros.ros.voice_requests import enrolment_task, fill_enrolment

SHORTEST_S, LONGEST_S, USUAL_S = 3.0, 120.0, 20.0
LOWEST_RATE, HIGHEST_RATE = 8000, 96000
FEEDBACK_S = 0.2
# A microphone that sends nothing for so long is not there, or tells no format.
SILENCE_TIMEOUT_S = 5.0


class _Session:
    """One goal on its way: checked, then recorded, then enrolled."""

    def __init__(self, goal_handle: ServerGoalHandle) -> None:
        self.goal_handle = goal_handle
        self.topic = ''
        self.call: VoiceCall | None = None
        self.microphone: Microphone | None = None
        self.recording: Recording | None = None
        self.problem: GptsovitsError | None = None
        self.heard_at = 0.0
        self.is_canceled = False

    @property
    def goal(self) -> RecordVoice.Goal:
        """What was asked."""
        return self.goal_handle.request

    def hear(self, samples: np.ndarray, rate: int) -> None:
        """Take what the microphone hears."""
        self.heard_at = time.monotonic()
        try:
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                raise AudioInvalidError(
                    f'{rate} Hz cannot be recorded; [{LOWEST_RATE}, {HIGHEST_RATE}]'
                )
            self.recording.add(samples, rate)
        except GptsovitsError as error:
            self.note(error)

    def note(self, error: GptsovitsError) -> None:
        """Remember what is wrong, to end at the next look."""
        self.problem = self.problem or error


class VoiceRecorder(ActionServer):
    """Serves one goal at a time, without a thread: callbacks and a timer of the executor.

    The recording is in memory, and gone with its goal. As in SpeakServer every goal is accepted,
    and rclpy executes none before its end.
    """

    def __init__(
        self, node: Node, client: EngineClient, parameters: Callable[[], Parameters]
    ) -> None:
        """Create the server.

        Args:
            node: that offers it.
            client: of the engine.
            parameters: gives the present ones.

        """
        self._ros_node = node
        self._client = client
        self._parameters = parameters
        self._session: _Session | None = None
        self._results: dict[bytes, RecordVoice.Result] = {}
        self._timer = node.create_timer(
            FEEDBACK_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._timer.cancel()
        super().__init__(
            node,
            RecordVoice,
            'record_voice',
            execute_callback=self._conclude,
            handle_accepted_callback=self._accepted,
            cancel_callback=self._cancel,
        )

    def notify_execute(self, goal_handle: ServerGoalHandle, execute_callback: Any) -> None:
        """Do nothing when a goal begins to execute: the timer does the work."""

    # From goal to recording.

    def _accepted(self, goal_handle: ServerGoalHandle) -> None:
        if self._session is not None:
            error = QueueFullError('another voice is being recorded; try again when it is done')
            self._finish(goal_handle, error=error)
            return
        session = self._session = _Session(goal_handle)
        try:
            session.topic = self._checked(session.goal)
            # Before anybody speaks: consent, name and base voice need no recording.
            check = replace(self._task(session, b''), check_only=True)
            self._ask(session, check, self._record)
        except GptsovitsError as error:
            self._end(session, error)

    def _checked(self, goal: RecordVoice.Goal) -> str:
        """Return the topic of a goal; raise ParameterInvalidError if the goal cannot be met."""
        topic = goal.topic or self._parameters().enroll_topic
        if not topic:
            raise ParameterInvalidError(
                'no microphone is named; give its topic, or set the parameter enroll.topic'
            )
        wanted_s = duration_s(goal.duration)
        if wanted_s and not SHORTEST_S <= wanted_s <= LONGEST_S:
            raise ParameterInvalidError(
                f'duration is {wanted_s:g} s; [{SHORTEST_S:g}, {LONGEST_S:g}], or 0 for '
                f'{USUAL_S:g} s'
            )
        return topic

    def _record(self, session: _Session, _: VoiceDone) -> None:
        session.recording = Recording(duration_s(session.goal.duration) or USUAL_S)
        session.heard_at = time.monotonic()
        try:
            session.microphone = Microphone(
                self._ros_node,
                session.topic,
                session.goal.sample_rate,
                session.hear,
                session.note,
            )
        # rclpy has no common class for what is wrong with a name.
        except Exception as error:
            raise ParameterInvalidError(
                f'the topic {session.topic[:80]!r} cannot be heard: {error}'
            ) from error
        self._timer.reset()

    # While it is recorded.

    def _look(self) -> None:
        """Tell how far it is, and go on when it is complete."""
        session = self._session
        if session is None or session.recording is None:
            self._timer.cancel()
            return
        is_recording = session.microphone is not None
        self._tell(session, is_recording)
        if not is_recording:
            return
        silent_s = time.monotonic() - session.heard_at
        if session.problem is not None:
            self._end(session, session.problem)
        elif session.recording.is_complete:
            self._enroll(session)
        elif silent_s > SILENCE_TIMEOUT_S:
            self._end(
                session,
                AudioInvalidError(
                    f'nothing was heard on {session.topic} for {silent_s:.0f} s; is the '
                    f'microphone on, and is {session.topic}_info or sample_rate there?'
                ),
            )

    def _tell(self, session: _Session, is_recording: bool) -> None:
        feedback = RecordVoice.Feedback(
            state=RecordVoice.Feedback.RECORDING
            if is_recording
            else RecordVoice.Feedback.ENROLLING,
            recorded=duration_message(session.recording.seconds),
            level_db=session.recording.level_db,
        )
        session.goal_handle.publish_feedback(feedback)

    def _enroll(self, session: _Session) -> None:
        self._close_microphone(session)
        try:
            task = self._task(session, session.recording.wav())
            self._ask(session, task, self._done)
        except GptsovitsError as error:
            self._end(session, error)

    def _done(self, session: _Session, done: VoiceDone) -> None:
        self._end(session, None, done)

    # With the engine.

    def _task(self, session: _Session, audio: bytes) -> EnrollVoice:
        source = f'topic {session.topic}'
        return enrolment_task(session.goal, self._parameters(), audio, source)

    def _ask(
        self, session: _Session, task: EnrollVoice, then: Callable[[_Session, VoiceDone], None]
    ) -> None:
        """Ask the engine, and go on in the executor when it has answered."""
        session.call = self._client.do_voice_task(task)

        def answered(future: Future[VoiceDone]) -> None:
            executor = self._ros_node.executor
            if executor is not None:  # else the node ends, and with it the action
                executor.create_task(self._answered, session, future, then)

        session.call.future.add_done_callback(answered)

    def _answered(
        self,
        session: _Session,
        future: Future[VoiceDone],
        then: Callable[[_Session, VoiceDone], None],
    ) -> None:
        session.call = None
        error = future.exception()
        if error is None and session.is_canceled and not future.result().enrolment:
            error = CanceledError('the recording was cancelled; nothing was stored')
        try:
            if error is not None:
                raise error
            then(session, future.result())
        except GptsovitsError as problem:
            self._end(session, problem)

    # The end.

    def _cancel(self, goal_handle: ServerGoalHandle) -> CancelResponse:
        session = self._session
        if session is None or session.goal_handle is not goal_handle:
            return CancelResponse.REJECT
        session.is_canceled = True
        if session.call is not None:
            session.call.cancel()  # its answer ends the goal
        else:
            self._end(session, CanceledError('the recording was cancelled; nothing was stored'))
        return CancelResponse.ACCEPT

    def _end(
        self, session: _Session, error: GptsovitsError | None, done: VoiceDone | None = None
    ) -> None:
        self._close_microphone(session)
        self._timer.cancel()
        self._session = None
        self._finish(session.goal_handle, error, done)

    def _close_microphone(self, session: _Session) -> None:
        if session.microphone is not None:
            session.microphone.close()
            session.microphone = None

    def _finish(
        self,
        goal_handle: ServerGoalHandle,
        error: GptsovitsError | None = None,
        done: VoiceDone | None = None,
    ) -> None:
        """Hand over the result of a goal."""
        result = RecordVoice.Result()
        logger = self._ros_node.get_logger()
        if done is not None:
            fill_enrolment(result, done)
            logger.info(f'record_voice: done, voice "{done.voice}"')
        else:
            result.error_code, result.error_msg = error.code, str(error)
            logger.warning(f'record_voice: {error.name}: {error}')
        self._results[bytes(goal_handle.goal_id.uuid)] = result
        # Not through self.notify_execute, which is silent: this runs _conclude in the executor.
        super().notify_execute(goal_handle, None)

    def _conclude(self, goal_handle: ServerGoalHandle) -> RecordVoice.Result:
        result = self._results.pop(bytes(goal_handle.goal_id.uuid))
        end_goal(goal_handle, result.error_code)
        return result

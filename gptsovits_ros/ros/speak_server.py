"""The action `speak`: goals by utterance id, from acceptance to result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node

from gptsovits_ros.action import Speak
from gptsovits_ros.msg import SpeechState
from gptsovits_ros.ros.conversions import duration_message
from gptsovits_ros.ros.goals import end_goal, mark_executing
from gptsovits_ros.ros.utterance import State, Utterance

FEEDBACK_STATES = {
    State.QUEUED: Speak.Feedback.QUEUED,
    State.SYNTHESIZING: Speak.Feedback.SYNTHESIZING,
    State.SPEAKING: Speak.Feedback.SPEAKING,
}


def utterance_id_of(goal_handle: ServerGoalHandle) -> str:
    """Return the id of the utterance of a goal: the goal's own id, as hexadecimal digits."""
    return bytes(goal_handle.goal_id.uuid).hex()


class SpeakServer(ActionServer):
    """An action server whose goals are executed by the speaker thread.

    rclpy would give a goal a thread of the executor until its end, so that a queue of goals needs
    as many threads. Here a goal is only marked as executing when its turn comes, and its result is
    handed over at its end; every callback is short, so that cancelling is never held up.

    Every goal is accepted, since a rejected one cannot carry a reason: bad ones are aborted at
    once with error_code and error_msg.
    """

    def __init__(
        self,
        node: Node,
        on_goal: Callable[[str, Speak.Goal], None],
        on_cancel: Callable[[str], bool],
    ) -> None:
        """Create the server.

        Args:
            on_goal: called with the utterance id and the goal.
            on_cancel: called with the utterance id; returns whether it can be canceled.

        """
        self._ros_node = node
        self._on_goal = on_goal
        self._on_cancel = on_cancel
        self._goals: dict[str, ServerGoalHandle] = {}
        self._results: dict[str, Speak.Result] = {}
        super().__init__(
            node,
            Speak,
            'speak',
            execute_callback=self._conclude,
            handle_accepted_callback=self._accepted,
            cancel_callback=self._cancel,
        )

    def notify_execute(self, goal_handle: ServerGoalHandle, execute_callback: Any) -> None:
        """Do nothing when a goal begins to execute: the speaker thread does the work."""

    def progress(self, utterance: Utterance, state: State, queue_position: int = 0) -> None:
        """Tell the client of an utterance how far it is; its goal executes once its turn comes."""
        goal_handle = self._goals.get(utterance.id)
        if goal_handle is None:
            return
        if state is State.SYNTHESIZING:
            self._post(mark_executing, goal_handle)
        goal_handle.publish_feedback(
            Speak.Feedback(
                state=FEEDBACK_STATES[state],
                queue_position=queue_position,
                published=duration_message(utterance.published_s),
            )
        )

    def finish(self, utterance: Utterance, end: SpeechState) -> None:
        """Hand over the result of an utterance, with what its last state tells."""
        goal_handle = self._goals.pop(utterance.id, None)
        if goal_handle is None:
            return
        self._results[utterance.id] = Speak.Result(
            error_code=end.error_code,
            error_msg=end.error_msg,
            utterance_id=utterance.id,
            audio_duration=duration_message(utterance.published_s),
            heard=end.heard,
            heard_text=end.heard_text,
            reason=end.reason,
            guard=utterance.guard,
        )
        # Not through self.notify_execute, which is silent: this runs _conclude in the executor.
        super().notify_execute(goal_handle, None)

    def _post(self, callback: Callable[..., None], *args: Any) -> None:
        """Run a callback in the executor: goal states change in its thread only, in order."""
        executor = self._ros_node.executor
        if executor is not None:
            executor.create_task(callback, *args)

    def _accepted(self, goal_handle: ServerGoalHandle) -> None:
        utterance_id = utterance_id_of(goal_handle)
        self._goals[utterance_id] = goal_handle
        self._on_goal(utterance_id, goal_handle.request)

    def _cancel(self, goal_handle: ServerGoalHandle) -> CancelResponse:
        found = self._on_cancel(utterance_id_of(goal_handle))
        return CancelResponse.ACCEPT if found else CancelResponse.REJECT

    def _conclude(self, goal_handle: ServerGoalHandle) -> Speak.Result:
        result = self._results.pop(utterance_id_of(goal_handle))
        end_goal(goal_handle, result.error_code)
        return result

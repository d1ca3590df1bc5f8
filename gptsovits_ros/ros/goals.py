"""How a goal ends in action servers whose goals the executor does not run itself."""

from __future__ import annotations

from action_msgs.msg import GoalStatus
from rclpy.action.server import ServerGoalHandle


def mark_executing(goal_handle: ServerGoalHandle) -> None:
    """Let an accepted goal execute, which is the only state but canceling that it can end from."""
    if goal_handle.status == GoalStatus.STATUS_ACCEPTED:
        goal_handle.execute()


def end_goal(goal_handle: ServerGoalHandle, error_code: int) -> None:
    """End a goal as its result says: 0 is success; canceled is only what the client canceled."""
    mark_executing(goal_handle)
    if not error_code:
        goal_handle.succeed()
    elif goal_handle.is_cancel_requested:
        goal_handle.canceled()
    else:
        goal_handle.abort()

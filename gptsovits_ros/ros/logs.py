"""Python's logging -> the node's logger, and so to /rosout: the engine's client knows no ROS."""

from __future__ import annotations

import logging
from typing import Any


class RosLogHandler(logging.Handler):
    """Hands records of the package's loggers to a logger of rclpy."""

    def __init__(self, ros_logger: Any) -> None:
        """Create the handler for a logger of rclpy."""
        super().__init__()
        self._ros_logger = ros_logger

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record; a traceback goes with it."""
        message = self.format(record)
        # One line of code for each severity: rclpy refuses a line that changes its severity.
        if record.levelno >= logging.ERROR:
            self._ros_logger.error(message)
        elif record.levelno >= logging.WARNING:
            self._ros_logger.warning(message)
        elif record.levelno >= logging.INFO:
            self._ros_logger.info(message)
        else:
            self._ros_logger.debug(message)

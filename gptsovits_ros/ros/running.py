"""Run a node as a process: until SIGINT or SIGTERM, and then to an end in order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Protocol

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.signals import SignalHandlerOptions

from gptsovits_ros.errors import GptsovitsError

SPIN_S = 0.3


class RunnableNode(Protocol):
    """A node of rclpy that works between start() and stop()."""

    def start(self) -> None:
        """Begin to work."""

    def stop(self) -> None:
        """Tell everyone and end all work; the executor still runs."""

    def destroy_node(self) -> None:
        """Destroy it; the executor has ended."""


def run_node(name: str, make: Callable[[], RunnableNode], args: list[str] | None = None) -> int:
    """Run a node until SIGINT or SIGTERM; return the exit code.

    Args:
        name: for the log, if it cannot be made.
        make: makes the node; a GptsovitsError that it or start() raises ends the process with 1.
        args: command line; None: that of the process.

    """
    # Python documents put() of this queue, unlike Event.set(), as safe in a signal handler.
    stop: SimpleQueue[None] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.put(None))
    # rclpy's own handlers would end the context at once, before `is_speaking` can fall.
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        return _run(name, make, stop)
    finally:
        rclpy.try_shutdown()


def _run(name: str, make: Callable[[], RunnableNode], stop: SimpleQueue[None]) -> int:
    node = None
    try:
        node = make()
        node.start()
    except GptsovitsError as error:
        get_logger(name).fatal(f'{error.name}: {error}')
        if node is not None:
            node.destroy_node()
        return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    done = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix='executor') as pool:
        spinning = pool.submit(_spin, executor, done)
        # Whatever ends the executor ends the process; result() raises it again.
        spinning.add_done_callback(lambda _: stop.put(None))
        stop.get()
        # The executor still runs, so that goals learn of their end.
        node.stop()
        done.set()
        executor.wake()
    executor.shutdown()
    node.destroy_node()
    spinning.result()
    return 0


def _spin(executor: SingleThreadedExecutor, done: threading.Event) -> None:
    """Run callbacks until done.

    Not executor.spin(), which never returns if shutdown() comes between its check and its wait.
    """
    while not done.is_set():
        executor.spin_once(timeout_sec=SPIN_S)

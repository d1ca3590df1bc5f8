"""Runs a node as a process: signals, executor, and an end in the right order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Protocol

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.signals import SignalHandlerOptions

from gptsovits_ros.errors import GptsovitsError

SPIN_S = 0.3


class RunnableNode(Protocol):
    """A node of rclpy with a beginning and an end."""

    def start(self) -> None:
        """Begin to work; returns at once."""

    def stop(self) -> None:
        """End what start() began, and tell everyone."""

    def destroy_node(self) -> None:
        """Destroy it."""


def run_node(name: str, make_node: Callable[[], RunnableNode], args: list[str] | None) -> int:
    """Run a node until SIGINT or SIGTERM; return the exit code."""
    # Python documents put() of this queue, unlike Event.set(), as safe in a signal handler.
    stop: SimpleQueue[None] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.put(None))
    # rclpy's own handlers would end the context at once, before the node can tell of its end.
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        return _run(name, make_node, stop)
    finally:
        rclpy.try_shutdown()


def _run(name: str, make_node: Callable[[], RunnableNode], stop: SimpleQueue[None]) -> int:
    try:
        node = make_node()
        node.start()
    except GptsovitsError as error:
        get_logger(name).fatal(f'{error.name}: {error}')
        return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    done = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix='executor') as pool:
        spinning = pool.submit(_spin, executor, done)
        # Whatever ends the executor ends the process; result() raises it again.
        spinning.add_done_callback(lambda _: stop.put(None))
        _wait(stop)
        # The executor still runs, so that clients learn of the end.
        node.stop()
        done.set()
        executor.wake()
    executor.shutdown()
    node.destroy_node()
    spinning.result()
    return 0


def _wait(stop: SimpleQueue[None]) -> None:
    """Return once something is in the queue.

    Python runs signal handlers in this thread only, and when it runs itself: a signal that comes
    just before it waits, or that another thread is given, does not wake it.
    """
    while True:
        try:
            return stop.get(timeout=SPIN_S)
        except Empty:
            continue


def _spin(executor: SingleThreadedExecutor, done: threading.Event) -> None:
    """Run callbacks until done.

    Not executor.spin(), which never returns if shutdown() comes between its check and its wait.
    """
    while not done.is_set():
        executor.spin_once(timeout_sec=SPIN_S)

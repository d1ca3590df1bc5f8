"""Interrupt speech at random moments: how long until silence, and is it true what was heard.

python -m bench.interrupts [--runs 100]

The speech node, its engine's process and the player (null device) run as on a robot; the models
are replaced by bench/word_engine.py. The player's echo reference, which is what is heard, tells
when it became silent and which words had been heard to their end.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.report import Conditions, Row, table, write
from bench.word_engine import STEP, Word, words

OUT = Path(__file__).parent / 'out' / 'interrupts.json'
BARGE_IN_TOPIC = 'barge_in'
TIMEOUT_S = 20.0
# The player fades out, so the last bit of a word may be missing. [s]
FADE_S = 0.02
# So long without sound is silence. [s]
SILENCE_S = 0.25
VOCABULARY = (
    'door battery robot left please wait kitchen the a is at gripper moving slowly carefully '
    'charge station volts and then turn around corner open again'
).split()
KINDS = ('stop', 'cancel', 'barge_in', 'interrupt')


@dataclass(frozen=True)
class Trial:
    """One interruption.

    Attributes:
        kind: how it was done.
        silent_s: from the request to the last sample that was heard [s]; 0: it fell into a pause.
        told_s: from the request to the state that tells what was heard [s].
        heard_error_s: length that was told less the one that was heard [s]; None: not known,
            since other audio followed.
        missing: words that were heard to their end and not told; negative: told and not heard.

    """

    kind: str
    silent_s: float
    told_s: float
    heard_error_s: float | None
    missing: int


def node_main() -> int:
    """Run the speech node with the engine of levels."""
    from gptsovits_ros.engine.client import EngineClient
    from gptsovits_ros.ros import speech_node

    def make_client(settings: Any, *, python: str, **options: Any) -> EngineClient:
        return EngineClient(
            settings, command=(sys.executable, '-m', 'bench.word_engine'), **options
        )

    return speech_node.main(make_client=make_client)


@contextmanager
def processes() -> Iterator[None]:
    """Run the speech node and the player."""
    node = [sys.executable, '-c', 'import bench.interrupts as b; b.node_main()', '--ros-args']
    node += ['-p', 'stream.stamped:=true', '-p', f'topic.barge_in:={BARGE_IN_TOPIC}']
    player = [sys.executable, '-m', 'gptsovits_ros.ros.player_node', '--ros-args']
    player += ['-p', 'player.device:="null"', '-p', 'player.echo_reference:=true']
    started = [subprocess.Popen(command) for command in (node, player)]
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(10)


class Robot:
    """Speaks, interrupts, and listens to what is heard."""

    def __init__(self) -> None:
        """Create it and spin it in a thread."""
        import rclpy
        from audio_common_msgs.msg import AudioDataStamped, AudioInfo
        from gptsovits_ros.action import Speak
        from gptsovits_ros.msg import PlayerState, SayRequest, SpeechState
        from rclpy.action import ActionClient
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
        from std_msgs.msg import Bool
        from std_srvs.srv import Trigger

        rclpy.init()
        self.node = rclpy.create_node('interrupter')
        latched = QoSProfile(depth=20, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.states: list[tuple[float, Any]] = []
        self.echo: list[tuple[float, np.ndarray]] = []  # when [s, epoch], samples
        self.has_player = False
        self.echo_rate = 0
        self.node.create_subscription(SpeechState, 'speech_state', self._on_state, latched)
        self.node.create_subscription(PlayerState, 'player_state', self._on_player, latched)
        self.node.create_subscription(AudioDataStamped, 'echo_reference', self._on_echo, 200)
        self.node.create_subscription(AudioInfo, 'echo_reference_info', self._on_info, latched)
        self.speak_client = ActionClient(self.node, Speak, 'speak')
        self.goal_type = Speak.Goal
        self.stop_client = self.node.create_client(Trigger, 'stop')
        self.trigger = Trigger.Request
        self.barge_in = self.node.create_publisher(Bool, BARGE_IN_TOPIC, qos_profile_sensor_data)
        self.true = Bool(data=True)
        self.requests = self.node.create_publisher(SayRequest, 'say_request', 10)
        self.hush = SayRequest(text='hush', policy=SayRequest.INTERRUPT)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def wait_for_nodes(self) -> None:
        """Wait until everything is connected and the engine is ready."""
        wait_until(self.speak_client.server_is_ready)
        wait_until(self.stop_client.service_is_ready)
        wait_until(lambda: self.barge_in.get_subscription_count() == 1)
        wait_until(lambda: self.requests.get_subscription_count() == 1)
        wait_until(lambda: self.node.count_publishers('/echo_reference') == 1)
        wait_until(lambda: self.node.count_subscribers('/audio_stamped') == 1)
        wait_until(lambda: self.has_player)
        wait_until(lambda: self.states and self.states[-1][1].state == 1)

    def close(self) -> None:
        """End it."""
        import rclpy

        self._closing.set()
        self._executor.wake()
        self._thread.join()
        self.node.destroy_node()
        rclpy.try_shutdown()

    def speak(self, text: str) -> Any:
        """Send a goal and return its handle."""
        self.echo.clear()
        return wait_for(self.speak_client.send_goal_async(self.goal_type(text=text)))

    def interrupt(self, kind: str, goal: Any) -> float:
        """Interrupt what is spoken; return when [s, epoch]."""
        at = time.time()
        if kind == 'stop':
            self.stop_client.call_async(self.trigger())
        elif kind == 'cancel':
            goal.cancel_goal_async()
        elif kind == 'barge_in':
            self.barge_in.publish(self.true)
        else:
            self.requests.publish(self.hush)
        return at

    def heard(self) -> tuple[np.ndarray, float]:
        """Return all samples that were heard, and when the last one was loud."""
        end = 0.0
        for stamp, samples in self.echo:
            (loud,) = np.nonzero(samples)
            if len(loud):
                end = stamp + (int(loud[-1]) + 1) / self.echo_rate
        return np.concatenate([samples for _, samples in self.echo]), end

    def is_silent(self) -> bool:
        """Tell whether nothing loud was heard for a while."""
        return time.time() > self.heard()[1] + SILENCE_S

    def _on_state(self, message: Any) -> None:
        self.states.append((time.time(), message))

    def _on_player(self, message: Any) -> None:
        self.has_player = True

    def _on_info(self, message: Any) -> None:
        self.echo_rate = message.sample_rate

    def _on_echo(self, message: Any) -> None:
        stamp = message.header.stamp.sec + message.header.stamp.nanosec * 1e-9
        samples = np.frombuffer(message.audio.data, '<i2')
        self.echo.append((stamp, samples))

    def _spin(self) -> None:
        while not self._closing.is_set():
            self._executor.spin_once(timeout_sec=0.2)


def wait_until(condition: Callable[[], Any]) -> Any:
    """Return the first true value of a condition."""
    deadline = time.monotonic() + TIMEOUT_S
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f'not within {TIMEOUT_S} s: {condition}')
        time.sleep(0.001)
    return value


def wait_for(future: Any) -> Any:
    """Return the result of a future."""
    wait_until(future.done)
    return future.result()


def words_heard(spoken: list[Word], samples: np.ndarray, rate: int) -> int:
    """Return how many words were heard to their end; every sample tells its word."""
    levels = np.bincount(np.rint(np.maximum(samples, 0) / STEP).astype(int), minlength=200)
    heard = 0
    for word in spoken:
        if levels[word.place + 1] < word.samples - FADE_S * rate:
            break
        heard += 1
    return heard


def run_trial(robot: Robot, rng: random.Random, kind: str) -> Trial:
    """Speak a text and interrupt it once."""
    text = ' '.join(rng.choices(VOCABULARY, k=60))
    goal = robot.speak(text)
    result = goal.get_result_async()
    wait_until(lambda: robot.echo and robot.echo_rate)
    time.sleep(rng.uniform(0.1, 3.0))
    at = robot.interrupt(kind, goal)
    told = wait_for(result).result
    told_s = time.time() - at
    wait_until(robot.is_silent)
    samples, end = robot.heard()
    rate = robot.echo_rate
    told_heard_s = told.heard.sec + told.heard.nanosec * 1e-9
    return Trial(
        kind,
        max(0.0, end - at),
        told_s,
        None if kind == 'interrupt' else told_heard_s - len(samples) / rate,
        words_heard(words(text), samples, rate) - len(told.heard_text.split()),
    )


def rows(trials: list[Trial], conditions: Conditions) -> list[Row]:
    """Return what was measured."""
    silent = [trial.silent_s * 1000 for trial in trials]
    found = [
        *conditions.quantiles('interrupt to silence', silent, 'ms'),
        conditions.row('interrupt to silence, max', silent, 'ms', 1.0),
    ]
    for kind in KINDS:
        of_kind = [trial.silent_s * 1000 for trial in trials if trial.kind == kind]
        if of_kind:
            found.append(conditions.row(f'the same by {kind}, p50', of_kind, 'ms'))
    told = [trial.told_s * 1000 for trial in trials]
    found += conditions.quantiles('interrupt to what was heard', told, 'ms')
    errors = [
        abs(trial.heard_error_s) * 1000 for trial in trials if trial.heard_error_s is not None
    ]
    if errors:
        found += conditions.quantiles('error of the time heard', errors, 'ms')
        found.append(conditions.row('error of the time heard, max', errors, 'ms', 1.0))
    return found


def main() -> int:
    """Interrupt many times and print the table."""
    parser = argparse.ArgumentParser(
        prog='python -m bench.interrupts',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--runs', type=int, default=100, help='interruptions (default: 100)')
    parser.add_argument('--seed', type=int, default=6, help='of all that is random (default: 6)')
    parser.add_argument('--domain', type=int, default=97, help='ROS domain (default: 97)')
    args = parser.parse_args()
    os.environ['ROS_DOMAIN_ID'] = str(args.domain)
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ.setdefault('AMENT_PREFIX_PATH', sys.prefix)
    rng = random.Random(args.seed)
    with processes():
        robot = Robot()
        try:
            robot.wait_for_nodes()
            # Nodes may know of each other and yet miss the first messages: one for nothing.
            run_trial(robot, rng, 'stop')
            trials = [run_trial(robot, rng, rng.choice(KINDS)) for _ in range(args.runs)]
        finally:
            robot.close()
    conditions = Conditions(
        'no models', 0, f'python -m bench.interrupts --runs {args.runs}', False
    )
    found = rows(trials, conditions)
    write(found, OUT)
    print(table(found))
    counts = Counter(trial.missing for trial in trials)
    wrong = [
        f'{count} with {abs(off)} too {"few" if off > 0 else "many"}'
        for off, count in sorted(counts.items())
        if off
    ]
    exact = f'words told: exact in {counts[0]} of {len(trials)}'
    print('; '.join([exact, *wrong]))
    return 0


if __name__ == '__main__':
    sys.exit(main())

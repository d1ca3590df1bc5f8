"""The player on the null device, as a process of its own: delays, and what it costs.

Measured from outside, by what it publishes: `python -m bench.player --runs 100`.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.report import Conditions, Row, table

RATE = 32000
CHUNK_MS = 100
CHUNK = RATE * CHUNK_MS // 1000
LEAD_MS = 200  # as speech_node's default
LONGEST_IDLE_S = 10.0
TIMEOUT_S = 20.0


class Client:
    """Publishes audio as speech_node does, and hears the player."""

    def __init__(self) -> None:
        """Create a node and spin it in a thread."""
        import audio_common_msgs.msg as audio_common
        import rclpy
        from gptsovits_ros.msg import PlayerState
        from rclpy.executors import SingleThreadedExecutor
        from std_msgs.msg import Empty

        from gptsovits_ros.ros.conversions import RawAudioMessages
        from gptsovits_ros.ros.qos import AUDIO_QOS, FLUSH_QOS, LATCHED_QOS

        rclpy.init()
        self._messages = RawAudioMessages(audio_common)
        self._node = rclpy.create_node('bench')
        stamped_type = self._messages.stamped_type
        self._audio = self._node.create_publisher(stamped_type, 'audio_stamped', AUDIO_QOS)
        self._info = self._node.create_publisher(
            self._messages.info_type, 'audio_info', LATCHED_QOS
        )
        self._flush = self._node.create_publisher(Empty, 'audio_flush', FLUSH_QOS)
        self.states: list[Any] = []
        self._node.create_subscription(
            PlayerState, 'player_state', self.states.append, LATCHED_QOS
        )
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        threading.Thread(target=self._executor.spin, daemon=True).start()

    @property
    def state(self) -> Any:
        """The latest state of the player."""
        return self.states[-1]

    def connect(self) -> None:
        """Wait for the player and let it open its device."""
        for publisher in (self._audio, self._info, self._flush):
            wait_until(lambda publisher=publisher: publisher.get_subscription_count())
        self._info.publish(self._messages.info(RATE, CHUNK))
        wait_until(lambda: self.states and self.state.device == 'null')
        time.sleep(1.0)  # it opens the device anew for this rate

    def send(self, due_ns: int) -> None:
        """Publish a chunk of noise that is due at this time."""
        from builtin_interfaces.msg import Time

        stamp = Time(sec=due_ns // 10**9, nanosec=due_ns % 10**9)
        noise = np.random.default_rng(due_ns).integers(-9999, 9999, CHUNK).astype(np.int16)
        message = self._messages.audio(noise, RATE, stamp, '')
        self._audio.publish(self._messages.stamped(message, stamp, ''))

    def flush(self) -> None:
        """Publish a flush."""
        self._flush.publish(self._flush.msg_type())

    def close(self) -> None:
        """End the node."""
        import rclpy

        self._executor.shutdown()
        rclpy.try_shutdown()


def wait_until(condition: Callable[[], Any]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f'not within {TIMEOUT_S} s')
        time.sleep(0.001)


def nanoseconds(stamp: Any) -> int:
    """Return a stamp in nanoseconds."""
    return stamp.sec * 10**9 + stamp.nanosec


def first_sound_s(client: Client) -> float:
    """Return how long after its publication the first sample of a message is heard."""
    client.states.clear()
    sent = time.time_ns()
    client.send(sent)

    def heard() -> list[Any]:
        return [state for state in client.states if nanoseconds(state.chunk_stamp) == sent]

    wait_until(heard)
    state = heard()[0]
    played_ns = state.chunk_samples * 10**9 // RATE
    wait_until(lambda: not client.state.playing)
    return (nanoseconds(state.header.stamp) - played_ns - sent) / 1e9


def silence_s(client: Client) -> float:
    """Return how long after the publication of a flush the player tells that it is silent."""
    count = client.state.flushes
    begun = time.time_ns()
    for index in range(20):
        client.send(begun + index * CHUNK_MS * 10**6)
    wait_until(lambda: client.state.playing and client.state.chunk_samples > CHUNK // 3)
    client.states.clear()
    sent = time.time_ns()
    client.flush()

    def silent() -> list[Any]:
        return [s for s in client.states if s.flushes > count and not s.playing]

    wait_until(silent)
    return (nanoseconds(silent()[0].header.stamp) - sent) / 1e9


def cpu_share(pid: int, seconds: float, work: Callable[[], None]) -> float:
    """Return the share of one CPU [%] that a process takes while some work is done."""

    def used_s() -> float:
        fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    before, begun = used_s(), time.monotonic()
    while time.monotonic() - begun < seconds:
        work()
    return 100 * (used_s() - before) / (time.monotonic() - begun)


def stream(client: Client) -> Callable[[], None]:
    """Return what sends the next chunk when it is time, as far ahead as speech_node does."""
    due_ns = time.time_ns()

    def send() -> None:
        nonlocal due_ns
        time.sleep(max(0.0, (due_ns - time.time_ns()) / 1e9 - LEAD_MS / 1e3))
        client.send(due_ns)
        due_ns += CHUNK_MS * 10**6

    return send


def measure(runs: int, seconds: float, command: str) -> Iterator[Row]:
    """Start a player, measure it, and end it.

    Args:
        runs: of each delay.
        seconds: for how long it plays, and is silent, while what it costs is measured.
        command: what measures it again.

    """
    conditions = Conditions('null', 1, command, False)
    arguments = ['--ros-args', '-p', 'player.device:=null', '--log-level', 'warn']
    player = subprocess.Popen([sys.executable, '-m', 'gptsovits_ros.ros.player_node', *arguments])
    client = Client()
    try:
        client.connect()
        first = [1e3 * first_sound_s(client) for _ in range(runs)]
        silent = [1e3 * silence_s(client) for _ in range(runs)]
        for name, values in (('message to sound', first), ('flush to silence', silent)):
            yield conditions.row(f'{name}, p50', values, 'ms')
            yield conditions.row(f'{name}, p95', values, 'ms', 0.95)
        idle = cpu_share(player.pid, min(seconds, LONGEST_IDLE_S), lambda: time.sleep(0.1))
        yield conditions.row('CPU, silent', [idle], '% of one core')
        underruns = client.state.underruns, client.state.device_underruns
        playing = cpu_share(player.pid, seconds, stream(client))
        yield conditions.row('CPU, playing', [playing], '% of one core')
        gaps = client.state.underruns - underruns[0]
        late = client.state.device_underruns - underruns[1]
        yield conditions.row('gaps in this time', [gaps], '')
        yield conditions.row('device served late in this time', [late], '')
    finally:
        client.close()
        player.terminate()
        player.wait(10)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog='python -m bench.player', description=__doc__)
    parser.add_argument('--runs', type=int, default=50, help='of each delay (default: 50)')
    parser.add_argument(
        '--seconds', type=float, default=10.0, help='that it plays without a pause (default: 10)'
    )
    args = parser.parse_args()
    command = shlex.join(['python', '-m', 'bench.player', *sys.argv[1:]])
    print(table(list(measure(args.runs, args.seconds, command))))
    return 0


if __name__ == '__main__':
    sys.exit(main())

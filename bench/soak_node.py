"""Node and player for many minutes beside a fake perception load: nothing late, nothing lost.

`python -m bench.soak_node --minutes 30`. It starts speech_node and, on the null device,
player_node, lets the robot speak one text after another, and keeps part of the machine busy as
image processing would. Counted from outside: messages of `audio_stamped` that came after they were
due, samples that were sent and not played, gaps, failures, and growth of memory.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.memory import resident_mib
from bench.report import OUT, Conditions, Row, table, write
from bench.setup import Setup

TEXTS = (
    'Good morning. The meeting on the third floor starts at 9:30, and I will show you the way.',
    '请让一下，谢谢。我要去三楼，电梯里的人请不要关门，我马上就到。',
    'Stop.',
    'The battery is at 40 percent; I will be back at the dock in 12 minutes, if I may.',
)
FRAMES_PER_S = 15.0
IMAGE = (480, 640)
START_TIMEOUT_S = 300.0
DRAIN_TIMEOUT_S = 30.0
# After this part of the time, what is still loaded and kept at first is there.
WARM_UP = 0.2


class Robot:
    """Says texts, one after another, and looks at what comes back."""

    def __init__(self) -> None:
        """Create a ROS node and spin it in a thread."""
        import rclpy
        from audio_common_msgs.msg import AudioDataStamped
        from gptsovits_ros.msg import PlayerState, SpeechState
        from rclpy.executors import SingleThreadedExecutor
        from std_msgs.msg import String

        from gptsovits_ros.ros.qos import AUDIO_QOS, LATCHED_QOS, SAY_QOS, STATE_QOS

        rclpy.init()
        self._node = rclpy.create_node('soak')
        self._say = self._node.create_publisher(String, 'say', SAY_QOS)
        subscribe = self._node.create_subscription
        subscribe(SpeechState, 'speech_state', self._hear_state, STATE_QOS)
        subscribe(PlayerState, 'player_state', self._hear_player, LATCHED_QOS)
        subscribe(AudioDataStamped, 'audio_stamped', self._hear_audio, AUDIO_QOS)
        self._states = SpeechState
        self._is_idle = threading.Event()
        self.player = PlayerState()
        self.finished = self.failed = self.samples = self.messages = 0
        self.margins_s: list[float] = []
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        threading.Thread(target=self._executor.spin, daemon=True).start()

    def wait_idle(self, timeout_s: float) -> None:
        """Wait until the node has nothing to say."""
        if not self._is_idle.wait(timeout_s):
            raise TimeoutError(f'speech_node was not ready within {timeout_s:.0f} s')

    def say(self, text: str) -> None:
        """Say a text, and wait for its end."""
        from std_msgs.msg import String

        ended = self.finished + self.failed
        self._is_idle.clear()
        self._say.publish(String(data=text))
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.finished + self.failed == ended or not self._is_idle.is_set():
            if time.monotonic() > deadline:
                raise TimeoutError(f'an utterance did not end within {START_TIMEOUT_S:.0f} s')
            time.sleep(0.01)

    def wait_played(self) -> None:
        """Wait until the player has played what it received."""
        deadline = time.monotonic() + DRAIN_TIMEOUT_S
        while time.monotonic() < deadline and self.player.played_samples < self.samples:
            time.sleep(0.05)

    def close(self) -> None:
        """End the ROS node."""
        import rclpy

        self._executor.shutdown()
        rclpy.try_shutdown()

    def _hear_state(self, message) -> None:
        kinds = self._states
        self.finished += message.state == kinds.FINISHED
        self.failed += message.state in (kinds.FAILED, kinds.REFUSED, kinds.CANCELED)
        if message.state == kinds.IDLE:
            self._is_idle.set()

    def _hear_player(self, message) -> None:
        self.player = message

    def _hear_audio(self, message) -> None:
        stamp = message.header.stamp
        self.margins_s.append(stamp.sec + stamp.nanosec * 1e-9 - time.time())
        self.messages += 1
        self.samples += len(message.audio.data) // 2


def perceive(share: float) -> None:
    """Keep a core busy for a share of the time, frame by frame, as image processing does."""
    image = np.random.default_rng(0).uniform(size=IMAGE)
    period_s = 1 / FRAMES_PER_S
    while True:
        until = time.monotonic() + share * period_s
        while time.monotonic() < until:
            np.fft.irfft2(np.fft.rfft2(image) * 0.99)
        time.sleep(max(0.0, period_s - share * period_s))


@contextlib.contextmanager
def running(voice: Path, threads: int, share: float, cores: int) -> Iterator[dict[str, int]]:
    """Run both nodes and the load; yield the process ids by name."""
    speech = {
        'engine.voice_root': voice.parent,
        'voice': voice.name,
        'engine.threads': threads,
        'engine.device': 'cpu',
        'stream.stamped': 'true',
    }
    nodes = {
        'speech_node': [f'{name}:={value}' for name, value in speech.items()],
        'player_node': ['player.device:=null'],
    }
    loads = [
        multiprocessing.Process(target=perceive, args=(share,), daemon=True) for _ in range(cores)
    ]
    processes = {}
    try:
        for name, values in nodes.items():
            options = [word for value in values for word in ('-p', value)]
            processes[name] = subprocess.Popen(
                [sys.executable, '-m', f'gptsovits_ros.ros.{name}', '--ros-args', *options]
                + ['--log-level', 'warn']
            )
        for load in loads:
            load.start()
        yield {name: process.pid for name, process in processes.items()}
    finally:
        for load in loads:
            load.terminate()
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            process.wait()


def measure(args: argparse.Namespace, command: str) -> Iterator[Row]:
    """Speak for so many minutes, and yield the rows."""
    setup = Setup(args.voice, 'cpu', args.threads, 1, 1, command)
    conditions = Conditions('cpu', args.threads, command, has_goals=False)
    with running(setup.voice_folder('tiny'), args.threads, args.share, args.cores) as nodes:
        robot = Robot()
        try:
            robot.wait_idle(START_TIMEOUT_S)
            nodes['engine'] = _child_of(nodes['speech_node'])
            # The first utterance makes the player open its device.
            robot.say(TEXTS[0])
            robot.wait_played()
            before = robot.player
            lost_before = robot.samples - before.played_samples
            robot.margins_s.clear()
            memory: dict[str, list[float]] = {name: [] for name in nodes}
            end, said = time.monotonic() + 60 * args.minutes, 0
            while time.monotonic() < end:
                robot.say(TEXTS[said % len(TEXTS)])
                said += 1
                for name, pid in nodes.items():
                    memory[name].append(resident_mib(pid))
            robot.wait_played()
        finally:
            robot.close()
    name = f'{args.minutes:g} min of node and player'
    after, margins = robot.player, robot.margins_s
    for what, count in (
        ('utterances', said),
        ('utterances that failed', robot.failed),
        ('messages of audio', len(margins)),
        ('messages after they were due', sum(margin < 0 for margin in margins)),
        ('samples not played', robot.samples - after.played_samples - lost_before),
        ('gaps in the player', after.underruns - before.underruns),
        ('device served late', after.device_underruns - before.device_underruns),
    ):
        yield conditions.row(f'{name}: {what}', [count], '')
    yield conditions.row(f'{name}: time in hand of a message', margins, 's')
    for process, values in memory.items():
        warm = values[int(WARM_UP * len(values)) :]
        yield conditions.row(f'{name}: memory of {process}', warm, 'MiB')


def _child_of(pid: int) -> int:
    """Return the process that a node has started: its engine."""
    for task in Path(f'/proc/{pid}/task').iterdir():
        for child in (task / 'children').read_text().split():
            return int(child)
    raise RuntimeError('speech_node has no engine process')


def main() -> int:
    """Run the soak, and print and write its rows."""
    parser = argparse.ArgumentParser(prog='python -m bench.soak_node', description=__doc__)
    parser.add_argument('--minutes', type=float, default=30.0, help='default: 30')
    parser.add_argument(
        '--voice', type=Path, metavar='FOLDER', help='default: a tiny stand-in, made once'
    )
    parser.add_argument('--threads', type=int, default=1, help='of the models (default: 1)')
    parser.add_argument(
        '--share', type=float, default=0.5, help='of a core that the load takes (default: 0.5)'
    )
    parser.add_argument('--cores', type=int, default=1, help='that have a load (default: 1)')
    parser.add_argument('--out', type=Path, default=OUT, metavar='FILE')
    args = parser.parse_args()
    # A domain of its own, so that robots on this network neither hear it nor disturb it.
    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    os.environ.setdefault('AMENT_PREFIX_PATH', sys.prefix)
    rows = list(measure(args, shlex.join(['python', '-m', 'bench.soak_node', *sys.argv[1:]])))
    print(table(rows))
    write(rows, args.out)
    return 0


if __name__ == '__main__':
    sys.exit(main())

"""Real processes for the ROS tests: the node under test, and a robot that talks to it."""

from __future__ import annotations

import contextlib
import importlib.util
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent
TIMEOUT_S = 15.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the processes of these tests have the machine to themselves: they wait for seconds."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker('alone')


def wait_until(condition: Callable[[], Any], timeout_s: float = TIMEOUT_S) -> Any:
    """Return the first true value of the condition; fail after the timeout."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f'not within {timeout_s} s: {condition}'
        time.sleep(0.002)
    return value


class NodeProcess:
    """A speech node that runs as a process of its own."""

    def __init__(
        self,
        log: Path,
        *,
        namespace: str = '',
        script: list[str] | None = None,
        **parameters: object,
    ) -> None:
        """Start it; `__` in a parameter's name stands for the dot."""
        command = [sys.executable, *(script or [str(HERE / 'fake_node.py')]), '--ros-args']
        if namespace:
            command += ['-r', f'__ns:=/{namespace}']
        for name, value in parameters.items():
            command += ['-p', f'{name.replace("__", ".")}:={value}']
        self._log = log
        with log.open('wb') as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text(errors='replace')

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self, timeout_s: float = TIMEOUT_S) -> int:
        """Wait for its end; return the exit code."""
        return self.process.wait(timeout_s)

    def engine_pid(self) -> int:
        """Return the process id of its engine."""

        def children() -> list[str]:
            pids = []
            for task in Path(f'/proc/{self.process.pid}/task').iterdir():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                    pids += (task / 'children').read_text().split()
            return pids

        return int(wait_until(children)[0])

    def close(self) -> None:
        """End it, if it still runs."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@dataclass
class Heard:
    """What a robot received, each with the time of arrival [s, monotonic]."""

    audio: list[tuple[float, bytes]] = field(default_factory=list)
    infos: list[tuple[float, Any]] = field(default_factory=list)
    states: list[tuple[float, Any]] = field(default_factory=list)
    speaking: list[tuple[float, bool]] = field(default_factory=list)
    flushes: list[tuple[float, Any]] = field(default_factory=list)
    feedback: list[tuple[float, Any]] = field(default_factory=list)


class Robot:
    """A node in this process that uses a speech node as a robot would."""

    def __init__(self, namespace: str = '', say: str = 'say', audio: str = 'audio') -> None:
        """Create it and spin it in a thread."""
        import rclpy
        from audio_common_msgs.msg import AudioData, AudioInfo
        from gptsovits_ros.action import Speak
        from gptsovits_ros.msg import SayRequest, SayStream, SpeechState
        from gptsovits_ros.srv import ListVoices
        from rclpy.action import ActionClient
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.qos import DurabilityPolicy, QoSProfile
        from std_msgs.msg import Bool, Empty, String
        from std_srvs.srv import Trigger

        self.heard = Heard()
        self._since_ns = 0
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self.node = rclpy.create_node('robot', namespace=namespace, context=self._context)
        latched = QoSProfile(depth=20, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._subscribe(AudioData, audio, 200, self.heard.audio, lambda m: m.data.tobytes())
        self._subscribe(AudioInfo, f'{audio}_info', latched, self.heard.infos)
        self.node.create_subscription(SpeechState, 'speech_state', self._hear_state, latched)
        self._subscribe(Bool, 'is_speaking', latched, self.heard.speaking, lambda m: m.data)
        self._subscribe(Empty, f'{audio}_flush', 10, self.heard.flushes)
        self._say = self.node.create_publisher(String, say, 10)
        self._say_request = self.node.create_publisher(SayRequest, 'say_request', 10)
        self._say_stream = self.node.create_publisher(SayStream, 'say_stream', 100)
        self._string = String
        self._goal = Speak.Goal
        self.speak_client = ActionClient(self.node, Speak, 'speak')
        self._stop = self.node.create_client(Trigger, 'stop')
        self._resume = self.node.create_client(Trigger, 'resume')
        self._list_voices = self.node.create_client(ListVoices, 'list_voices')
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def wait_for_node(self, state: str = 'IDLE', timeout_s: float = TIMEOUT_S) -> None:
        """Wait until every connection to the speech node stands and it is in the state."""
        for publisher in (self._say, self._say_request, self._say_stream):
            wait_until(lambda publisher=publisher: publisher.get_subscription_count() == 1)
        wait_until(lambda: self.speak_client.server_is_ready() and self._stop.service_is_ready())
        wait_until(self._resume.service_is_ready)
        wait_until(
            lambda: (
                self.node.count_publishers(self.node.resolve_topic_name('is_speaking'))
                and self.heard.speaking
            )
        )
        wait_until(lambda: self.last_state(state), timeout_s)

    def forget(self) -> None:
        """Forget what was heard so far, and events of before that are still on their way."""
        self._since_ns = time.time_ns()
        for received in vars(self.heard).values():
            received.clear()

    def say(self, text: str) -> float:
        """Publish a text; return the time."""
        self._say.publish(self._string(data=text))
        return time.monotonic()

    def request(self, text: str, **fields: object) -> float:
        """Publish a request with settings of its own; return the time."""
        self._say_request.publish(self._say_request.msg_type(text=text, **fields))
        return time.monotonic()

    def stream(self, utterance_id: str, text: str, end: bool = False, **fields: object) -> float:
        """Publish a piece of a text; return the time."""
        message = self._say_stream.msg_type(
            utterance_id=utterance_id, text=text, end=end, **fields
        )
        self._say_stream.publish(message)
        return time.monotonic()

    def speak(self, text: str, **fields: object) -> Any:
        """Send a goal; return its handle once it is accepted."""
        goal = self._goal(text=text, **fields)
        handle = self.wait(
            self.speak_client.send_goal_async(
                goal, lambda m: self.heard.feedback.append((time.monotonic(), m.feedback))
            )
        )
        assert handle.accepted
        return handle

    def result(self, handle: Any) -> Any:
        """Wait for the result of a goal: with fields status and result."""
        return self.wait(handle.get_result_async())

    def stop(self) -> Any:
        """Call the service stop."""
        return self.wait(self._stop.call_async(self._stop.srv_type.Request()))

    def resume(self) -> Any:
        """Call the service resume."""
        return self.wait(self._resume.call_async(self._resume.srv_type.Request()))

    def list_voices(self) -> Any:
        """Call the service list_voices."""
        return self.wait(self._list_voices.call_async(self._list_voices.srv_type.Request()))

    @staticmethod
    def wait(future: Any) -> Any:
        """Wait for a future of rclpy; return its result."""
        wait_until(future.done)
        return future.result()

    def states(self, utterance_id: str = '', source: str = '') -> list[str]:
        """Return the names of the states of an utterance, without repetitions in a row."""
        names = []
        for _, message in self.heard.states:
            wanted = (
                message.utterance_id == utterance_id if utterance_id else message.source == source
            )
            if wanted and (not names or names[-1] != state_name(message)):
                names.append(state_name(message))
        return names

    def of(self, utterance_id: str, state: str = '') -> Any:
        """Return the latest message of an utterance, in this state if one is given, or None."""
        found = [
            message
            for _, message in self.heard.states
            if message.utterance_id == utterance_id and state in ('', state_name(message))
        ]
        return found[-1] if found else None

    def ended(self) -> list[tuple[str, str]]:
        """Return id and last state of all utterances that have ended, in the order of the ends."""
        ends = ('FINISHED', 'CANCELED', 'REFUSED', 'FAILED')
        found = [(m.utterance_id, state_name(m)) for _, m in self.heard.states]
        return [(name, state) for name, state in found if state in ends]

    def last_state(self, name: str) -> Any:
        """Return the last message if it has this state."""
        states = self.heard.states
        if states and state_name(states[-1][1]) == name:
            return states[-1][1]
        return None

    def wait_state(self, name: str, timeout_s: float = TIMEOUT_S) -> Any:
        """Wait for a message with this state; return it."""
        return wait_until(
            lambda: next((m for _, m in self.heard.states if state_name(m) == name), None),
            timeout_s,
        )

    def audio_bytes(self) -> bytes:
        """Return all audio received."""
        return b''.join(data for _, data in self.heard.audio)

    def close(self) -> None:
        """End it."""
        self._closing.set()
        self._executor.wake()
        self._thread.join(5)
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()

    def _spin(self) -> None:
        while not self._closing.is_set():
            self._executor.spin_once(timeout_sec=0.2)

    def _hear_state(self, message: Any) -> None:
        stamp_ns = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        # The present state is repeated with its old stamp; other old messages are history.
        if stamp_ns >= self._since_ns or not message.utterance_id:
            self.heard.states.append((time.monotonic(), message))

    def _subscribe(
        self,
        message_type: type,
        topic: str,
        qos: Any,
        into: list,
        convert: Callable[[Any], Any] = lambda message: message,
    ) -> None:
        self.node.create_subscription(
            message_type, topic, lambda m: into.append((time.monotonic(), convert(m))), qos
        )


def state_name(message: Any) -> str:
    """Return the name of the state in a SpeechState."""
    from gptsovits_ros.ros.utterance import State

    return State(message.state).name


@pytest.fixture(scope='session')
def eventually() -> Callable[..., Any]:
    """Return wait_until for use in tests."""
    return wait_until


@pytest.fixture(scope='session')
def fake_engine() -> ModuleType:
    """Return the module of the fake engine, which computes what its process says."""
    spec = importlib.util.spec_from_file_location('fake_engine', HERE / 'fake_engine.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def start_node(ros_domain: int, tmp_path: Path) -> Iterator[Callable[..., NodeProcess]]:
    """Return a function that starts speech nodes; they end with the test."""
    nodes: list[NodeProcess] = []

    def start(**options: Any) -> NodeProcess:
        nodes.append(NodeProcess(tmp_path / f'node{len(nodes)}.log', **options))
        return nodes[-1]

    yield start
    for node in nodes:
        node.close()


@pytest.fixture
def make_robot(ros_domain: int) -> Iterator[Callable[..., Robot]]:
    """Return a function that makes robots; they end with the test."""
    robots: list[Robot] = []

    def make(*args: Any, **options: Any) -> Robot:
        robots.append(Robot(*args, **options))
        return robots[-1]

    yield make
    for robot in robots:
        robot.close()


@pytest.fixture(scope='module')
def shared_node(
    ros_domain: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NodeProcess]:
    """Return one node for all tests of a file that leave it as it was."""
    node = NodeProcess(tmp_path_factory.mktemp('node') / 'log')
    yield node
    node.close()


@pytest.fixture(scope='module')
def shared_robot(shared_node: NodeProcess) -> Iterator[Robot]:
    """Return one robot for these tests: a new one takes up to 3 s to be discovered."""
    robot = Robot()
    robot.wait_for_node()
    yield robot
    robot.close()


@pytest.fixture
def robot(shared_robot: Robot) -> Robot:
    """Return the shared robot, with nothing to say and nothing heard yet."""
    shared_robot.stop()
    heard = shared_robot.heard
    wait_until(lambda: not heard.states or shared_robot.last_state('IDLE'))
    wait_until(lambda: not heard.speaking or heard.speaking[-1][1] is False)
    shared_robot.forget()
    return shared_robot

"""The node `speech_node`: texts in, audio and states out; the engine is a process of its own.

Threads: the executor's one thread runs every callback, and each is short: it checks, converts,
hands over and returns, so that `stop` and cancel are never held up. The speaker thread publishes
audio and waits for the engine. One lock orders state changes and their messages.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.logging import LoggingSeverity, get_logger
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import String
from std_srvs.srv import Trigger

from gptsovits_ros.action import Speak
from gptsovits_ros.engine.client import EngineClient, EngineStatus
from gptsovits_ros.errors import CanceledError, EngineUnavailableError, GptsovitsError
from gptsovits_ros.msg import SpeechState, Voice
from gptsovits_ros.ros import requests
from gptsovits_ros.ros.conversions import state_message, voice_message
from gptsovits_ros.ros.diagnostics import DiagnosticsPublisher
from gptsovits_ros.ros.logs import RosLogHandler
from gptsovits_ros.ros.parameter_server import ParameterServer
from gptsovits_ros.ros.parameters import Parameters
from gptsovits_ros.ros.publishers import AudioPublisher, SpeakingPublisher, StatePublisher
from gptsovits_ros.ros.qos import SAY_QOS
from gptsovits_ros.ros.queue import UtteranceQueue
from gptsovits_ros.ros.speak_server import SpeakServer
from gptsovits_ros.ros.speaker import Speaker, StreamSettings
from gptsovits_ros.ros.utterance import State, Utterance
from gptsovits_ros.srv import ListVoices
from gptsovits_ros.types import SpeechRequest

PACKAGE_LOGGER = logging.getLogger('gptsovits_ros')

# Together below 2 s, after which a launch file or a service manager grows impatient.
SPEAKER_STOP_S = 0.4
ENGINE_STOP_S = 1.2
SPIN_S = 0.3


class SpeechNode(Node):
    """Speaks what is published on `say` or sent to the action `speak`."""

    def __init__(
        self, make_client: Callable[..., EngineClient] = EngineClient, **node_options: Any
    ) -> None:
        """Create the node; start() lets it work.

        Args:
            make_client: makes the client of the engine; takes the arguments of EngineClient.
            node_options: for rclpy's Node, e.g. its context.

        Raises:
            ParameterInvalidError: if a parameter has a value that is not allowed.

        """
        super().__init__('speech_node', **node_options)
        self._log_handler = self._forward_logs()
        self._lock = threading.RLock()
        self._engine_state = ('', '')
        self._settings = ParameterServer(self, self._check_parameters, self._on_parameters)
        parameters = self._settings.values
        self._audio = AudioPublisher(self, parameters)
        self._speaking = SpeakingPublisher(self)
        self._states = StatePublisher(self, parameters.stream_frame_id)
        self._queue = UtteranceQueue(parameters.queue_max_length)
        self._diagnostics = DiagnosticsPublisher(
            self, lambda: len(self._queue), lambda: self._client.real_time_factor
        )
        self._client = make_client(
            parameters.engine_settings,
            python=parameters.engine_python,
            start_timeout_s=parameters.engine_start_timeout_s,
            stall_timeout_s=parameters.engine_stall_timeout_s,
            on_status=self._on_engine_status,
        )
        self._speaker = Speaker(
            self._client,
            self._queue,
            self,
            self._stream_settings,
            parameters.engine_start_timeout_s,
        )
        self._speak_server = SpeakServer(self, self._on_goal, self._on_cancel)
        self.create_subscription(String, parameters.topic_say, self._on_say, SAY_QOS)
        self.create_service(Trigger, 'stop', self._on_stop)
        self.create_service(ListVoices, 'list_voices', self._on_list_voices)

    def start(self) -> None:
        """Start the engine and the speaker; returns at once, texts wait until it is ready."""
        self._client.start()
        self._speaker.start()

    def stop(self) -> None:
        """Stop speaking, tell everyone, end the speaker and the engine; before destroy_node."""
        self._queue.close()
        self._stop_all()
        if not self._speaker.join(SPEAKER_STOP_S):
            self.get_logger().error('the speaker thread did not end')
        self._client.stop(timeout_s=ENGINE_STOP_S)

    def destroy_node(self) -> None:
        """Destroy the action server, which rclpy leaves to its owner, and then the node."""
        self._speak_server.destroy()
        PACKAGE_LOGGER.removeHandler(self._log_handler)
        super().destroy_node()

    def _forward_logs(self) -> RosLogHandler:
        """Let what the engine's client logs, which knows no ROS, go to the node's logger."""
        handler = RosLogHandler(self.get_logger())
        PACKAGE_LOGGER.addHandler(handler)
        is_debug = self.get_logger().is_enabled_for(LoggingSeverity.DEBUG)
        PACKAGE_LOGGER.setLevel(logging.DEBUG if is_debug else logging.INFO)
        return handler

    # What comes in.

    def _on_say(self, message: String) -> None:
        request = requests.request_from_text(message.data, self._settings.values)
        self._accept(Utterance(request, 'say'))

    def _on_goal(self, utterance_id: str, goal: Speak.Goal) -> None:
        request = requests.request_from_goal(goal, self._settings.values)
        self._accept(Utterance(request, 'speak', utterance_id))

    def _on_cancel(self, utterance_id: str) -> bool:
        utterance = self._queue.find(utterance_id)
        if utterance is None:
            return False
        if self._queue.remove(utterance):
            self.on_state(utterance, State.CANCELED, error=CanceledError('canceled by the client'))
        else:
            utterance.cancel()
        return True

    def _on_stop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        count = self._stop_all()
        response.success = True
        response.message = f'{count} utterance{"" if count == 1 else "s"} stopped'
        return response

    def _on_list_voices(
        self, request: ListVoices.Request, response: ListVoices.Response
    ) -> ListVoices.Response:
        status = self._client.status
        response.success = status.state == 'ready'
        if not response.success:
            response.message = _describe(status)
        response.voices = [
            voice_message(voice, Voice)
            for voice in sorted(status.voices, key=lambda voice: voice.name)
        ]
        return response

    def _accept(self, utterance: Utterance) -> None:
        """Put an utterance into the queue, or refuse it and tell why."""
        try:
            self._check_request(utterance.request)
            # Under the lock, so that QUEUED goes out before anything the speaker says of it.
            with self._lock:
                self._queue.put(utterance)
                self.on_state(utterance, State.QUEUED)
        except GptsovitsError as error:
            self.on_state(utterance, State.REFUSED, error=error)

    def _check_request(self, request: SpeechRequest) -> None:
        requests.check_request(request, self._settings.values.speech_max_text_length)
        status = self._client.status
        requests.check_engine(status.state, status.message)
        if status.state == 'ready':
            requests.find_voice(request.voice, status.voices)

    def _stop_all(self) -> int:
        """Stop the utterance whose turn it is and all that wait; return how many that were."""
        current, waiting = self._queue.clear()
        for utterance in waiting:
            self.on_state(utterance, State.CANCELED, error=CanceledError('stopped'))
        if current is not None:
            current.cancel()
        return len(waiting) + (current is not None)

    # What goes out. These are the methods of a SpeechSink.

    def on_state(
        self,
        utterance: Utterance,
        state: State,
        segment: str = '',
        error: GptsovitsError | None = None,
    ) -> None:
        """Publish, log and tell the client of an utterance that it entered a state."""
        with self._lock:
            message = state_message(state, utterance, segment, error, SpeechState)
            message.voice = utterance.request.voice or self._default_voice()
            message.queue_length = len(self._queue)
            self._states.publish(message)
            if state.is_end:
                self._speak_server.finish(utterance, message.error_code, message.error_msg)
            elif state is not State.QUEUED:
                self._speak_server.progress(utterance, state)
            if state is not State.SPEAKING:
                for waiting, position in self._queue.waiting():
                    self._speak_server.progress(waiting, State.QUEUED, position)
        self._diagnostics.on_state(utterance, state, error)
        self._log(utterance, state, error)

    def on_audio(
        self, utterance: Utterance, samples: np.ndarray, sample_rate: int, due_in_s: float
    ) -> None:
        """Publish samples, and tell the client of the utterance how much that makes."""
        self._announce(sample_rate)
        self._audio.publish(samples, sample_rate, due_in_s)
        self._speak_server.progress(utterance, State.SPEAKING)

    def on_speaking(self, speaking: bool) -> None:
        """Publish whether there is sound."""
        self._speaking.publish(speaking)

    def _on_engine_status(self, status: EngineStatus) -> None:
        """Publish what the engine is doing; called from a thread of its client."""
        self._diagnostics.on_engine(status)
        with self._lock:
            if (status.state, status.message) == self._engine_state:
                return
            self._engine_state = status.state, status.message
            state, error = State.IDLE, None
            if status.state != 'ready':
                error = EngineUnavailableError(_describe(status))
                state = State.UNAVAILABLE
            self._states.publish_rest(state_message(state, None, '', error, SpeechState))
        if status.state == 'failed':
            self.get_logger().error(_describe(status))
        else:
            self.get_logger().info(_describe(status))
        if status.state == 'ready':
            self._announce_voice(status)

    def _default_voice(self) -> str:
        """Return the name of the voice that speaks when none is named; empty: not known yet."""
        return next((voice.name for voice in self._client.status.voices if voice.is_default), '')

    def _announce_voice(self, status: EngineStatus) -> None:
        """Publish the format of the voice that will speak, before anyone has to play it."""
        name = self._settings.values.voice
        try:
            voice = requests.find_voice(name, status.voices)
        except GptsovitsError as error:
            self.get_logger().error(f'parameter voice: {error}')
        else:
            self._announce(voice.sample_rate)

    def _announce(self, sample_rate: int) -> None:
        chunk_ms = self._settings.values.stream_chunk_ms
        self._audio.announce(sample_rate, sample_rate * chunk_ms // 1000)

    def _log(self, utterance: Utterance, state: State, error: GptsovitsError | None) -> None:
        """Log how an utterance ended: lengths and times, never the text, which is private."""
        name = f'utterance {utterance.id[:8]} ({utterance.source})'
        if state in (State.REFUSED, State.FAILED):
            self.get_logger().warning(f'{name} {state.name.lower()}: {error.name}: {error}')
        elif state.is_end:
            first = utterance.first_audio_s
            after = '' if first is None else f', first audio after {first:.3f} s'
            self.get_logger().info(
                f'{name} {state.name.lower()}: {utterance.published_s:.2f} s of audio{after}'
            )
        if state.is_end and utterance.guard:
            self.get_logger().warning(
                f'{name}: segments that came out wrong (docs/guard.md): {utterance.guard_summary}'
            )

    # Parameters.

    def _stream_settings(self) -> StreamSettings:
        parameters = self._settings.values
        return StreamSettings(parameters.stream_chunk_ms, parameters.stream_lead_ms)

    def _check_parameters(self, parameters: Parameters) -> None:
        """Raise VoiceNotFoundError if the engine is ready and has no such voice."""
        status = self._client.status
        if parameters.voice and status.state == 'ready':
            requests.find_voice(parameters.voice, status.voices)

    def _on_parameters(self, parameters: Parameters) -> None:
        self._queue.set_max_length(parameters.queue_max_length)


def _describe(status: EngineStatus) -> str:
    """Return how the engine is, in one line for people."""
    if status.state == 'ready':
        return f'the engine is ready on {status.device}, loaded in {status.load_s:.1f} s'
    return f'the engine is {status.state}' + (f': {status.message}' if status.message else '')


def main(
    args: list[str] | None = None, make_client: Callable[..., EngineClient] = EngineClient
) -> int:
    """Run the node until SIGINT or SIGTERM; return the exit code."""
    # Python documents put() of this queue, unlike Event.set(), as safe in a signal handler.
    stop: SimpleQueue[None] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.put(None))
    # rclpy's own handlers would end the context at once, before `is_speaking` can fall.
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        return _run(stop, make_client)
    finally:
        rclpy.try_shutdown()


def _run(stop: SimpleQueue[None], make_client: Callable[..., EngineClient]) -> int:
    try:
        node = SpeechNode(make_client)
        node.start()
    except GptsovitsError as error:
        get_logger('speech_node').fatal(f'{error.name}: {error}')
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


if __name__ == '__main__':
    sys.exit(main())

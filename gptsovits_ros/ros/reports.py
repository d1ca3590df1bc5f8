"""What the node tells of utterances and of the engine: states, audio, goals, diagnostics, log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
from rclpy.node import Node
from std_msgs.msg import Bool

from gptsovits_ros.engine.client import EngineClient, EngineStatus
from gptsovits_ros.errors import EngineUnavailableError, GptsovitsError
from gptsovits_ros.msg import PlayerState, SpeechState
from gptsovits_ros.ros import requests
from gptsovits_ros.ros.conversions import player_report, state_message
from gptsovits_ros.ros.diagnostics import DiagnosticsPublisher
from gptsovits_ros.ros.parameters import Parameters
from gptsovits_ros.ros.publishers import AudioPublisher, StatePublisher
from gptsovits_ros.ros.qos import LATCHED_QOS
from gptsovits_ros.ros.queue import UtteranceQueue
from gptsovits_ros.ros.speak_server import SpeakServer
from gptsovits_ros.ros.speaking import SpeakingState
from gptsovits_ros.ros.utterance import Ending, State, Utterance
from gptsovits_ros.types import Mark


class Reports:
    """The speaker's SpeechSink, and the listener to the engine. Every method: any thread.

    Attributes:
        lock: orders changes of state and their messages; whoever holds it while an utterance
            enters the queue knows that nothing is told of it before.

    """

    def __init__(
        self, node: Node, queue: UtteranceQueue, parameters: Callable[[], Parameters]
    ) -> None:
        """Create the topics.

        Args:
            parameters: gives the present ones.

        """
        present = parameters()
        self.lock = threading.RLock()
        self._logger = node.get_logger()
        self._queue = queue
        self._parameters = parameters
        self._speak_server: SpeakServer | None = None
        self._client: EngineClient | None = None
        self._engine_state = ('', '')
        self._on_end: Callable[[Utterance, Ending | None], None] = lambda *_: None
        self._audio = AudioPublisher(node, present)
        self._states = StatePublisher(node, present.stream_frame_id)
        speaking = node.create_publisher(Bool, 'is_speaking', LATCHED_QOS)
        self.speaking = SpeakingState(
            lambda value: speaking.publish(Bool(data=value)), present.speaking_hold_ms / 1000
        )
        node.create_subscription(
            PlayerState,
            'player_state',
            lambda message: self.speaking.reported(player_report(message)),
            LATCHED_QOS,
        )
        self._diagnostics = DiagnosticsPublisher(
            node, lambda: len(queue), lambda: self._client and self._client.real_time_factor
        )

    def connect(
        self,
        client: EngineClient,
        speak_server: SpeakServer,
        on_end: Callable[[Utterance, Ending | None], None],
    ) -> None:
        """Tell where voices are known, goals are told, and ends are noted."""
        self._client = client
        self._speak_server = speak_server
        self._on_end = on_end

    # Of utterances.

    def on_state(
        self,
        utterance: Utterance,
        state: State,
        segment: str = '',
        ending: Ending | None = None,
    ) -> None:
        """Publish, log and tell the client of an utterance that it entered a state."""
        with self.lock:
            message = state_message(state, utterance, segment, ending, SpeechState)
            message.voice = utterance.request.voice or self._default_voice()
            message.queue_length = len(self._queue)
            if state.is_end:
                # Before the message, so that whoever hears of the end can resume it.
                self._on_end(utterance, ending)
            self._states.publish(message)
            if state.is_end:
                self._speak_server.finish(utterance, message)
            elif state is not State.QUEUED:
                self._speak_server.progress(utterance, state)
            if state is not State.SPEAKING:
                for waiting, position in self._queue.waiting():
                    self._speak_server.progress(waiting, State.QUEUED, position)
        error = None if ending is None else ending.error
        self._diagnostics.on_state(utterance, state, error)
        self._log(utterance, state, error)

    def on_audio(
        self, utterance: Utterance, samples: np.ndarray, sample_rate: int, due_in_s: float
    ) -> None:
        """Publish samples, and tell the client of the utterance how much that makes."""
        self._announce(sample_rate)
        stamp = self._audio.stamp(due_in_s)
        stamp_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
        self.speaking.sent(due_in_s, stamp_ns, len(samples), sample_rate)
        self._audio.publish(samples, sample_rate, stamp)
        self._speak_server.progress(utterance, State.SPEAKING)

    def on_marks(self, utterance: Utterance, marks: Sequence[tuple[Mark, float]]) -> None:
        """Publish marks of what was just published."""
        self._audio.publish_marks(utterance.id, marks)

    def on_flush(self, unheard_s: float) -> float:
        """Tell the player to fall silent; return how much of what was sent was not heard [s]."""
        return self.speaking.flush(self._audio.flush, unheard_s)

    # Of the engine.

    def on_engine_status(self, status: EngineStatus) -> None:
        """Publish what the engine is doing; called from a thread of its client."""
        self._diagnostics.on_engine(status)
        with self.lock:
            if (status.state, status.message) == self._engine_state:
                return
            self._engine_state = status.state, status.message
            state, ending = State.IDLE, None
            if status.state != 'ready':
                ending = Ending(EngineUnavailableError(describe(status)))
                state = State.UNAVAILABLE
            self._states.publish_rest(state_message(state, None, '', ending, SpeechState))
        if status.state == 'failed':
            self._logger.error(describe(status))
        else:
            self._logger.info(describe(status))
        if status.state == 'ready':
            self._announce_voice(status)

    def _default_voice(self) -> str:
        """Return the name of the voice that speaks when none is named; empty: not known yet."""
        return next((voice.name for voice in self._client.status.voices if voice.is_default), '')

    def _announce_voice(self, status: EngineStatus) -> None:
        """Publish the format of the voice that will speak, before anyone has to play it."""
        name = self._parameters().voice
        try:
            voice = requests.find_voice(name, status.voices)
        except GptsovitsError as error:
            self._logger.error(f'parameter voice: {error}')
        else:
            self._announce(voice.sample_rate)

    def _announce(self, sample_rate: int) -> None:
        chunk_ms = self._parameters().stream_chunk_ms
        self._audio.announce(sample_rate, sample_rate * chunk_ms // 1000)

    def _log(self, utterance: Utterance, state: State, error: GptsovitsError | None) -> None:
        """Log how an utterance ended: lengths and times, never the text, which is private."""
        name = f'utterance {utterance.id[:8]} ({utterance.source})'
        if state in (State.REFUSED, State.FAILED):
            self._logger.warning(f'{name} {state.name.lower()}: {error.name}: {error}')
        elif state.is_end:
            first = utterance.first_audio_s
            after = '' if first is None else f', first audio after {first:.3f} s'
            self._logger.info(
                f'{name} {state.name.lower()}: {utterance.published_s:.2f} s of audio{after}'
            )
        if state.is_end and utterance.guard:
            self._logger.warning(
                f'{name}: segments that came out wrong (docs/guard.md): {utterance.guard_summary}'
            )


def describe(status: EngineStatus) -> str:
    """Return how the engine is, in one line for people."""
    if status.state == 'ready':
        return f'the engine is ready on {status.device}, loaded in {status.load_s:.1f} s'
    return f'the engine is {status.state}' + (f': {status.message}' if status.message else '')

"""The node `speech_node`: texts in, audio and states out; the engine is a process of its own.

Threads: the executor's one thread runs every callback, and each is short: it checks, converts,
hands over and returns, so that `stop` and cancel are never held up. The speaker thread publishes
audio and waits for the engine; a third one lets `is_speaking` fall in time. One lock orders state
changes and their messages.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.logging import LoggingSeverity
from rclpy.node import Node
from std_msgs.msg import Bool, String
from std_srvs.srv import Trigger

from gptsovits_ros.action import Speak
from gptsovits_ros.engine.client import EngineClient
from gptsovits_ros.errors import CanceledError, GptsovitsError
from gptsovits_ros.msg import SayRequest, SayStream, Voice
from gptsovits_ros.ros import requests
from gptsovits_ros.ros.conversions import duration_s, voice_message
from gptsovits_ros.ros.logs import RosLogHandler
from gptsovits_ros.ros.node_main import run_node
from gptsovits_ros.ros.order import Order, Priority, Reason
from gptsovits_ros.ros.parameter_server import ParameterServer
from gptsovits_ros.ros.parameters import Parameters
from gptsovits_ros.ros.qos import BARGE_IN_QOS, SAY_QOS, SAY_STREAM_QOS
from gptsovits_ros.ros.queue import QueueSettings, UtteranceQueue
from gptsovits_ros.ros.reception import Reception
from gptsovits_ros.ros.reports import Reports, describe
from gptsovits_ros.ros.script import Script
from gptsovits_ros.ros.speak_server import SpeakServer
from gptsovits_ros.ros.speaker import Speaker, StreamSettings
from gptsovits_ros.ros.text_streams import TextStreams
from gptsovits_ros.ros.utterance import Ending, Utterance
from gptsovits_ros.ros.voice_recorder import VoiceRecorder
from gptsovits_ros.ros.voice_services import VoiceServices
from gptsovits_ros.srv import ListVoices
from gptsovits_ros.types import SpeechRequest

PACKAGE_LOGGER = logging.getLogger('gptsovits_ros')

# Together below 2 s, after which a launch file or a service manager grows impatient.
SPEAKER_STOP_S = 0.4
ENGINE_STOP_S = 1.2
# How often deadlines and text streams are looked at, while there are any. [s]
WATCH_S = 0.05


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
        self._settings = ParameterServer(self, self._check_parameters, self._on_parameters)
        parameters = self._settings.values
        self._queue = UtteranceQueue(_queue_settings(parameters))
        self._reports = Reports(self, self._queue, lambda: self._settings.values)
        self._client = make_client(
            parameters.engine_settings,
            python=parameters.engine_python,
            socket=parameters.engine_socket,
            start_timeout_s=parameters.engine_start_timeout_s,
            stall_timeout_s=parameters.engine_stall_timeout_s,
            on_status=self._reports.on_engine_status,
        )
        self._speaker = Speaker(
            self._client,
            self._queue,
            self._reports,
            self._stream_settings,
            parameters.engine_start_timeout_s,
        )
        self._reception = Reception(
            self._queue, self._reports, lambda: self._settings.values, lambda: self._client.status
        )
        self._text_streams = TextStreams(self._reception, self._is_wanted)
        self._speak_server = SpeakServer(self, self._on_goal, self._reception.cancel)
        self._voice_services = VoiceServices(self, self._client, lambda: self._settings.values)
        self._voice_recorder = VoiceRecorder(self, self._client, lambda: self._settings.values)
        self._reports.connect(self._client, self._speak_server, self._reception.note_end)
        self._watch = self.create_timer(
            WATCH_S, self._on_watch, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._watch.cancel()
        self._create_inputs(parameters)

    def _create_inputs(self, parameters: Parameters) -> None:
        self.create_subscription(String, parameters.topic_say, self._on_say, SAY_QOS)
        self.create_subscription(SayRequest, 'say_request', self._on_say_request, SAY_QOS)
        self.create_subscription(SayStream, 'say_stream', self._on_say_stream, SAY_STREAM_QOS)
        if parameters.topic_barge_in:
            self.create_subscription(
                Bool, parameters.topic_barge_in, self._on_barge_in, BARGE_IN_QOS
            )
        self.create_service(Trigger, 'stop', self._on_stop)
        self.create_service(Trigger, 'resume', self._on_resume)
        self.create_service(ListVoices, 'list_voices', self._on_list_voices)

    def start(self) -> None:
        """Start the engine and the speaker; returns at once, texts wait until it is ready."""
        self._client.start()
        self._speaker.start()

    def stop(self) -> None:
        """Stop speaking, tell everyone, end the speaker and the engine; before destroy_node."""
        self._queue.close()
        self._reception.stop_all(Ending(CanceledError('the node ends'), Reason.SHUTDOWN))
        if not self._speaker.join(SPEAKER_STOP_S):
            self.get_logger().error('the speaker thread did not end')
        self._reports.speaking.close()
        self._client.stop(timeout_s=ENGINE_STOP_S)

    def destroy_node(self) -> None:
        """Destroy the action servers, which rclpy leaves to their owner, and then the node."""
        self._reports.speaking.close()
        self._speak_server.destroy()
        self._voice_recorder.destroy()
        PACKAGE_LOGGER.removeHandler(self._log_handler)
        super().destroy_node()

    def _forward_logs(self) -> RosLogHandler:
        """Let what the engine's client logs, which knows no ROS, go to the node's logger."""
        handler = RosLogHandler(self.get_logger())
        PACKAGE_LOGGER.addHandler(handler)
        is_debug = self.get_logger().is_enabled_for(LoggingSeverity.DEBUG)
        PACKAGE_LOGGER.setLevel(logging.DEBUG if is_debug else logging.INFO)
        return handler

    # What is to be said.

    def _on_say(self, message: String) -> None:
        request = requests.request_from_text(message.data, self._settings.values)
        self._take(*self._utterance(request, 'say'))

    def _on_say_request(self, message: SayRequest) -> None:
        request = requests.request_from_say(message, self._settings.values)
        source = message.source or 'say_request'
        deadline = duration_s(message.deadline)
        self._take(*self._utterance(request, source, message.id, message, deadline))

    def _on_goal(self, utterance_id: str, goal: Speak.Goal) -> None:
        request = requests.request_from_goal(goal, self._settings.values)
        source = goal.source or 'speak'
        deadline = duration_s(goal.deadline)
        self._take(*self._utterance(request, source, utterance_id, goal, deadline))

    def _on_say_stream(self, message: SayStream) -> None:
        def make() -> tuple[Utterance, GptsovitsError | None]:
            request = requests.request_from_stream(message, self._settings.values)
            script = Script(is_complete=False)
            source = message.source or 'say_stream'
            return self._utterance(request, source, message.utterance_id, message, script=script)

        self._text_streams.add(
            message.utterance_id,
            message.text,
            message.end,
            make,
            self._settings.values.say_stream_max_characters,
            time.monotonic(),
        )
        self._watch.reset()

    def _utterance(
        self,
        request: SpeechRequest,
        source: str,
        utterance_id: str = '',
        ordered: requests.Ordered | None = None,
        deadline_s: float = 0.0,
        script: Script | None = None,
    ) -> tuple[Utterance, GptsovitsError | None]:
        """Return an utterance, and what is wrong with what it asks of the queue."""
        order, problem = Order(), None
        try:
            order = requests.order_from(
                ordered, self._settings.values, time.monotonic(), deadline_s
            )
        except GptsovitsError as error:
            problem = error
        return Utterance(request, source, utterance_id, order, script), problem

    def _take(self, utterance: Utterance, problem: GptsovitsError | None) -> None:
        if problem is not None:
            self._reception.refuse(utterance, problem)
            return
        self._reception.accept(utterance)
        if utterance.order.deadline is not None:
            self._watch.reset()

    def _is_wanted(self, utterance: Utterance) -> bool:
        """Tell whether an utterance waits or is spoken, and nobody wants it to end."""
        return self._queue.find(utterance.id) is utterance and utterance.ending is None

    def _on_watch(self) -> None:
        """Look after deadlines and forgotten text streams, as long as there are any."""
        self._reception.drop_late()
        self._text_streams.give_up(self._settings.values.say_stream_timeout_s, time.monotonic())
        if not self._text_streams and not self._reception.has_deadlines():
            self._watch.cancel()

    # Silence, and what comes after it.

    def _on_stop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        count = self._reception.stop_all(Ending(CanceledError('stopped'), Reason.STOP))
        response.success = True
        response.message = f'{count} utterance{"" if count == 1 else "s"} stopped'
        return response

    def _on_barge_in(self, message: Bool) -> None:
        if message.data:
            ending = Ending(CanceledError('somebody spoke'), Reason.BARGE_IN)
            self._reception.stop_all(ending, below=Priority.SAFETY)

    def _on_resume(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        utterance = self._reception.resume()
        response.success = utterance is not None
        response.message = utterance.id if utterance else 'there is nothing to resume'
        return response

    def _on_list_voices(
        self, request: ListVoices.Request, response: ListVoices.Response
    ) -> ListVoices.Response:
        status = self._client.status
        response.success = status.state == 'ready'
        if not response.success:
            response.message = describe(status)
        response.voices = [
            voice_message(voice, Voice)
            for voice in sorted(status.voices, key=lambda voice: voice.name)
        ]
        return response

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
        self._queue.set_settings(_queue_settings(parameters))
        self._reports.speaking.set_hold(parameters.speaking_hold_ms / 1000)


def _queue_settings(parameters: Parameters) -> QueueSettings:
    return QueueSettings(parameters.queue_max_length, parameters.queue_merge)


def main(
    args: list[str] | None = None, make_client: Callable[..., EngineClient] = EngineClient
) -> int:
    """Run the node until SIGINT or SIGTERM; return the exit code."""
    return run_node('speech_node', lambda: SpeechNode(make_client), args)


if __name__ == '__main__':
    sys.exit(main())

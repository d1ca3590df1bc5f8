"""The services that change voices and tell of them; the engine process does the work."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from rclpy.node import Node

from gptsovits_ros.engine.client import EngineClient
from gptsovits_ros.engine.protocol import VoiceDone, VoiceTask
from gptsovits_ros.errors import GptsovitsError
from gptsovits_ros.ros import voice_requests
from gptsovits_ros.ros.deferred_service import Answer, DeferredService
from gptsovits_ros.ros.parameters import Parameters
from gptsovits_ros.srv import (
    DeleteVoice,
    DescribeVoice,
    EnrollVoice,
    ExportVoice,
    ImportVoice,
    SetDefaultVoice,
)

MakeTask = Callable[[Any, Parameters], VoiceTask]
Fill = Callable[[Any, VoiceDone], None]


class VoiceServices:
    """Enrol, delete, describe, export, import voices, and choose the default one."""

    def __init__(
        self, node: Node, client: EngineClient, parameters: Callable[[], Parameters]
    ) -> None:
        """Create the services.

        Args:
            node: that offers them.
            client: of the engine.
            parameters: gives the present ones.

        """
        self._ros_node = node
        self._client = client
        self._parameters = parameters
        self._offer(
            EnrollVoice,
            'enroll_voice',
            voice_requests.enroll_task,
            voice_requests.fill_enrolment,
        )
        self._offer(
            DeleteVoice, 'delete_voice', voice_requests.delete_task, voice_requests.fill_nothing
        )
        self._offer(
            SetDefaultVoice,
            'set_default_voice',
            voice_requests.default_task,
            voice_requests.fill_nothing,
        )
        self._offer(
            DescribeVoice,
            'describe_voice',
            voice_requests.describe_task,
            voice_requests.fill_description,
        )
        self._offer(
            ExportVoice, 'export_voice', voice_requests.export_task, voice_requests.fill_archive
        )
        self._offer(
            ImportVoice,
            'import_voice',
            voice_requests.import_task,
            voice_requests.fill_description,
        )

    def _offer(self, srv_type: type, name: str, make_task: MakeTask, fill: Fill) -> None:
        def serve(request: Any, answer: Answer) -> None:
            response = srv_type.Response()
            try:
                task = make_task(request, self._parameters())
                call = self._client.do_voice_task(task)
            except GptsovitsError as error:
                self._refuse(name, response, error)
                answer(response)
                return
            call.future.add_done_callback(
                lambda future: answer(self._response(name, response, future, fill))
            )

        DeferredService(self._ros_node, srv_type, name, serve)

    def _response(self, name: str, response: Any, future: Future[VoiceDone], fill: Fill) -> Any:
        """Return the response for what became of a task; called from a thread of the client."""
        error = future.exception()
        if error is not None:
            self._refuse(name, response, error)
        else:
            done = future.result()
            fill(response, done)
            response.success = True
            self._ros_node.get_logger().info(f'{name}: done, voice "{done.voice}"')
        return response

    def _refuse(self, name: str, response: Any, error: GptsovitsError) -> None:
        response.error_code, response.error_msg = error.code, str(error)
        self._ros_node.get_logger().warning(f'{name}: {error.name}: {error}')

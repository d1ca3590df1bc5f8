"""A service that is answered later, while its node goes on with other things."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node

Answer = Callable[[Any], None]


class DeferredService:
    """Hands each request over with what answers it, which may be called later by any thread.

    A callback of rclpy may await a Future instead, but up to Kilted the executor then asks again
    and again whether it is done, and takes a whole core for that.
    """

    def __init__(
        self, node: Node, srv_type: type, name: str, on_request: Callable[[Any, Answer], None]
    ) -> None:
        """Create the service.

        Args:
            node: that offers it.
            srv_type: type of the service.
            name: of the service.
            on_request: called with a request and what takes the response to it, once.

        """
        self._ros_node = node
        self._on_request = on_request
        # The executor hands what the callback returns to send_response, together with the header
        # that names the client; both wait here until there is an answer.
        self._service = node.create_service(srv_type, name, lambda request, _: request)
        self._send = self._service.send_response
        self._service.send_response = self._take

    def _take(self, request: Any, header: Any) -> None:
        self._on_request(request, lambda response: self._answer(response, header))

    def _answer(self, response: Any, header: Any) -> None:
        executor = self._ros_node.executor
        if executor is not None:  # else the node ends, and with it the service
            executor.create_task(self._send, response, header)

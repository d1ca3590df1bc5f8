"""A local server with the layout of Hugging Face, that can misbehave."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gptsovits_ros.official_models import ModelFile

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FILE = ModelFile('folder/model=1.bin', len(CONTENT), SHA256, ('v2',), 'a model')
# Where the server has its file.
URL_PATH = '/lj1995/GPT-SoVITS/resolve/main/folder/model%3D1.bin'


class Server:
    """What the test server offers, how it misbehaves, and what it was asked."""

    def __init__(self):
        self.content = CONTENT
        self.etag = '"one"'
        self.linked_sha256 = SHA256  # '' leaves the X-Linked headers out
        self.cut_after = []  # one per answer: bytes sent before the connection is cut
        self.statuses = []  # one per answer: a status instead of the file
        self.ranges_work = True
        self.requests = []  # (path, Range header)
        self.endpoint = ''


class Handler(BaseHTTPRequestHandler):
    """Redirects /resolve/ to /storage, as the real server does, and serves ranges there."""

    protocol_version = 'HTTP/1.1'

    def do_GET(self):  # noqa: N802 (the name that http.server calls)
        state = self.server.state
        state.requests.append((self.path, self.headers.get('Range')))
        if self.path == URL_PATH and state.linked_sha256:
            self.send_response(302)
            self.send_header('Location', '/storage/xyz')
            self.send_header('X-Linked-Size', str(len(state.content)))
            self.send_header('X-Linked-Etag', f'"{state.linked_sha256}"')
            self.send_header('Content-Length', '0')
            self.end_headers()
        elif self.path not in (URL_PATH, '/storage/xyz'):
            self.send_error(404)
        elif state.statuses:
            self.send_error(state.statuses.pop(0))
        else:
            self.send_file(state)

    def send_file(self, state):
        """Send the file or the range that was asked for; maybe only a part of it."""
        start = 0
        asked = self.headers.get('Range')
        if asked and state.ranges_work and self.headers.get('If-Range') == state.etag:
            start = int(asked.removeprefix('bytes=').removesuffix('-'))
        if start > len(state.content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            last = len(state.content) - 1
            self.send_header('Content-Range', f'bytes {start}-{last}/{len(state.content)}')
        body = state.content[start:]
        self.send_header('ETag', state.etag)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if state.cut_after:
            self.wfile.write(body[: state.cut_after.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(body)

    def log_message(self, *arguments):
        """Stay quiet."""


class QuietServer(ThreadingHTTPServer):
    """A client that leaves early is what some tests are about, no error."""

    def handle_error(self, request, client_address):
        """Say nothing."""


@contextlib.contextmanager
def running_server() -> Iterator[Server]:
    """Run a server on a free port of this machine."""
    state = Server()
    http = QuietServer(('127.0.0.1', 0), Handler)
    http.state = state
    state.endpoint = f'http://127.0.0.1:{http.server_port}'
    thread = threading.Thread(target=http.serve_forever, kwargs={'poll_interval': 0.01})
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()

"""A process that owns an engine client, for tests that suspend or kill it.

It prints the process id of its worker, then waits; on a line of input it prints the state and the
restarts, and stops.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gptsovits_ros.engine.client import EngineClient
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest


def main() -> None:
    """Start, tell, wait, tell."""
    command = [sys.executable, str(Path(__file__).with_name('fake_engine_worker.py'))]
    stall_timeout_s, text = float(sys.argv[1]), sys.argv[2]
    with EngineClient(
        EngineSettings(), command=command, stall_timeout_s=stall_timeout_s
    ) as client:
        status = client.wait_ready(10)
        stream = client.synthesize(SpeechRequest(text))
        stream.next_chunk(10)
        sys.stdout.write(f'{status.pid}\n')
        sys.stdout.flush()
        sys.stdin.readline()
        sys.stdout.write(f'{client.status.state} {client.status.restarts}\n')


if __name__ == '__main__':
    main()

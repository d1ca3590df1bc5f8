"""The speech node as it is, but for the engine of fake_engine.py."""

from __future__ import annotations

import sys
from pathlib import Path

from gptsovits_ros.engine.client import EngineClient
from gptsovits_ros.ros import speech_node

COMMAND = (sys.executable, str(Path(__file__).with_name('fake_engine.py')))


def make_client(settings, *, python, **options) -> EngineClient:
    """Return a client of the fake engine."""
    return EngineClient(settings, command=COMMAND, **options)


if __name__ == '__main__':
    sys.exit(speech_node.main(make_client=make_client))

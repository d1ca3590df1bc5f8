"""A shared engine with the stand-in of fake_engine_worker.py: `... <socket>`."""

from __future__ import annotations

import sys
from pathlib import Path

from fake_engine_worker import FakeEngine

from gptsovits_ros.engine import worker
from gptsovits_ros.engine.shared_engine import serving
from gptsovits_ros.settings import EngineSettings

if __name__ == '__main__':
    with serving(Path(sys.argv[1])) as address:
        sys.exit(worker.serve(address, EngineSettings(), FakeEngine.load, is_shared=True))

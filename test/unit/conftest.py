"""A small official-layout voice, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from gptsovits_ros.voice.standin import make_test_voice


@pytest.fixture(scope='session')
def tiny_voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny test voice; do not write into it."""
    folder = tmp_path_factory.mktemp('voices') / 'tiny'
    make_test_voice(folder)
    return folder

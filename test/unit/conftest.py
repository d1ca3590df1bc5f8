"""Small official-layout voices, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from gptsovits_ros.voice.standin import SIZES, make_test_voice


@pytest.fixture(scope='session')
def tiny_voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny test voice; do not write into it."""
    folder = tmp_path_factory.mktemp('voices') / 'tiny'
    make_test_voice(folder)
    return folder


@pytest.fixture(scope='session')
def tiny_voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one tiny voice per version, named as it; do not write into it."""
    root = tmp_path_factory.mktemp('versions')
    for version in SIZES['tiny'].versions:
        make_test_voice(root / version.lower(), version=version)
    return root

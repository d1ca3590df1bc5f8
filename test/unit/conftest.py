"""Small official-layout voices, made once; those that come with the package are out of sight."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gptsovits_ros.voice import bundled
from gptsovits_ros.voice.standin import SIZES, make_test_voice


@pytest.fixture(scope='session', autouse=True)
def package_voices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Let no voice be bundled, whichever come with the package; return where they are."""
    place = bundled.BUNDLED_ROOT
    with pytest.MonkeyPatch.context() as package:
        package.setattr(bundled, 'BUNDLED_ROOT', tmp_path_factory.mktemp('none') / 'voices')
        yield place


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

"""Which languages can be spoken on this machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import pytest

from gptsovits_ros.errors import DependencyMissingError
from gptsovits_ros.text.openjtalk import find_dictionary

LIBRARIES = {'ja': 'pyopenjtalk', 'ko': 'mecab', 'yue': 'ToJyutping'}


@pytest.fixture(scope='session')
def needs_language() -> Callable[[str], None]:
    """Return a function that skips the test unless a language, or all of a tag, is installed."""

    def skip_if_missing(tag: str) -> None:
        language = tag.rpartition('_')[2]
        # In auto, a text may turn out to be in any language.
        needed = LIBRARIES if language == 'auto' else {language} & set(LIBRARIES)
        for name in needed:
            if importlib.util.find_spec(LIBRARIES[name]) is None:
                pytest.skip(f'{LIBRARIES[name]} is not installed')
        if 'ja' in needed:
            try:
                find_dictionary()
            except DependencyMissingError as error:
                pytest.skip(str(error))

    return skip_if_missing

"""Open JTalk and its dictionary: Japanese text to full-context labels."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from gptsovits_ros.errors import ConfigurationError, DependencyMissingError
from gptsovits_ros.text.data_files import user_data_path

DEBIAN_DICTIONARY = Path('/var/lib/mecab/dic/open-jtalk/naist-jdic')
USER_DICTIONARY = 'open_jtalk_dic'  # below the user's data folder
_DICTIONARY_FILES = ('sys.dic', 'matrix.bin', 'char.bin', 'unk.dic')
# The library copies the text into a buffer of 8192 bytes (2730 characters) without looking, and
# its time grows with the square of the length. No segment of speech is longer than this.
LONGEST_TEXT = 512


def find_dictionary() -> Path:
    """Return the folder of the dictionary naist-jdic, wherever it is installed.

    Looks in $OPEN_JTALK_DICT_DIR, which all programs with Open JTalk know, then in the user's data
    folder, then where Debian and Ubuntu put it. Nothing is ever downloaded.

    Raises:
        ConfigurationError: if $OPEN_JTALK_DICT_DIR names a folder without a dictionary.
        DependencyMissingError: if there is no dictionary.

    """
    named = os.environ.get('OPEN_JTALK_DICT_DIR')
    if named:
        if not is_dictionary(Path(named)):
            raise ConfigurationError(
                f'the environment variable OPEN_JTALK_DICT_DIR names {named}, which holds no '
                'dictionary of Open JTalk; correct it or unset it'
            )
        return Path(named)
    own = user_data_path(USER_DICTIONARY)
    for folder in (own, DEBIAN_DICTIONARY):
        if is_dictionary(folder):
            return folder
    raise DependencyMissingError(
        'Japanese needs the dictionary of Open JTalk, which is not installed; run: '
        f'sudo apt install open-jtalk-mecab-naist-jdic (or put naist-jdic 1.11 into {own})'
    )


def is_dictionary(folder: Path) -> bool:
    """Tell whether a folder holds a compiled dictionary."""
    return all((folder / name).is_file() for name in _DICTIONARY_FILES)


class OpenJTalk:
    """An analyser of its own; the one that pyopenjtalk keeps for all is never used."""

    def __init__(self, dictionary: Path) -> None:
        """Map the dictionary into memory.

        Raises:
            DependencyMissingError: if pyopenjtalk-ndy is not installed, or the dictionary cannot
                be read.

        """
        try:
            from pyopenjtalk.openjtalk import OpenJTalk as Analyser
        except ImportError as error:
            raise DependencyMissingError(
                'Japanese needs the library pyopenjtalk-ndy, which is not installed; run '
                'pip install "gptsovits_ros[ja]"'
            ) from error
        try:
            self._analyser = Analyser(dn_mecab=os.fsencode(dictionary))
        except RuntimeError as error:
            raise DependencyMissingError(
                f'the dictionary of Open JTalk in {dictionary} cannot be read ({error}); run: '
                'sudo apt install --reinstall open-jtalk-mecab-naist-jdic'
            ) from error
        # The analyser keeps the sentence that it works on.
        self._lock = threading.Lock()

    def labels(self, text: str) -> list[str]:
        """Return one full-context label per phoneme; none if nothing in the text has a sound.

        Args:
            text: at most LONGEST_TEXT characters.

        Raises:
            ValueError: if the text is longer.

        """
        if len(text) > LONGEST_TEXT:
            raise ValueError(f'{len(text)} characters at once; at most {LONGEST_TEXT}')
        with self._lock:
            return self._analyser.make_label(self._analyser.run_frontend(text))

    def moras(self, text: str) -> list[tuple[str, int]]:
        """Return the words and marks of a text, each with its number of moras (a mark has none).

        Args:
            text: at most LONGEST_TEXT characters.

        Raises:
            ValueError: if the text is longer.

        """
        if len(text) > LONGEST_TEXT:
            raise ValueError(f'{len(text)} characters at once; at most {LONGEST_TEXT}')
        with self._lock:
            words = self._analyser.run_frontend(text)
        return [(word['string'], word['mora_size']) for word in words]

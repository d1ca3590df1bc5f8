"""Where the tables of this room lie: `data/`, beside the code, described in data/SOURCES_*.md."""

from __future__ import annotations

import os
from pathlib import Path

from gptsovits_ros.errors import InternalError


def data_path(name: str) -> Path:
    """Return the path of a data file of the text room.

    Args:
        name: file name inside `data/`, without folders.

    Raises:
        InternalError: if the file is not there, i.e. the package was installed incompletely.

    """
    path = Path(__file__).parent / 'data' / name
    if not path.is_file():
        raise InternalError(
            f'the data file {name} is missing from {path.parent}; '
            'install the package again (setup.py lists text/data as package data)'
        )
    return path


def user_data_path(name: str) -> Path:
    """Return where the user may put a file or folder that the package does not bring.

    Args:
        name: name below the folder for the data of this package (XDG base directory
            specification), which is where voices and models are, too.

    """
    base = os.environ.get('XDG_DATA_HOME') or Path.home() / '.local' / 'share'
    return Path(base) / 'gptsovits_ros' / name

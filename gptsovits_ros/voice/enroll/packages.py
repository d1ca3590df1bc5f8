"""Files that come inside installed packages, found without running those packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def package_file(package: str, name: str) -> Path | None:
    """Return a file of an installed top-level package; None if there is no such file."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, name)
        if path.is_file():
            return path
    return None

"""Which voice speaks where none is named: one line in a file beside the voices."""

from __future__ import annotations

from pathlib import Path

from gptsovits_ros.voice.durable import write_durably
from gptsovits_ros.voice.plain_yaml import read_yaml, yaml_text

DEFAULT_FILE = 'default.yaml'
MAX_DEFAULT_BYTES = 4096


def read_default(root: Path) -> str:
    """Return the name that was chosen in a folder of voices, there or not; empty: none was.

    Raises:
        VoiceInvalidError: the file cannot be read.

    """
    path = root / DEFAULT_FILE
    tree = read_yaml(path, MAX_DEFAULT_BYTES) if path.is_file() else None
    chosen = tree.get('voice') if isinstance(tree, dict) else None
    return chosen if isinstance(chosen, str) else ''


def write_default(root: Path, name: str) -> None:
    """Choose a voice; after a power cut the old or the new one is chosen."""
    write_durably(root / DEFAULT_FILE, yaml_text({'voice': name}))


def forget_default(root: Path) -> None:
    """Choose none, where one was chosen."""
    (root / DEFAULT_FILE).unlink()

"""Read and write the small YAML files of the voice store; those of strangers, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from gptsovits_ros.errors import VoiceInvalidError


class _PlainLoader(yaml.SafeLoader):
    """A safe loader that refuses aliases: nested ones make gigabytes of a few lines."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError('aliases (*name) are not allowed')
        return super().compose_node(parent, index)


def read_yaml(path: Path, max_bytes: int) -> Any:
    """Return what a YAML file says, in plain lists, dicts, numbers and texts.

    Raises:
        VoiceInvalidError: it cannot be read, is too large, or is not valid.

    """
    try:
        with path.open('rb') as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise VoiceInvalidError(f'cannot read {path}: {error.strerror}') from error
    if len(data) > max_bytes:
        raise VoiceInvalidError(f'{path} is larger than {max_bytes // 1024} KiB')
    try:
        return yaml.load(data.decode('utf-8'), _PlainLoader)
    # A day such as 2026-99-99 is a ValueError, lists in lists a thousand deep a RecursionError.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise VoiceInvalidError(f'{path} is not valid YAML: {error}') from error


def yaml_text(tree: Any) -> str:
    """Return a tree as YAML, in its own order and readable in every script."""
    return yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)

"""What an enrolment found, kept in the folder of the voice; read as if a stranger had written it.

Voices that were not enrolled here have no such file, and none of them needs it to speak.
"""

from __future__ import annotations

import numbers
import types
import typing
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

from gptsovits_ros.errors import VoiceInvalidError
from gptsovits_ros.voice.enroll.report import EnrolmentReport, finite
from gptsovits_ros.voice.plain_yaml import read_yaml, yaml_text

REPORT_FILE = 'enrolment.yaml'
FORMAT = 1
READABLE_FORMATS = (1,)
MAX_FILE_BYTES = 64 * 1024
MAX_CHARACTERS = 2000
MAX_ITEMS = 64  # of a list
MAX_NUMBER = 1e6


def write_report(report: EnrolmentReport, folder: Path) -> None:
    """Write a report into the folder of its voice.

    The folder tells the name of the voice, so the file does not. Characters that no line of text
    has become spaces, and texts that nobody would read to their end are cut.
    """
    tree = _plain(asdict(report))
    del tree['name']
    (folder / REPORT_FILE).write_text(yaml_text({'format': FORMAT, **tree}), encoding='utf-8')


def read_report(folder: Path) -> EnrolmentReport | None:
    """Return the report in the folder of a voice; None if there is none.

    Raises:
        VoiceInvalidError: it is damaged, or of a later release.

    """
    path = folder / REPORT_FILE
    if not path.is_file():
        return None
    tree = read_yaml(path, MAX_FILE_BYTES)
    if not isinstance(tree, dict):
        raise VoiceInvalidError(f'{path} is no report of an enrolment; remove it, or enrol again')
    found = tree.pop('format', None)
    if found not in READABLE_FORMATS or isinstance(found, bool):
        raise VoiceInvalidError(
            f'{path}: format is {found!r:.40}, but this release reads '
            f'{", ".join(map(str, READABLE_FORMATS))}; remove the file, or enrol again'
        )
    if 'name' in tree:
        raise VoiceInvalidError(f'{path}: name is that of the folder, and stands nowhere else')
    try:
        return _dataclass({'name': folder.name, **tree}, EnrolmentReport, '')
    except ValueError as error:
        raise VoiceInvalidError(f'{path}: {error}; remove the file, or enrol again') from error


def _plain(value: Any) -> Any:
    """Return a value as YAML can write it and `read_report` takes it."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        line = ''.join(one if one.isprintable() else ' ' for one in value)
        return line[:MAX_CHARACTERS]
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return finite(value)
    return value


def _dataclass(tree: Any, cls: type, path: str) -> Any:
    """Return a dataclass of exactly these fields; raise ValueError if one is missing or wrong."""
    names = [field.name for field in fields(cls)]
    if not isinstance(tree, Mapping) or set(tree) != set(names):
        raise ValueError(f'{path or "it"} must tell {", ".join(names)}, and nothing else')
    hints = typing.get_type_hints(cls)
    return cls(**{name: _value(tree[name], hints[name], f'{path}{name}') for name in names})


def _value(value: Any, hint: Any, path: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _value(value, arguments[0], path)
    if origin is tuple:
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise ValueError(f'{path} must be a list of at most {MAX_ITEMS}')
        return tuple(_value(item, arguments[0], path) for item in value)
    if is_dataclass(hint):
        return _dataclass(value, hint, f'{path}.')
    if hint is bool and isinstance(value, bool):
        return value
    if hint is str and isinstance(value, str):
        if len(value) > MAX_CHARACTERS or not value.isprintable():
            raise ValueError(f'{path} must be one line of at most {MAX_CHARACTERS} characters')
        return value
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if not -MAX_NUMBER <= value <= MAX_NUMBER:  # NaN is refused by this, too
            raise ValueError(f'{path} must be a number within {MAX_NUMBER:g}')
        return float(value)
    raise ValueError(f'{path} must be a {hint.__name__}')

"""Frozen dataclasses to plain maps and back, every field checked on both ways.

The type hints of a dataclass are its wire format: str, int, float, bool, optional values, tuples
of one type, another dataclass; or `np.ndarray` for float32 samples and `bytes` for the content of
a file, which travel beside the map as they are. Whatever does not fit raises ProtocolError with
the path of the field.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
import types
import typing
from functools import cache
from typing import Any

import numpy as np

from gptsovits_ros.errors import ProtocolError

_SAMPLE_BYTES = 4
# Types of fields that are no part of the map.
_BESIDE = (np.ndarray, bytes)
_INT64 = range(-(2**63), 2**63)


def to_map(value: Any, arrays: list[bytes]) -> dict[str, Any]:
    """Return the fields of a dataclass as a map that msgpack and JSON can write.

    Args:
        value: an instance of a frozen dataclass.
        arrays: receives the bytes of each array field (little-endian float32) and each field of
            bytes, in the order of the fields.

    Raises:
        ProtocolError: if a field holds something that its type hint does not allow.

    """
    return _pack_dataclass(value, type(value), type(value).__name__, arrays)


def from_map(cls: type, packed: Any, arrays: list[bytes], *, open_ended: bool = False) -> Any:
    """Return the dataclass that `to_map` wrote.

    Args:
        cls: the dataclass to build.
        packed: what arrived; anything at all.
        arrays: bytes of the array fields; each one that is used is taken from the front of the
            list.
        open_ended: True ignores fields that are unknown instead of refusing them.

    Raises:
        ProtocolError: if a field is missing, unknown, or of the wrong type.

    """
    return _unpack_dataclass(packed, cls, cls.__name__, arrays, open_ended)


@cache
def _fields(cls: type) -> dict[str, tuple[Any, bool]]:
    """Return type hint and "has a default" of each field, by name."""
    hints = typing.get_type_hints(cls)
    missing = dataclasses.MISSING
    return {
        field.name: (
            hints[field.name],
            field.default is not missing or field.default_factory is not missing,
        )
        for field in dataclasses.fields(cls)
    }


def _pack_dataclass(value: Any, cls: type, path: str, arrays: list[bytes]) -> dict[str, Any]:
    if type(value) is not cls:
        raise ProtocolError(f'{path} must be a {cls.__name__}, not {_kind(value)}')
    packed = {}
    for name, (hint, _) in _fields(cls).items():
        field, where = getattr(value, name), f'{path}.{name}'
        if hint in _BESIDE:
            arrays.append(_array_bytes(field, where) if hint is np.ndarray else _raw(field, where))
        else:
            packed[name] = _pack(field, hint, where, arrays)
    return packed


def _unpack_dataclass(
    packed: Any, cls: type, path: str, arrays: list[bytes], open_ended: bool = False
) -> Any:
    if not isinstance(packed, dict):
        raise ProtocolError(f'{path} must be a map, not {_kind(packed)}')
    fields = _fields(cls)
    in_map = {name for name, (hint, _) in fields.items() if hint not in _BESIDE}
    unknown = [] if open_ended else [name for name in packed if name not in in_map]
    if unknown:
        raise ProtocolError(f'{path} has an unknown field {str(unknown[0])[:40]!r}')
    values = {}
    for name, (hint, has_default) in fields.items():
        where = f'{path}.{name}'
        if hint is np.ndarray:
            values[name] = _array_from_bytes(arrays, where)
        elif hint is bytes:
            values[name] = _next_frame(arrays, where)
        elif name in packed:
            values[name] = _unpack(packed[name], hint, where, arrays)
        elif not has_default:
            raise ProtocolError(f'{where} is missing')
    try:
        return cls(**values)
    except ValueError as error:
        raise ProtocolError(f'{path}: {error}') from error


def _pack(value: Any, hint: Any, path: str, arrays: list[bytes]) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _pack(value, arguments[0], path, arrays)
    if origin is tuple:
        if not isinstance(value, (tuple, list)):
            raise ProtocolError(f'{path} must be a tuple, not {_kind(value)}')
        return [_pack(item, arguments[0], f'{path}[{i}]', arrays) for i, item in enumerate(value)]
    if dataclasses.is_dataclass(hint):
        return _pack_dataclass(value, hint, path, arrays)
    return _scalar(value, hint, path)


def _unpack(value: Any, hint: Any, path: str, arrays: list[bytes]) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _unpack(value, arguments[0], path, arrays)
    if origin is tuple:
        if not isinstance(value, list):
            raise ProtocolError(f'{path} must be a list, not {_kind(value)}')
        return tuple(
            _unpack(item, arguments[0], f'{path}[{i}]', arrays) for i, item in enumerate(value)
        )
    if dataclasses.is_dataclass(hint):
        return _unpack_dataclass(value, hint, path, arrays)
    return _scalar(value, hint, path)


def _scalar(value: Any, hint: Any, path: str) -> Any:
    """Check one plain value; an integer is a valid float, and numpy's numbers are numbers."""
    is_bool = isinstance(value, bool)
    if hint is bool and is_bool:
        return value
    if hint is str and isinstance(value, str):
        return value
    if hint is int and isinstance(value, numbers.Integral) and not is_bool:
        if int(value) not in _INT64:
            raise ProtocolError(f'{path} does not fit 64 bits')
        return int(value)
    if hint is float and isinstance(value, numbers.Real) and not is_bool:
        number = _finite(value)
        if number is None:
            raise ProtocolError(f'{path} must be a finite number')
        return number
    raise ProtocolError(f'{path} must be {hint.__name__}, not {_kind(value)}')


def _finite(value: numbers.Real) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _array_bytes(value: Any, path: str) -> bytes:
    if not isinstance(value, np.ndarray) or value.dtype.kind != 'f' or value.ndim != 1:
        shape = f' {value.dtype} {list(value.shape)}' if isinstance(value, np.ndarray) else ''
        raise ProtocolError(f'{path} must be float [T], not {_kind(value)}{shape}')
    return value.astype('<f4').tobytes()


def _array_from_bytes(arrays: list[bytes], path: str) -> np.ndarray:
    """Return float32 [T] that shares (read-only) the memory of the frame."""
    raw = _next_frame(arrays, path)
    if len(raw) % _SAMPLE_BYTES:
        raise ProtocolError(f'{path} has {len(raw)} bytes, not a multiple of {_SAMPLE_BYTES}')
    return np.frombuffer(raw, dtype='<f4').astype(np.float32, copy=False)


def _next_frame(arrays: list[bytes], path: str) -> bytes:
    if not arrays:
        raise ProtocolError(f'{path} is missing: there is no audio frame')
    return arrays.pop(0)


def _raw(value: Any, path: str) -> bytes:
    if not isinstance(value, bytes):
        raise ProtocolError(f'{path} must be bytes, not {_kind(value)}')
    return value


def _kind(value: Any) -> str:
    return type(value).__name__

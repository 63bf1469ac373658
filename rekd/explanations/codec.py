"""Frozen records as plain JSON values, and back again, strictly: the record's own annotations are the schema."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_SURROGATE = re.compile("[\ud800-\udfff]")
_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", NoneType: "null"}


def plain(value: Any) -> Any:
    """A record as JSON values. Numbers that are none become null, bytes Base64, half a surrogate pair "\ufffd"."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(held) for key, held in value.items()}
    return [plain(held) for held in value] if isinstance(value, Sequence) else plain(str(value))


def written(value: Any, indent: str = "") -> str:
    """JSON values as text: a line a key, and lists of numbers on one line."""
    inner = indent + "  "
    if isinstance(value, dict) and value:
        rows = [f"{inner}{json.dumps(key, ensure_ascii=False)}: {written(held, inner)}" for key, held in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(held, dict) or len(str(held)) > 99 for held in value):
        rows = [inner + written(held, inner) for held in value]
        return "[\n" + ",\n".join(rows) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def build(kind: Any, value: Any, place: str) -> Any:
    """JSON values as a record of this kind.

    Args:
        kind: an annotation: a dataclass, str, int, float (null is no number), bool, bytes, Any, Literal, a union, a
        tuple of one kind, or a Mapping from str. place: what messages call the value.

    Raises:
        ValueError: a key is missing or unknown, or a value is of another kind; the message says where.
    """
    origin = get_origin(kind)
    if kind is Any:
        return _anything(value)
    if is_dataclass(kind):
        return _record(kind, value, place)
    if origin in (Union, UnionType):
        return _one_of(get_args(kind), value, place)
    if origin is Literal:
        return _choice(get_args(kind), value, place)
    if origin is tuple:
        return tuple(build(get_args(kind)[0], held, f"{place}[{i}]") for i, held in enumerate(_list(value, place)))
    if origin is not None and issubclass(origin, Mapping):
        return {key: build(get_args(kind)[1], held, f"{place}.{key[:40]}") for key, held in _dict(value, place).items()}
    return _single(kind, value, place)


def _record(kind: type, value: Any, place: str) -> Any:
    value, hints = _dict(value, place), get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    if lacking := [name for name in names if name not in value]:
        raise ValueError(f"{place} lacks {', '.join(lacking)}")
    if unknown := [key[:40] for key in value if key not in names]:
        raise ValueError(f"{place} has {', '.join(map(repr, unknown[:5]))}, which is not known here")
    return kind(**{name: build(hints[name], value[name], f"{place}.{name}" if place else name) for name in names})


def _one_of(kinds: Sequence[Any], value: Any, place: str) -> Any:
    if value is None and NoneType in kinds:
        return None
    return build(next(kind for kind in kinds if kind is not NoneType), value, place)


def _choice(allowed: Sequence[Any], value: Any, place: str) -> Any:
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{place} is {_quoted(value)}; it must be one of {', '.join(allowed)}")
    return value


def _single(kind: type, value: Any, place: str) -> Any:
    if kind is bytes:
        return _bytes(value, place)
    if kind is float and value is None:
        return math.nan
    if kind is float and type(value) in (int, float) and math.isfinite(number := _float(value)):
        return number
    if kind is not float and type(value) is kind:
        return value
    raise ValueError(f"{place} is {_quoted(value)}, not {_NAMES[kind]}")


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _bytes(value: Any, place: str) -> bytes:
    try:
        return base64.b64decode(value.encode("ascii"), validate=True)
    except (AttributeError, UnicodeEncodeError, binascii.Error):
        raise ValueError(f"{place} is no Base64 text") from None


def _dict(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{place or 'the file'} is {_quoted(value)}, not an object with names")
    return value


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{place} is {_quoted(value)}, not a list")
    return value


def _anything(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_anything(held) for held in value)
    if isinstance(value, dict):
        return {key: _anything(held) for key, held in value.items()}
    return value


def _quoted(value: Any) -> str:
    """A short name for a foreign value, whatever its size."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        return f"“{value[:40]}”"
    return "a huge number" if isinstance(value, int) and abs(value) > 10**20 else json.dumps(value)

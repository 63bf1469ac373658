"""Checks of values that a person gave: each names the bad value, and what it must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from numbers import Real
from typing import Any


def choose(name: str, value: object, allowed: tuple) -> None:
    """Raise a sentence that names the bad value and the valid ones."""
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, allowed))}")


def between(name: str, value: float, low: float, high: float) -> None:
    """Raise a sentence unless low <= value <= high (NaN never is)."""
    if not (isinstance(value, Real) and low <= value <= high):
        raise ValueError(f"{name} is {value!r}; it must be a number between {low:g} and {high:g}")


def several(name: str, values: Sequence[float], length: int, low: float, high: float) -> tuple[float, ...]:
    """`values` as a tuple; raise a sentence unless they are `length` numbers from low to high."""
    if not isinstance(values, (tuple, list)) or len(values) != length:
        raise ValueError(f"{name} is {values!r}; it must hold {length} numbers")
    for value in values:
        between(name, value, low, high)
    return tuple(values)


def known(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` checked against the fields of a dataclass.

    Raises:
        ValueError: a key is not a field; the message lists those that are.
    """
    names = {f.name for f in fields(cls)}
    if extra := sorted(set(values) - names):
        raise ValueError(f"{cls.__name__} does not know {', '.join(extra)}; it knows {', '.join(sorted(names))}")
    return dict(values)

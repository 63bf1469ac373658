"""What libraries raise, shortened for a sentence of ours."""

from __future__ import annotations


def reason(error: BaseException) -> str:
    """The first line of an error's message, or its kind where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)

"""Passages that annotators marked, as places in the text."""

from __future__ import annotations

from rekd.types import Place


def evidence_spans(text: str, evidences: list[str]) -> tuple[Place, ...]:
    """Where marked passages stand: (start, stop) characters, in order of the text, without repeats.

    Passages are compared token by token, because a passage joins with spaces what the text may break into lines. A
    passage that stands there more than once is taken at or after the one before it, since annotators' lists follow the
    text. Passages that do not stand in the text are left out.
    """
    tokens, starts = _tokens(text)
    found: list[tuple[int, int]] = []
    reached = 0
    for passage in evidences:
        wanted = passage.split()
        at = _find(tokens, wanted, reached)
        at = _find(tokens, wanted, 0) if at is None else at
        if at is not None:
            found.append((at, at + len(wanted)))
            reached = at
    return tuple(sorted({(starts[a], starts[b - 1] + len(tokens[b - 1])) for a, b in found}))


def _tokens(text: str) -> tuple[list[str], list[int]]:
    tokens, starts, at = text.split(), [], 0
    for token in tokens:
        at = text.index(token, at)
        starts.append(at)
        at += len(token)
    return tokens, starts


def _find(tokens: list[str], wanted: list[str], start: int) -> int | None:
    """First index from `start` on where the run `wanted` begins."""
    last = len(tokens) - len(wanted)
    if not wanted:
        return None
    while start <= last:
        try:
            start = tokens.index(wanted[0], start, last + 1)
        except ValueError:
            return None
        if tokens[start : start + len(wanted)] == wanted:
            return start
        start += 1
    return None

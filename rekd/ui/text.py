"""A text with its units marked, as HTML: everything from outside is escaped, every character is kept."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

TAIL = 400
"""Characters of the unread rest that are shown; the number left out is said."""


@dataclass(frozen=True)
class Mark:
    """One stretch of characters drawn in one way; `sign` is a CSS class of theme.py, `tip` a tooltip."""

    start: int
    stop: int
    sign: str
    tip: str = ""
    style: str = ""


def escape(text: str) -> str:
    """HTML for exactly these characters; line ends become references, which no later dedent or strip can move."""
    safe = html.escape(text, quote=True)
    return safe.replace("\r\n", "&#10;").replace("\n", "&#10;").replace("\r", "&#10;").replace("\t", "&#9;")


def runs(text: str, places: Sequence[tuple[int, ...]], signs: Sequence[str]) -> list[Mark]:
    """Units with the same non-empty sign, joined where only spaces of one line lie between them."""
    marks: list[Mark] = []
    for (start, stop), sign in zip(places, signs, strict=True):
        if not sign or start >= stop:
            continue
        last = marks[-1] if marks else None
        between = text[last.stop : start] if last else ""
        if last and last.sign == sign and not between.strip() and "\n" not in between:
            marks[-1] = Mark(last.start, stop, sign)
        else:
            marks.append(Mark(start, stop, sign))
    return marks


def each(places: Sequence[tuple[int, ...]], draw: Callable[[int], tuple[str, str, str]]) -> list[Mark]:
    """One mark a unit; draw(i) gives its sign, tooltip and style."""
    return [Mark(*place, *draw(i)) for i, place in enumerate(places) if place[0] < place[1]]


def passage(text: str, marks: Iterable[Mark], stop: int, label: str, whole: bool = False) -> str:
    """The text as one block: marked stretches, the rest between them, and what was not read greyed.

    Args:
        stop: the character where reading stopped. label: what the block shows, for screen readers.
        whole: everything was read by the model, so nothing read is faded.
    """
    parts, at = [], 0
    for mark in marks:
        if mark.start < at:  # units never overlap; a foreign one that did would repeat characters
            continue
        parts.append(escape(text[at : mark.start]))
        parts.append(_tag(text[mark.start : mark.stop], mark))
        at = mark.stop
    parts.append(escape(text[at : max(at, stop)]))
    tail = unread(text[max(at, stop) :])
    kind = "rk-text rk-whole" if whole else "rk-text"
    name = html.escape(label, quote=True)
    return f'<div class="{kind}" dir="auto" role="group" tabindex="0" aria-label="{name}">{"".join(parts)}{tail}</div>'


def unread(rest: str) -> str:
    """The rest that the model never saw, cut for the eye with the number of characters left out."""
    if not rest.strip():
        return escape(rest)
    hidden = len(rest) - TAIL
    more = f'<span class="rk-more">and {hidden:,} more characters</span>' if hidden > 0 else ""
    return f'<span class="rk-unread"><span class="rk-more">not read from here</span>{escape(rest[:TAIL])}{more}</span>'


def _tag(piece: str, mark: Mark) -> str:
    tip = f' title="{html.escape(mark.tip, quote=True)}"' if mark.tip else ""
    style = f' style="{html.escape(mark.style, quote=True)}"' if mark.style else ""
    return f'<mark class="{html.escape(mark.sign, quote=True)}"{tip}{style}>{escape(piece)}</mark>'

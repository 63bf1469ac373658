"""Explore: one input, what every model selected of it and said from that alone, Captum beside it on the same budget."""

from __future__ import annotations

from rekd.imports import freeze
from rekd.ui.cards import cards
from rekd.ui.deeper import deeper
from rekd.ui.frame import frame
from rekd.ui.picker import pick


def explore() -> None:
    """Draw the page from top to bottom; what takes long comes last, into places that already stand."""
    desk = frame("Explore", "What did each model read?")
    if desk is None:
        return
    subject = pick(desk)
    if subject is None:
        return
    drawn = cards(desk, subject)
    if drawn is None:
        return
    found, drawing = drawn
    deeper(desk, drawing, found)


explore()
freeze()

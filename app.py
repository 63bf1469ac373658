"""Explore: one input, what every model selected of it and said from that alone, Captum beside it on the same budget."""

from __future__ import annotations

import streamlit as st

from rekd.imports import freeze
from rekd.ui.cards import budget, cards
from rekd.ui.frame import frame
from rekd.ui.panels import panels
from rekd.ui.picker import pick
from rekd.ui.table import ScoreTable


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
    k, whose = budget(desk, found)
    above = st.container()  # the panels stand above the table, whose first rows are there before them
    table = ScoreTable(desk, drawing, found, k)
    with above:
        for name, item in panels(desk, drawing, k, whose):
            table.add({name: item})
    table.finish()


explore()
freeze()

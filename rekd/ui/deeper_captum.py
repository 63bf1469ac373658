"""Captum's methods and the scores of every mask above, all on one budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui.cards import budget
from rekd.ui.panels import Panels
from rekd.ui.table import ScoreTable

if TYPE_CHECKING:
    from rekd.types import Explanation
    from rekd.ui.cards import Drawing
    from rekd.ui.frame import Desk


def section(desk: Desk, drawing: Drawing, found: Mapping[str, Explanation]) -> None:
    """Draw panels and table; what takes long comes last, into places that already stand."""
    k, whose = budget(desk, found)
    above = st.container()  # the panels stand above the table, whose first rows are there before them
    table = ScoreTable(desk, drawing, found, k)
    with above:
        row = Panels(desk, drawing, k, whose)
    for name, item in row.fill():
        table.add({name: item})
    table.finish()
    row.compare()

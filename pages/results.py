"""Results: every measured run and one's own, side by side: accuracy at its rate, differences, leaks, what it costs."""

from __future__ import annotations

import streamlit as st

from rekd.imports import freeze
from rekd.training.runs import home
from rekd.ui.frame import page


def results() -> None:
    """The frame first; what reads the runs needs libraries that take their time in a process's first run."""
    page("Results", "What did the runs show?")
    with st.spinner("Reading the results …"):
        from rekd.ui.results_view import begin

        drawing = begin(home())
    drawing.draw()


results()
freeze()

"""The charts of a run, drawn anew one after the other as its metrics get new lines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import runs
from rekd.ui.components import TOOLS, plain

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from rekd.training.runs import Run

BEAT = 1.5
"""Seconds between two looks at a run that is at work; each draws one chart."""
MORE = {"gradients": "Gradient norms", "schedule": "Schedule", "speed": "Speed"}
"""Charts of which one is shown: a hidden one would cost a browser as much."""


def charts(folder: Path) -> None:
    """Losses, accuracy and rate; gradients, schedule or speed; the last values in words."""
    try:
        run = runs.look(folder)
    except (OSError, ValueError):
        return
    from rekd.ui.charts import summary

    if not run.metrics:
        st.subheader("How it learns", anchor=False)
        waits = summary(run.metrics, run.config) if runs.active(run) else "It ended before its first line of metrics."
        st.caption(plain(waits))
        return
    if st.session_state.get("v_more") not in MORE:  # None where a redraw overtakes the browser, which has no choice yet
        st.session_state["v_more"] = "gradients"
    more = st.session_state["v_more"]
    drawn = _figures(run, ("accuracy", "losses", more))
    st.subheader("How it learns", anchor=False)
    st.caption(plain(summary(run.metrics, run.config)))
    with st.container(key="charts"):
        left, right = st.columns(2)
        left.plotly_chart(drawn["accuracy"], key="v_accuracy", config=TOOLS)
        right.plotly_chart(drawn["losses"], key="v_losses", config=TOOLS)
    st.segmented_control(
        "One more chart", MORE, format_func=MORE.get, key="v_more", required=True, label_visibility="collapsed"
    )
    st.plotly_chart(drawn[more], key=f"v_{more}", config=TOOLS)


def _figures(run: Run, names: tuple[str, ...]) -> dict[str, go.Figure]:
    """A run's figures, kept for the window: of those that are behind its lines, the oldest is drawn anew.

    A browser takes a tenth of a second and more for each, in which it hears no click: so one at a time while the run is
    at work, and all when it has ended.
    """
    from rekd.training.follow import stamp

    lines, this = len(run.metrics), (run.folder, stamp(run.folder))
    kept = st.session_state.get("v_figures")
    if kept is None or kept["run"] != this:
        kept = st.session_state["v_figures"] = {"run": this}
    missing = [name for name in names if name not in kept]
    behind = sorted((name for name in names if name in kept and kept[name][0] != lines), key=lambda name: kept[name][0])
    for name in missing + (behind[: not missing] if runs.active(run) else behind):
        kept[name] = (lines, _drawn(run, name))
    return {name: kept[name][1] for name in names}


def _drawn(run: Run, name: str) -> go.Figure:
    from rekd.ui import charts as pure

    if name == "speed":
        return pure.speed(run.metrics)
    draw = pure.accuracy_and_rate if name == "accuracy" else getattr(pure, name)
    return draw(run.metrics, run.config)

"""The charts of a run, drawn anew when its metrics have new lines."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from rekd.ui import runs
from rekd.ui.components import plain

SHOWN = {"displaylogo": False}


def charts(folder: Path) -> None:
    """Losses, accuracy and rate; gradients, schedule and speed behind tabs."""
    try:
        run = runs.look(folder)
    except (FileNotFoundError, ValueError):
        return
    drawn = _figures(run)
    st.subheader("How it learns", anchor=False)
    with st.container(key="charts"):
        left, right = st.columns(2)
        left.plotly_chart(drawn["accuracy"], key="v_accuracy", config=SHOWN)
        right.plotly_chart(drawn["losses"], key="v_losses", config=SHOWN)
    tabs = st.tabs(["Gradient norms", "Schedule", "Speed"])
    for tab, name in zip(tabs, ("gradients", "schedule", "speed"), strict=True):
        tab.plotly_chart(drawn[name], key=f"v_{name}", config=SHOWN)
    st.caption(plain(drawn["summary"]))


def _figures(run) -> dict:
    """The figures of a run's lines, kept until there are more."""
    from rekd.ui import charts as pure

    kept, sign = st.session_state.get("v_figures"), (str(run.folder), len(run.metrics), run.status.state)
    if kept is None or kept["sign"] != sign:
        lines, config = run.metrics, run.config
        kept = {name: getattr(pure, name)(lines, config) for name in ("losses", "schedule", "gradients", "summary")}
        kept |= {"accuracy": pure.accuracy_and_rate(lines, config), "speed": pure.speed(lines), "sign": sign}
        st.session_state["v_figures"] = kept
    return kept

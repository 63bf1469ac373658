"""Train: start small runs, watch their masks form, stop and resume them, and take away what they learnt."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from rekd.imports import freeze
from rekd.training.runs import home
from rekd.training.trash import trashed
from rekd.ui import runs
from rekd.ui.frame import page


def train() -> None:
    """The form, one run, or the list of runs, as the address says."""
    root, params = home(), st.query_params
    st.session_state.pop("t_moved", None)
    runs.arrive()
    if "run" in params:
        from rekd.ui.run_view import view

        view(root, params["run"])
    elif "new" in params or not _any(root):
        from rekd.ui.form import form

        page("Train", "Train a model and watch its rationales form")
        if _any(root):
            st.button("All runs", icon=":material/arrow_back:", type="tertiary", key="v_back", on_click=runs.go)
        form(root)
    else:
        from rekd.ui.run_list import listed

        page("Train", "Runs")
        st.button("New run", icon=":material/add:", type="primary", key="v_new", on_click=lambda: runs.go(new="1"))
        listed(root)


def _any(root: Path) -> bool:
    """Whether there is something to list; the trash is reached by the list alone."""
    return any(root.glob("*/config.json")) or bool(trashed(root))


train()
freeze()

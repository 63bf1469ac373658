"""What every page draws first: page settings, links, and the task, models, mask rule and methods that pages share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from rekd.imports import freeze
from rekd.training.runs import home
from rekd.ui import cache, lineup, sidebar, state, theme
from rekd.ui.components import plain
from rekd.ui.run_shelf import bring

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from rekd.checkpoints import Info
    from rekd.ui.state import View

PAGES = (
    ("app.py", "Explore", ":material/search:"),
    ("pages/train.py", "Train", ":material/model_training:"),
    ("pages/results.py", "Results", ":material/monitoring:"),
    ("pages/errors.py", "Errors", ":material/error:"),
    ("pages/learn.py", "Learn", ":material/school:"),
)
"""All pages of the house in order; a link is drawn for those that exist."""
HOME = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, eq=False)
class Desk:
    """What lies on the table: the settled view and the models behind its names.

    chosen: slot -> model, empty slots left out, teacher first. data_sets: names of those with the models' labels.
    """

    view: View
    infos: tuple[Info, ...]
    chosen: Mapping[str, Info]
    judge: Info
    specs: Mapping[str, Any]
    data_sets: tuple[str, ...]

    @property
    def modality(self) -> str:
        return self.judge.config.reader.modality

    @property
    def classes(self) -> tuple[str, ...]:
        return self.judge.config.classes


def page(title: str, heading: str) -> DeltaGenerator:
    """Draw what every page begins with: settings, style, links and the heading, whose place is given back."""
    st.set_page_config(page_title=f"{title} · REKD", page_icon=theme.icon(), layout="wide")
    st.html(theme.style_sheet())
    with st.sidebar:
        _brand()
    head = st.empty()
    head.title(heading, anchor=False)
    return head


def part(draw: Callable[..., None], *args: Any, every: float | None = None) -> None:
    """Draw a part of the page that is redrawn alone: when something in it is used, and each `every` seconds."""

    @wraps(draw)
    def drawn(*args: Any) -> None:
        draw(*args)
        freeze()  # a part may be the first to need a library

    st.fragment(drawn, run_every=every)(*args)


def frame(title: str, heading: str) -> Desk | None:
    """Draw the frame and settle the view; None, with the way out drawn, where there is no checkpoint."""
    head = page(title, heading)
    view = state.current()
    with st.spinner("Starting …"):  # torch takes seconds to import in a process's first run; the frame stands before
        from rekd.data.spec import TASKS

        bring((view.model(slot) for slot in state.SLOTS if view.model(slot) != lineup.NONE), home())
        infos = tuple(cache.infos())
    if not infos:
        head.title("There is no model to look at yet", anchor=False)
        _no_checkpoints()
        return None
    view, notes = lineup.resolve(view, infos, TASKS, cache.at_hand)
    state.settle(view, notes)
    desk = _desk(view, infos, TASKS)
    with st.sidebar:
        sidebar.choices(desk)
    if loaded := st.session_state.pop("loaded", ""):
        st.toast(f"{plain(loaded)} is loaded and shown.", icon=":material/check:")
    for sentence in state.notes():
        st.warning(plain(sentence), icon=":material/link_off:")
    return desk


def _desk(view: View, infos: tuple[Info, ...], specs: Mapping[str, Any]) -> Desk:
    anchor = lineup.anchor_of(infos, view.task, view.teacher)
    chosen = {}
    for slot in state.SLOTS:
        for info in lineup.candidates(slot, infos, anchor, view.task):
            if info.name == view.model(slot):
                chosen[slot] = info
    judge = next(info for info in lineup.judges(infos, anchor, view.task) if info.name == view.judge)
    return Desk(view, infos, chosen, judge, specs, tuple(lineup.data_sets(anchor, specs)))


def _brand() -> None:
    st.markdown("### REKD Rationale Explorer")
    here = [page for page in PAGES if (HOME / page[0]).is_file()]
    if len(here) > 1:
        for path, label, icon in here:
            st.page_link(path, label=label, icon=icon)


def _no_checkpoints() -> None:
    st.markdown(
        "No checkpoint was found. They live in the folder `checkpoints/` of the project, and in the folders that the "
        "environment variable `REKD_CHECKPOINTS` names. Train one with `python -m rekd train --help`, or load one here."
    )
    sidebar.load_another()
    sidebar.broken()

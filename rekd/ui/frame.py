"""What every page draws first: page settings, links, and the task, models, mask rule and methods that pages share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from rekd.imports import freeze
from rekd.ui import cache, lineup, state, theme
from rekd.ui.components import plain
from rekd.ui.guide import guide

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

RULES = {
    "calibrated": "calibrated to the rate p",
    "top-k": "top-k at the rate p",
    "threshold": "threshold, P(select) > ½",
    "sampled": "sampled, one seeded draw",
}
RULE_HELP = (
    "How P(select) becomes a mask. calibrated: above a cut fitted on the dev split, so that the mean share is p. "
    "top-k: the largest p · N. threshold: above ½. sampled: each unit drawn with its own probability."
)


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

        infos = tuple(cache.infos())
    if not infos:
        head.title("There is no model to look at yet", anchor=False)
        _no_checkpoints()
        return None
    view, notes = lineup.resolve(view, infos, TASKS, cache.at_hand)
    state.settle(view, notes)
    desk = _desk(view, infos, TASKS)
    with st.sidebar:
        _choices(desk)
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
    _load_another()
    _broken()


def _choices(desk: Desk) -> None:
    view = desk.view
    names = lineup.tasks(desk.infos, desk.specs)
    titles = {name: desk.specs[name].title if name in desk.specs else name for name in names}
    st.selectbox("Task", names, format_func=titles.get, **state.widget("task", view.task, reset=FRESH))
    if len(desk.data_sets) > 1 and not view.own:
        titles = {name: desk.specs[name].title for name in desk.data_sets}
        widget = state.widget("data", view.data, reset={"example": 0})
        st.selectbox("Examples from", desk.data_sets, format_func=titles.get, **widget)
    widget = state.widget("rule", view.rule)
    st.selectbox("Mask rule", state.RULES, format_func=RULES.get, help=RULE_HELP, **widget)
    if view.rule == "sampled":
        _seed(view)
    with st.expander("Models compared", icon=":material/view_column:"):
        _models(desk)
    with st.expander("Captum and scores", icon=":material/balance:"):
        _captum(desk)
    with st.expander("Load another model", icon=":material/add:"):
        _load_another()
        _broken()
    with st.expander("How to read this page", icon=":material/help:"):
        st.markdown(guide(desk.modality))


def _seed(view: View) -> None:
    help_text = "Sampled masks and the sampling Captum methods draw from it: the same seed, the same picture."
    st.number_input("Seed", 0, state.LARGEST, step=1, help=help_text, **state.widget("seed", view.seed))


FRESH = dict.fromkeys(("data", "teacher", "cls", "re", "rekd", "judge", "target"), "") | {"example": 0, "own": False}
"""Another task starts from its own models and data; what was typed or uploaded stays."""


def _models(desk: Desk) -> None:
    anchor = lineup.anchor_of(desk.infos, desk.view.task, desk.view.teacher)
    for slot in state.SLOTS:
        options = lineup.candidates(slot, desk.infos, anchor, desk.view.task)
        labels = {info.name: f"{info.name} (exhibit)" if info.role == "exhibit" else info.name for info in options}
        labels[lineup.NONE] = "none"
        widget = state.widget(slot, desk.view.model(slot))
        st.selectbox(lineup.ROLES[slot], list(labels), format_func=labels.get, help=lineup.HELP[slot], **widget)
    st.caption("Any models with the same labels and the same units can stand side by side.")


def _captum(desk: Desk) -> None:
    view = desk.view
    about = "Each explains one model's prediction by a score a unit; what it does stands on its panel."
    st.multiselect(
        "Captum methods", state.METHODS, help=about, placeholder="none", **state.widget("methods", list(view.methods))
    )
    slots = list(desk.chosen)
    explained = {slot: desk.chosen[slot].name for slot in slots}
    help_text = (
        "Captum explains this model's prediction. Of a model that selects, its predictor with every unit visible."
    )
    st.selectbox(
        "Model that Captum explains",
        slots,
        format_func=explained.get,
        help=help_text,
        **state.widget("explain", view.explain),
    )
    anchor = next(iter(desk.chosen.values()))
    if view.rule != "sampled":
        _seed(view)
    labels = {info.name: _judge_label(info) for info in lineup.judges(desk.infos, anchor, view.task)}
    help_text = "The model whose probabilities score every mask; it sees each mask's units by their content."
    st.selectbox("Judge", list(labels), format_func=labels.get, help=help_text, **state.widget("judge", view.judge))
    classes = {"": "the judge's own prediction"} | {name: name for name in desk.classes}
    help_text = "The class whose probability is scored, one for the whole table."
    st.selectbox(
        "Class scored", list(classes), format_func=classes.get, help=help_text, **state.widget("target", view.target)
    )
    help_text = "Two more columns: the scores averaged over the best 1, 5, 10, 20 and 50 % of the units."
    st.toggle("AOPC in the table", help=help_text, **state.widget("aopc", view.aopc))


def _judge_label(info: Info) -> str:
    if info.config.selects:
        return f"{info.name}, its predictor seeing every unit (it was not trained so)"
    return f"{info.name}, trained on random masks" if info.config.kind == "random" else info.name


def _load_another() -> None:
    with st.form("load", border=False):
        source = st.text_input("Folder on this computer, or Hub id", placeholder="~/runs/mine/checkpoint or name/model")
        pressed = st.form_submit_button("Load", on_click=state.touch)
    if not pressed:
        return
    from rekd.checkpoints import CheckpointError

    if not source.strip():
        st.error("Type a folder or a Hub id first.")
        return
    with st.spinner("Loading …"):
        try:
            info = cache.add(source.strip())
        except CheckpointError as error:
            st.error(plain(str(error)), icon=":material/error:")
            return
    st.session_state["loaded"] = info.name
    slot = info.role if info.role in state.SLOTS else "rekd" if info.config.selects else "cls"
    if info.task == state.shown().task:
        state.change(**{slot: info.name})
    else:
        state.change(**FRESH | {"task": info.task, slot: info.name})
    st.rerun()


def _broken() -> None:
    for sentence in cache.shelf()[1].values():
        st.warning(plain(sentence), icon=":material/folder_off:")

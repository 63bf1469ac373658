"""The sidebar of Explore: task, mask rule, models, methods and scores, and a model from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import cache, lineup, state
from rekd.ui.components import plain
from rekd.ui.guide import guide

if TYPE_CHECKING:
    from rekd.checkpoints import Info
    from rekd.ui.frame import Desk
    from rekd.ui.state import View

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


def choices(desk: Desk) -> None:
    """Draw what is chosen for the whole page: task, mask rule, models, methods and scores."""
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
        load_another()
        broken()
    with st.expander("How to read this page", icon=":material/help:"):
        st.markdown(guide(desk.modality))


def _seed(view: View) -> None:
    help_text = "Sampled masks and the sampling Captum methods draw from it: the same seed, the same picture."
    st.number_input("Seed", 0, state.LARGEST, step=1, help=help_text, **state.widget("seed", view.seed))


IMAGES_ALONE = ("LayerGradCam",)
"""Methods that a model of texts has no layer for."""
COLUMNS = {
    "aopc": ("AOPC", "Two more columns: the scores averaged over the best 1, 5, 10, 20 and 50 % of the units."),
    "curves": (
        "Deletion and insertion curves",
        "The probability while units leave or come, the best first, as a chart and as areas in two more columns.",
    ),
    "infidelity": (
        "Infidelity",
        "One more column: how far the scores miss what the judge loses when random squares or runs of units go.",
    ),
}
"""Switches of what the table holds beyond the usual, by field of the view."""

FRESH = dict.fromkeys(("data", "teacher", "cls", "re", "rekd", "judge", "target"), "") | {
    "example": 0,
    "own": False,
    "many": False,
    "row": 0,
    "painted": "",
    "against": "",
}
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
    fitting = [name for name in state.METHODS if desk.modality == "image" or name not in IMAGES_ALONE]
    offered = [name for name in state.METHODS if name in fitting or name in view.methods]
    st.multiselect("Methods", offered, help=about, placeholder="none", **state.widget("methods", list(view.methods)))
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
    classes = {"": "the predicted one"} | {name: name for name in desk.classes}
    help_text = "The class that the methods explain and whose probability is scored, one for all panels and rows."
    title, widget = "Class explained and scored", state.widget("target", view.target)
    st.selectbox(title, list(classes), format_func=classes.get, help=help_text, **widget)
    for name, (title, help_text) in COLUMNS.items():
        st.toggle(title, help=help_text, **state.widget(name, getattr(view, name)))


def _judge_label(info: Info) -> str:
    if info.config.selects:
        return f"{info.name}, its predictor seeing every unit (it was not trained so)"
    return f"{info.name}, trained on random masks" if info.config.kind == "random" else info.name


def load_another() -> None:
    """Draw the field that takes a folder or a Hub id, and load what it names."""
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


def broken() -> None:
    """Say what is wrong with the folders that hold no usable checkpoint."""
    for sentence in cache.shelf()[1].values():
        st.warning(plain(sentence), icon=":material/folder_off:")

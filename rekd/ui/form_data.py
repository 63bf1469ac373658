"""The section Data: which data set, which kind of model, whose objective; and own data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from rekd.config import KINDS, PRESETS, TrainConfig
from rekd.data import TASKS
from rekd.training.lineups import LINEUPS
from rekd.training.rows import row_count
from rekd.training.suggested import OF_DATA, suggested
from rekd.ui import form_own, form_state
from rekd.ui.components import plain
from rekd.ui.form_fields import bound, help_of, put

Values = Mapping[str, Any]
TITLES = {"cls": "CLS", "re": "RE", "rekd": "REKD", "random": "Random masks"}
ABOUT = {
    "cls": "CLS reads the whole input: what is possible, and the judge of the others.",
    "re": "RE selects a few units by itself and predicts from them alone.",
    "rekd": "REKD selects and predicts likewise, and learns both from a teacher too.",
    "random": "Reads random units at the rate: a control that shows what selecting is worth.",
}
OBJECTIVES = {"default": "ours", "paper": "as printed in the paper", "official": "as in the official code"}


def data(values: Values) -> None:
    """Task, kind and objective."""
    names = [name for name, spec in TASKS.items() if "train" in spec.splits]
    titles = {name: TASKS[name].title for name in names}
    if values["task"] not in titles:
        titles = {values["task"]: f"{values['task']} (not here)"} | titles
    columns = st.columns(2)
    with columns[0]:
        widget = bound("f_task", values["task"], take_task)
        st.selectbox("Data set", list(titles), format_func=titles.get, help=help_of("task"), **widget)
    with columns[1]:
        widget = bound("f_preset", values["preset"], _take_preset)
        st.selectbox("Preset", list(PRESETS), format_func=OBJECTIVES.get, help=help_of("preset"), **widget)
    widget = bound("f_kind", values["kind"], lambda kind: put(kind=kind))
    st.segmented_control("Kind", KINDS, format_func=TITLES.get, help=help_of("kind"), **widget)
    st.caption(f"{ABOUT[values['kind']]} {_counts(values['task'])}")
    if done := st.session_state.pop("own_done", ""):  # what was kept is chosen; the next file starts afresh
        st.session_state["own_round"] = st.session_state.get("own_round", 0) + 1
        st.session_state["f_own"] = False
        st.toast(f"{plain(done)} is kept and chosen.", icon=":material/check:")
    with st.expander(
        "Bring your own data", icon=":material/upload_file:", on_change=form_state.touch, key="f_own"
    ) as opened:
        if opened.open:
            form_own.own()


def _counts(task: str) -> str:
    if task not in TASKS:
        return ""
    spec = TASKS[task]
    sizes = {split: row_count(task, split) for split in ("train", "dev")}
    known = ", ".join(f"{size:,} in {split}" for split, size in sizes.items() if size)
    return f"{plain(spec.title)} has {len(spec.classes)} classes{'; examples: ' + known if known else ''}."


def take_task(task: str) -> None:
    """Other data begin with what fits them; the rest stays as it was set."""
    own = form_state.shown()
    if own.source or (own.line and task not in LINEUPS[own.line].tasks):
        values = _now()
        fitting = suggested(task, values["kind"], values["preset"])
        put(task=task, **{name: fitting[name] for name in OF_DATA})
    else:  # the form starts anew from such data
        form_state.change(values={name: value for name, value in own.values.items() if name not in OF_DATA})
        put(task=task)


def _now() -> dict[str, Any]:
    """All fields as they stand, for callbacks."""
    return {**st.session_state.get("form_base", {}), **form_state.shown().values}


def _take_preset(preset: str) -> None:
    """Another objective sets its own fields anew."""
    own, values = form_state.shown(), _now()
    ruled = {name for each in PRESETS.values() for name in each}
    kept = {name: value for name, value in own.values.items() if name not in ruled}
    form_state.change(values=kept)
    if own.line or own.source:
        plainly = _plainly(values["task"], values["kind"])
        put(preset=preset, **({name: plainly[name] for name in ruled} | PRESETS[preset]))
    else:
        put(preset=preset)


def _plainly(task: str, kind: str) -> Values:
    """All fields without a preset; where the data are not here any more, as for data that nothing is known of."""
    if task in TASKS and "train" in TASKS[task].splits:
        return suggested(task, kind)
    return TrainConfig(task, "re").to_dict()

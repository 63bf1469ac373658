"""The full form: every setting of one run, in sections; what does not apply to its kind is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import streamlit as st

from rekd.data import TASKS
from rekd.training import choices
from rekd.training.about import TEACHER
from rekd.training.lineups import TITLES
from rekd.training.runs import fresh
from rekd.training.worker import Plan
from rekd.ui import form_check, form_data, form_fields, form_model, form_objective, form_state, form_watched
from rekd.ui.components import plain
from rekd.ui.form_base import Base, base_of, changed, effective, found_sources, name_of, seeds_of, teaches

Values = Mapping[str, Any]
_OBJECTIVE = {
    "re": "What is rewarded: being right, and keeping little.",
    "rekd": "What is rewarded: being right, keeping little, and following the teacher.",
    "random": "How many units are kept, and what becomes of the others.",
}


def whole(choice: form_state.Choice, root: Path) -> None:
    """Draw the full form and what stands at its end: faults, costs and the button."""
    found = found_sources(root, choice.values)
    base = base_of(choice, root, found)
    values = effective(base, choice)
    st.session_state["form_base"] = {**base.values, **base.first}
    _head(choice, base, values)
    kind = values["kind"]
    with section("Data", "What is learnt, and what kind of model learns it."):
        form_data.data(values)
    if values["task"] not in TASKS:
        form_check.check([], [], "", root, faults=choices.faults(values))
        return
    with section("Model", "Both towers have this backbone; CLS has the predictor alone."):
        form_model.model(values, found)
    if kind == "rekd":
        with section("Teacher", "A model that selects already, of the same units and classes."):
            form_model.teacher(values, found)
    if kind != "cls":
        with section("Objective", _OBJECTIVE[kind]):
            form_objective.objective(values)
    with section("Schedule", "How long, how fast, and when dev is looked at."):
        form_objective.schedule(values)
    with section("Seeds and device", "Several seeds queue several runs."):
        left, right = st.columns(2)
        with left:
            seeds = form_fields.choose_seeds(seeds_of(base, choice))
        with right:
            device = form_fields.choose_device(choice.device, root)
    with section("Watched examples", "Inputs of dev whose masks are kept as they form."):
        form_watched.watched(values)
    _end(base, values, seeds, device, root, found)


@contextmanager
def section(title: str, about: str) -> Iterator[None]:
    """One section: its name and a sentence at the left, its widgets at the right."""
    with st.container(border=True):
        left, right = st.columns([1, 3.2], gap="medium")
        with left:
            st.markdown(f"##### {title}")
            st.caption(about)
        with right:
            yield


def _head(choice: form_state.Choice, base: Base, values: Values) -> None:
    if base.fault:
        st.warning(plain(base.fault), icon=":material/link_off:")
    kept = _kept(choice, base)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"#### {plain(base.title)}")
        if not choice.source:
            back = "Back to all four" if choice.line else "Back to the ready starts"
            st.button(back, icon=":material/arrow_back:", key="f_back", on_click=_close, args=(kept,))
    lines = changed(base, values)
    if choice.source or choice.slot:
        said = "; ".join(lines) if lines else "nothing yet"
        st.caption(f"Changed: {plain(said)}")
    if lines:
        widget = {"key": "f_undo", "type": "tertiary", "on_click": form_state.change, "kwargs": {"values": kept}}
        st.button("Undo all changes", icon=":material/undo:", **widget)


def _close(kept: Values) -> None:
    line = form_state.shown().line
    form_state.change(line=line or form_state.Choice.line, slot="", seeds=(), values=kept if line else {})


def _kept(choice: form_state.Choice, base: Base) -> dict[str, Any]:
    """What stays where changes are undone: what was chosen of that which decides where the form starts."""
    return {name: value for name, value in choice.values.items() if name in base.first and value == base.values[name]}


def _end(base: Base, values: Values, seeds: tuple[int, ...], device: str, root: Path, found) -> None:
    made: list[Plan] = []
    config = choices.built(values)
    title = TITLES.get(values["kind"], values["kind"].upper())
    if not isinstance(config, str):
        for seed in seeds:
            one = choices.built({**values, "seed": seed})
            role = TEACHER if teaches(base, values) else ""
            folder = fresh(one, root, [plan.folder for plan in made], role)
            made.append(Plan(folder, one, device, name_of(base, one, len(seeds) > 1), _note(base, values), role))
    teacher = _coming(values, found, root)
    entry = form_check.Entry(f"{title} · {TASKS[values['task']].title}", values, seeds, teacher)
    form_check.check([entry], made, device, root, found=found)


def _note(base: Base, values: Values) -> str:
    """What a run remembers of where it came from."""
    lines = changed(base, values)
    return f"{base.title}{': ' + '; '.join(lines) if lines else ''}"


def _coming(values: Values, found, root: Path) -> Values | None:
    """The configuration of a teacher whose run is still at work, so that a stand-in of its size can be timed."""
    from rekd.training.runs import read_config

    source = next((each for each in found if each.value == values["teacher"]), None)
    if source is None or source.state in ("", "done"):
        return None
    try:
        return read_config(Path(source.value).parent).to_dict()
    except (OSError, ValueError):
        return None

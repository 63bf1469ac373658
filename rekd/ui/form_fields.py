"""The form's widgets: each shows a field's value and writes a change into the choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from rekd.training import choices
from rekd.training.options import HELP
from rekd.training.report import devices
from rekd.training.seeds import read_seeds, seeds_text
from rekd.training.turns import canonical
from rekd.ui import form_state, runs
from rekd.ui.components import plain
from rekd.ui.form_state import change, shown

FROM = {
    "rate": "0.15 of the patches and 0.10 of the words are the paper's; each data set brings its own.",
    "alpha": "0.3 is ours; the paper swept 0, 0.3, 0.5, 0.7 and 1.",
    "lambda_r": "0.5 is the paper's.",
    "temper_rationale": "Off is the paper's. On, the term leaves the task room as the temperature falls.",
    "parts": "both is the paper's.",
    "teacher_view": "own is the paper's figure, student the official code.",
    "shared_noise": "On is ours: two equal generators then cost nothing.",
    "masking": "drop is ours: what is not selected can't leak; zero is the paper's.",
    "tau_start": "5 is the paper's.",
    "tau_end": "0.1 is the paper's.",
    "rate_form": "auto is ours; example is the paper's printed form, count the official code's.",
    "example_rate_weight": "50 is ours: it keeps the number of units from carrying the label.",
    "learning_rate": "1e-5 is the paper's; ours are those that learnt best for each size.",
    "optimizer": "AdamW is the paper's. With Muon within the blocks small vision models need half the steps.",
    "batch_size": "32 is the paper's.",
    "weight_decay": "The paper has 0.001 for images and 0 for texts.",
    "dropout": "The paper has 0.1 for images and 0.5 for texts.",
    "max_tokens": "256 is the paper's.",
    "augmentation": "strong is ours: larger vision models from random weights need it.",
    "final_norm": "On is ours; the official code leaves it out.",
    "pooling": "mean is ours; first is the paper's.",
}
"""Where a field's default comes from."""
LARGEST = 2**53 - 1
"""The largest whole number that a browser holds exactly."""
WAITS = " · "
"""Between a device's name and how many runs wait there."""


def help_of(name: str) -> str:
    """What a field is for, and where its default comes from."""
    said = HELP[name]
    return f"{said[0].upper()}{said[1:]}. {FROM.get(name, '')}".strip()


def bound(key: str, value: Any, put: Callable[..., None], *args: Any) -> dict[str, Any]:
    """Keyword arguments of a widget that shows `value` and calls `put(its value, *args)` when it is changed."""
    if st.session_state.get(key) != value:  # setting what it shows already would wipe what is being typed into it
        st.session_state[key] = value

    def changed() -> None:
        new = st.session_state[key]
        if new is None:  # a click on the chosen segment empties it, and so does an empty number: keep what was chosen
            form_state.touch()
        else:
            put(new, *args)

    return {"key": key, "on_change": changed}


def put(**values: Any) -> None:
    """Set fields of the run; what is as the form began is no change."""
    base = st.session_state.get("form_base", {})
    merged = {**shown().values, **values}
    change(values={name: value for name, value in merged.items() if name not in base or base[name] != value})


def field(name: str, value: Any) -> dict[str, Any]:
    """Keyword arguments of the widget of a field of `TrainConfig`."""
    return {"help": help_of(name), **bound(f"f_{name}", value, lambda new: put(**{name: new}))}


def number(label: str, name: str, values: Mapping[str, Any], step: float) -> None:
    """A number's field, whole where its default is whole; what can't be is said below it.

    It has no limits of its own: a browser keeps a number beyond them to itself, and the one before would be trained.
    """
    whole = form_state.FIELDS[name].type == "int"
    value, options = shown_number(values[name]) if whole else float(values[name]), {} if whole else {"format": "%g"}
    st.number_input(label, step=type(value)(step), **options, **field(name, value))
    said_below(choices.fault_of(name, values))


def shown_number(value: int) -> int:
    """A whole number, or the nearest that a browser can hold."""
    return max(-LARGEST, min(int(value), LARGEST))


def said_below(fault: str) -> None:
    """What is wrong with the field above; nothing where nothing is."""
    if fault:
        st.caption(f":orange[:material/error:] {plain(fault)}")


def switch(label: str, name: str, values: Mapping[str, Any]) -> None:
    st.toggle(label, **field(name, bool(values[name])))


def pick(label: str, name: str, values: Mapping[str, Any], options: Mapping[str, str] | Sequence[str]) -> None:
    """A choice of few."""
    titles = options if isinstance(options, Mapping) else {option: option for option in options}
    keep = values[name] if values[name] in titles else next(iter(titles))
    st.selectbox(label, list(titles), format_func=titles.get, **field(name, keep))


def choose_members(slots: Sequence[str], titles: Mapping[str, str], members: Sequence[str], about: str) -> None:
    def take(new: list[str]) -> None:
        chosen = tuple(slot for slot in slots if slot in new)
        change(members=() if len(chosen) in (0, len(slots)) else chosen)

    widget = bound("f_members", list(members), take)
    st.pills("Train", slots, selection_mode="multi", format_func=titles.get, help=about, **widget)


def choose_task(titles: Mapping[str, str], task: str) -> None:
    st.selectbox("Data", list(titles), format_func=titles.get, **bound("f_task", task, lambda new: put(task=new)))


def choose_seeds(seeds: Sequence[int]) -> tuple[int, ...]:
    """The seeds as they stand; what can't be read is said below and changes nothing."""

    def take(text: str) -> None:
        try:
            change(seeds=read_seeds(text))
        except ValueError as fault:
            form_state.complain("seeds", f"“{text[:30]}”: {fault}")

    about = "Of weights, order and masks. Each seed is a run of its own: 2026-2028 queues three."
    st.text_input("Seeds", help=about, **bound("f_seeds", seeds_text(seeds), take))
    said_below(form_state.complaint("seeds"))
    return tuple(seeds)


def choose_device(chosen: str, root: Path) -> str:
    """The device as it stands, with how many runs are before a new one there."""
    here = devices()
    device = chosen if chosen in here else here[0]
    waiting = queues(root)
    titles = {name: f"{name}{_waiting(waiting.get(canonical(name), 0))}" for name in here}
    about = "Where it trains: cuda is an NVIDIA GPU, mps Apple's, cpu the processor. Runs of one device take turns."
    # A title's number of runs may have changed since the browser got it, whose title then comes back for the name.
    widget = bound("f_device", device, lambda new: change(device=new.split(WAITS)[0]))
    st.selectbox("Device", here, format_func=lambda name: titles.get(name, name), help=about, **widget)
    said_below(f"{chosen} is not here; {device} is taken." if chosen and chosen not in here else "")
    return device


def queues(root: Path) -> dict[str, int]:
    """Device -> runs that are at work or wait there."""
    out: dict[str, int] = {}
    for run in filter(runs.active, runs.everything(root)[0]):
        device = canonical(run.status.device or "cpu")
        out[device] = out.get(device, 0) + 1
    return out


def _waiting(count: int) -> str:
    return "" if not count else f"{WAITS}{count} run{'s' if count > 1 else ''} before it"

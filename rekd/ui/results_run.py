"""One measured run: its numbers, what its masks give away, how it was made, and the way to Explore."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from rekd.results.record import Result
from rekd.results.row import KINDS
from rekd.results.summary import RULES, Aggregate, dev_accuracy
from rekd.ui import components, leaks
from rekd.ui.components import number, plain
from rekd.ui.results_groups import TAGS, is_teacher
from rekd.ui.results_open import explore
from rekd.ui.results_table import share
from rekd.ui.runs import duration

if TYPE_CHECKING:
    from rekd.ui.results_read import Found


def details(row: Aggregate, result: Result, task: str, found: Found, home: Path) -> None:
    """Draw it in a card. task: what its task is called. home: the folder of own runs."""
    whose = TAGS.get(row.part, row.name)
    with st.container(border=True):
        st.markdown(f"**{plain(_heading(row, result, task))}** · {plain(whose)}")
        explore(result, found, home, is_teacher(row.size), row.rerun)
        left, right = st.columns(2)
        left.html(components.facts(measured(result)))
        right.html(components.facts(made(result)))
        report = leaks.leaks(result.report)
        if report:
            st.html(leaks.leak_list(report))
        if row.rerun:
            st.caption("The command that trains and measures this run again:")
            st.code(f"{row.rerun} --seed {result.seed}", language="bash", wrap_lines=True)
        elif result.hash in found.folders:
            folder = found.folders[result.hash].name
            st.page_link(
                "pages/train.py",
                label="Open the run in Train",
                icon=":material/model_training:",
                query_params={"run": folder},
            )
        with st.expander("Its configuration", icon=":material/tune:"):
            st.json({key: value for key, value in result.config.items() if value not in ("", [], {}, None)})


def _heading(row: Aggregate, result: Result, task: str) -> str:
    setting = f", {row.setting}" if row.setting else ""
    return f"{KINDS[result.kind]}{setting}, seed {result.seed} · {task} · {row.size}"


def measured(result: Result) -> Mapping[str, str]:
    """What was measured, by name; all on the test split unless it says dev."""
    out = {}
    if "rules" in result.report:
        for rule in ("top-k", *(rule for rule in RULES if rule != "top-k")):
            out[f"accuracy under {rule}"] = f"{number(result.accuracy(rule))} at {share(result.rate(rule))}"
    elif (accuracy := result.accuracy()) is not None:
        out["accuracy on test"] = f"{number(accuracy)}, {'random masks' if result.kind == 'random' else 'whole input'}"
    else:
        out["accuracy on test"] = "not read"
    if "rules" in result.report and "random" in result.report:
        out["same predictor on random masks"] = number(result.report["random"]["accuracy"])
    if (dev := dev_accuracy(result)) is not None:
        out["accuracy on dev"] = f"{number(dev)}, step {result.best_step:,}"
    return out | habits(result)


def habits(result: Result) -> Mapping[str, str]:
    """Of what sort the selected units are, beside all units, and how certain the gates."""
    held = result.habits
    sorts = [name.removeprefix("selected_") for name in held if name.startswith("selected_")]
    out = {
        f"{sort} among the selected": f"{share(held[f'selected_{sort}'])}, of all units {share(held[f'all_{sort}'])}"
        for sort in sorts
        if f"all_{sort}" in held
    }
    return out | ({"certainty of gates, mean |2s − 1|": number(held["certainty"])} if "certainty" in held else {})


def made(result: Result) -> Mapping[str, str]:
    """How large it is, and where and how long it was trained."""
    size = f"{result.bytes / 1e6:.1f} MB, " if result.bytes else ""
    out = {"parameters": f"{result.parameters:,}", "weights": f"{size}hash {result.hash or '–'}"}
    if result.cpu_ms is not None:
        out["one answer on a processor"] = f"{result.cpu_ms:.1f} ms"
    if result.seconds:
        out["training"] = f"{duration(result.seconds)} on {result.device or 'an unnamed device'}"
    if result.teacher_hash:
        out["its teacher's hash"] = result.teacher_hash
    told = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    return out | ({"versions": told} if told else {})

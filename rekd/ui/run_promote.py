"""Promotion: a run, or the median of runs that differ in their seed, published among the checkpoints with its card."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from rekd.training.promotion import WORKING, Promotion, fault_of, read_promotion, start_promotion
from rekd.ui import runs
from rekd.ui.components import plain
from rekd.ui.frame import part

if TYPE_CHECKING:
    from rekd.training.runs import Run

ROLES = {"": "by its kind", "teacher": "teacher", "cls": "CLS", "re": "RE", "rekd": "REKD", "random": "random masks"}
BEAT = 2.0
"""Seconds between two looks at a promotion that is at work."""


def promotion(run: Run) -> None:
    """How a promotion of the run stands, which is followed while it works, and the form of another."""
    busy = _works(read_promotion(run.folder))
    part(_promotion, run, busy, every=BEAT if busy else None)


def _works(told: Promotion | None) -> bool:
    return told is not None and told.state == WORKING


def _promotion(run: Run, busy: bool) -> None:
    runs.arrive()
    told = read_promotion(run.folder)
    if _works(told) != busy:
        _ended(told)
        st.rerun()  # it is followed at another pace from now on
    if busy:
        since = time.strftime("%H:%M", time.localtime(told.begun))
        st.markdown(f"**{plain(told.name)}** is measured on the whole test split, since {since}.")
        st.caption("It goes on when this page is closed; how it ended is told here.")
        return
    if told:
        show, icon = (st.success, "workspace_premium") if told.state == "done" else (st.error, "error")
        show(plain(told.said), icon=f":material/{icon}:")
    _form(run, told.name if told and told.state == "done" else "")


def _ended(told: Promotion | None) -> None:
    """Say it where it is seen when the popover is closed, and let Explore find the new checkpoint at once."""
    if told is None or _works(told):
        return
    from rekd.ui import cache

    cache.shelf.clear()
    runs.say(told.said, "workspace_premium" if told.state == "done" else "error")


def _form(run: Run, done: str) -> None:
    """The fields of a promotion; it measures the model on the whole test split first. done: the name just published."""
    st.markdown("Measures the model on the whole test split and puts it, with a model card, among the checkpoints.")
    name = st.text_input("Name", done or f"{run.config.task}-my-{run.config.kind}", key="p_name")
    st.selectbox("Role in Explore", list(ROLES), format_func=ROLES.get, key="p_role")
    if sisters := _sisters(run):
        more = f"With {len(sisters)} more of other seeds: the median is published, all are on the card"
        st.checkbox(more, True, key="p_all")
    st.text_input("A sentence for its card", key="p_note")
    again = bool(done) and name == done
    st.button("Promote", type="primary", key="p_go", on_click=_start, args=([run, *sisters],), disabled=again)
    if again:
        st.caption("To publish it once more, give it another name.")
    elif fault := fault_of(name):
        st.caption(plain(fault))


def _start(chosen: list[Run]) -> None:
    """Start it in a process of its own: its memory is given back, and it goes on when the page is closed."""
    said = st.session_state
    name, several = said["p_name"], said.get("p_all", False)
    folders: list[Path] = [run.folder for run in (chosen if several else chosen[:1])]
    try:
        start_promotion(folders, name, said["p_role"], said["p_note"].strip())
    except (ValueError, OSError) as fault:
        runs.say(str(fault), "error")


def _sisters(run: Run) -> list[Run]:
    """Finished runs with the same settings and another seed, of each seed the newest."""
    from rekd.ui.comparison import groups

    done = [other for other in runs.everything(run.folder.parent)[0] if other.status.state == "done"]
    others = [other for other in done if other.folder != run.folder]
    series = [("", (), each.config) for each in (run, *others)]
    same = next(group.members for group in groups(series) if 0 in group.members)
    newest = {run.config.seed: run}
    for number in same:  # the newest first; a seed that stood twice would count double in the median
        other = others[number - 1] if number else run
        newest.setdefault(other.config.seed, other)
    return list(newest.values())[1:]

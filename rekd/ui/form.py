"""The form that starts runs: a line-up in two clicks, or every setting of one run. The address keeps the choice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from rekd.imports import uncollected
from rekd.ui import form_state
from rekd.ui.components import plain


def form(root: Path) -> None:
    """Draw the form; `root` is the folder of runs. Once runs are started the page is left for the first of them."""
    with st.spinner("Starting …"), uncollected():  # torch takes seconds to import in a process's first run
        from rekd.training.lineups import LINEUPS, SLOTS
        from rekd.ui import form_whole

    choice = form_state.current({name: SLOTS for name in LINEUPS})
    form_state.settle(choice)
    for sentence in form_state.notes():
        st.warning(plain(sentence), icon=":material/link_off:")
    if choice.whole:
        form_whole.whole(choice, root)
    else:
        _starts(choice)
        _lineup(choice, root)


def _starts(choice: form_state.Choice) -> None:
    """The line-ups as a row of cards, and the way to set everything oneself."""
    from rekd.training.lineups import LINEUPS

    for column, (name, line) in zip(st.columns(len(LINEUPS)), LINEUPS.items(), strict=True):
        with column, st.container(border=True, height="stretch", key=f"start-{name}"):
            st.markdown(f"**{plain(line.title)}**")
            st.caption(plain(line.about))
            chosen = choice.line == name
            st.button(
                "Chosen" if chosen else "Choose",
                icon=":material/check:" if chosen else None,
                type="primary" if chosen else "secondary",
                key=f"f_start_{name}",
                width="stretch",
                on_click=start_from,
                args=(name,),
            )


def start_from(name: str) -> None:
    """Start from a line-up, or with "" from one's own settings: nothing of the choice before is kept but the device."""
    form_state.change(line=name, slot="", members=(), seeds=(), source="", values={})


def _lineup(choice: form_state.Choice, root: Path) -> None:
    from rekd.data import TASKS
    from rekd.training.lineups import LINEUPS, SLOTS, TITLES, plans, taught_by
    from rekd.ui import form_base, form_check, form_fields

    line = LINEUPS[choice.line]
    st.session_state["form_base"] = form_base.first_of_line(choice.line)
    task = choice.values.get("task", line.task)
    task = task if task in line.tasks else line.task
    members = choice.members or SLOTS
    with st.container(border=True):
        row = st.columns([2.4, 1.6, 1.4, 1.4] if len(line.tasks) > 1 else [2.4, 1.4, 1.4], vertical_alignment="top")
        with row[0]:
            about = "CLS reads everything; RE selects by itself; REKD learns from the teacher, a larger RE, too."
            form_fields.choose_members(SLOTS, TITLES, members, about)
        if len(line.tasks) > 1:
            with row[1]:
                form_fields.choose_task({name: TASKS[name].title for name in line.tasks}, task)
        with row[-2]:
            seeds = form_fields.choose_seeds(choice.seeds or line.seeds)
        with row[-1]:
            device = form_fields.choose_device(choice.device, root)
        if line.expect:
            st.caption(f"What to expect: {plain(line.expect[0].lower() + line.expect[1:])}")
        if line.needs:
            st.caption(f"Needs: {plain(line.needs[0].lower() + line.needs[1:])}")
    try:
        made, fault = plans(choice.line, members, seeds, root, task=task, device=device, about=line.title), ""
    except ValueError as error:
        made, fault = [], str(error)
    for sentence in taught_by(made):
        st.caption(plain(sentence))
    entries = form_check.of_lineup(choice.line, task, made)
    form_check.check(entries, made, device, root, faults=[fault] if fault else [], beside=lambda: _settings(members))


def _settings(members: Sequence[str]) -> None:
    """The ways into the full form: on one member, or from one's own settings."""
    from rekd.training.lineups import TITLES

    with st.popover("Change the settings", icon=":material/tune:"):
        st.caption("Opens every setting of one of the four; the others are left out.")
        for slot in members:
            st.button(TITLES[slot], key=f"f_open_{slot}", width="stretch", on_click=_open, args=(slot,))
    st.button("Set everything yourself", key="f_start_own", on_click=start_from, args=("",))


def _open(slot: str) -> None:
    form_state.change(slot=slot, members=())

"""All runs: how they stand, those that are compared on one chart, and those in the trash."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import runs
from rekd.ui.components import TOOLS, plain
from rekd.ui.frame import part

if TYPE_CHECKING:
    from rekd.training.runs import Run

SHOWN = 12
"""Runs listed before "show all"."""
BEAT = 2.0
"""Seconds between two looks while a run is at work."""
IDLE = 15.0
"""And while none is: one may have been started elsewhere."""


def listed(root: Path) -> None:
    """Draw the list; it follows the folder by itself."""
    found, _ = runs.everything(root)
    busy = any(map(runs.active, found))
    part(_list, root, busy, every=BEAT if busy else IDLE)
    _trash(root)


def _list(root: Path, busy: bool) -> None:
    runs.arrive()
    found, faults = runs.everything(root)
    if any(map(runs.active, found)) != busy:
        st.rerun()  # the list is followed at another pace from now on
    for fault in faults:
        st.warning(plain(fault), icon=":material/folder_off:")
    if not found:
        st.info("No run is here. Start one: **New run**.", icon=":material/model_training:")
        return
    marked = _marked()
    everything = st.session_state.get("t_all", False)
    shown = found if everything else found[:SHOWN]
    st.caption("Mark runs to compare them on one chart.")
    for run in shown:
        _row(run, run.folder.name in marked)
    if len(found) > len(shown):
        st.button(f"Show all {len(found)} runs", key="t_more", on_click=_show_all)
    _compared([run for run in found if run.folder.name in marked])


def _show_all() -> None:
    st.session_state["t_all"] = True


def _marked() -> list[str]:
    """The folders' names of the runs that the address marks for comparison."""
    return [name for name in st.query_params.get("runs", "").split(",") if name]


def _row(run: Run, marked: bool) -> None:
    name, sign = run.folder.name, runs.SIGNS[run.status.state][0]
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"run-{name}"):
        st.session_state[f"t_mark_{name}"] = marked
        about = {"label_visibility": "collapsed", "on_change": _mark, "args": (name,)}
        st.checkbox(f"Compare {_spoken(runs.title(run))}", key=f"t_mark_{name}", **about)
        st.button(
            plain(runs.title(run)),
            icon=f":material/{sign}:",
            key=f"t_open_{name}",
            type="tertiary",
            on_click=lambda: runs.go(run=name),
        )
        st.caption(plain(runs.short(run)), width="content")
        st.html(runs.progress(run), width="stretch")


def _spoken(title: str) -> str:
    """A title for a label that is read aloud and not seen: there escaped signs of Markdown would be read too."""
    return "".join(char if char.isalnum() or char in " -.,·" else " " for char in title)


def _mark(name: str) -> None:
    marked = [other for other in _marked() if other != name]
    if st.session_state[f"t_mark_{name}"]:
        marked.append(name)
    st.query_params.from_dict({"runs": ",".join(marked)} if marked else {})


def _compared(chosen: list[Run]) -> None:
    """One chart of the marked runs."""
    if not chosen:
        return
    from rekd.ui.comparison import ACROSS, WHAT, compare

    st.subheader("Compared", anchor=False)
    if len(chosen) < 2:
        st.caption("Mark one more run to compare it with.")
    with st.container(horizontal=True):
        what = st.selectbox("Measure", list(WHAT), format_func=lambda name: WHAT[name][0], key="t_what", width=320)
        across = st.selectbox("Against", list(ACROSS), format_func=ACROSS.get, key="t_across", width=320)
    try:
        titles = runs.apart(chosen)
        figure = compare([(titles[run.folder], run.metrics, run.config) for run in chosen], what, across)
    except ValueError as fault:
        st.info(plain(str(fault)), icon=":material/balance:")
        return
    st.plotly_chart(figure, key="t_compare", config=TOOLS)


def _trash(root: Path) -> None:
    from rekd.training.trash import trashed

    held = trashed(root)
    if not held:
        return
    with st.expander(f"Trash ({len(held)})", icon=":material/delete:"):
        for each in held:
            with st.container(horizontal=True, vertical_alignment="center"):
                back = {"key": f"t_back_{each.folder.name}", "on_click": _restore, "args": (each.folder,)}
                st.button(f"Restore {plain(each.name)}", icon=":material/restore_from_trash:", **back)
                st.caption(f"{each.bytes / 1e6:.1f} MB", width="content")
        with st.popover("Empty the trash", icon=":material/delete_forever:"):
            st.markdown("What is in the trash is then gone for good, checkpoints too.")
            st.button("Empty it", type="primary", key="t_empty", on_click=_empty, args=(root,))


def _empty(root: Path) -> None:
    from rekd.training.trash import empty

    try:
        freed = empty(root)
    except OSError as fault:
        runs.say(str(fault), "error")
        return
    runs.say(f"The trash is empty; {freed / 1e6:.1f} MB are free again.", "delete_forever")


def _restore(folder: Path) -> None:
    from rekd.training.trash import restore

    try:
        back = restore(folder)
    except OSError as fault:  # it was restored in another tab, or a file of it is open
        runs.say(str(fault), "error")
        return
    runs.say(f"{back.name} is back.", "restore_from_trash")

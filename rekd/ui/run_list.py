"""All runs: how they stand, those that are compared on one chart, and those in the trash."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import runs
from rekd.ui.components import plain
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
        st.info("No run is here yet. Start one: **New run**.", icon=":material/model_training:")
        return
    marked = [name for name in st.query_params.get("runs", "").split(",") if name]
    everything = st.session_state.get("t_all", False)
    shown = found if everything else found[:SHOWN]
    for run in shown:
        _row(run, run.folder.name in marked)
    if len(found) > len(shown):
        st.button(f"Show all {len(found)} runs", key="t_more", on_click=_show_all)
    _compared([run for run in found if run.folder.name in marked])


def _show_all() -> None:
    st.session_state["t_all"] = True


def _row(run: Run, marked: bool) -> None:
    name, sign = run.folder.name, runs.SIGNS[run.status.state][0]
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"run-{name}"):
        st.session_state[f"t_mark_{name}"] = marked
        st.checkbox("Compare", key=f"t_mark_{name}", on_change=_mark, args=(name,))
        st.button(
            plain(runs.title(run)),
            icon=f":material/{sign}:",
            key=f"t_open_{name}",
            type="tertiary",
            on_click=lambda: runs.go(run=name),
        )
        st.caption(plain(runs.short(run)), width="content")
        st.html(runs.progress(run), width="stretch")


def _mark(name: str) -> None:
    marked = [other for other in st.query_params.get("runs", "").split(",") if other and other != name]
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
        figure = compare([(runs.title(run), run.metrics, run.config) for run in chosen], what, across)
    except ValueError as fault:
        st.info(plain(str(fault)), icon=":material/balance:")
        return
    st.plotly_chart(figure, key="t_compare", config={"displaylogo": False})


def _trash(root: Path) -> None:
    from rekd.training.trash import empty, trashed

    held = trashed(root)
    if not held:
        return
    with st.expander(f"Trash ({len(held)})", icon=":material/delete:"):
        for each in held:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(plain(each.name))
                st.caption(f"{each.bytes / 1e6:.1f} MB", width="content")
                st.button("Restore", key=f"t_back_{each.folder.name}", on_click=_restore, args=(each.folder,))
        with st.popover("Empty the trash", icon=":material/delete_forever:"):
            st.markdown("What is in the trash is then gone for good, checkpoints too.")
            st.button("Empty it", type="primary", key="t_empty", on_click=lambda: empty(root))


def _restore(folder: Path) -> None:
    from rekd.training.trash import restore

    back = restore(folder)
    runs.say(f"{back.name} is back.", "restore_from_trash")

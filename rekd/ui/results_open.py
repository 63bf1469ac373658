"""From a measured run to the page Explore: where its weights are, and the way there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from rekd.results.record import Result
from rekd.results.row import FOLDER
from rekd.ui import cache, runs, state
from rekd.ui.sidebar import FRESH

if TYPE_CHECKING:
    from rekd.checkpoints import Info
    from rekd.ui.results_read import Found


def weights(result: Result, found: Found, home: Path) -> Info | None:
    """The very weights of a run: among the checkpoints of Explore's list, or in a run's folder; None where neither."""
    from rekd.checkpoints import CheckpointError, read_info

    if not result.hash:
        return None
    for info in cache.infos():
        if info.hash == result.hash:
            return info
    for folder in (found.folders.get(result.hash), home / FOLDER / result.name):
        try:
            info = read_info(folder / "checkpoint") if folder else None
        except CheckpointError:
            continue
        if info and info.hash == result.hash:
            return info
    return None


def explore(result: Result, found: Found, home: Path, teaches: bool, command: str) -> None:
    """The link to Explore, or a sentence that says why there is none. command: what makes its row again, "" of own."""
    info = weights(result, found, home)
    if info is None:
        st.info(_absent(command and f"{command} --seed {result.seed}"), icon=":material/folder_off:")
        return
    slot = slot_of(result, teaches)
    teacher = next(
        (each.name for each in cache.infos() if result.teacher_hash and each.hash == result.teacher_hash), ""
    )
    st.button(
        "Open in Explore",
        icon=":material/search:",
        type="primary",
        key="r_explore",
        help="Shows what this very model selects, beside the other models of its task.",
        on_click=_open,
        args=(info, slot, teacher if slot != "teacher" else ""),
    )
    if st.session_state.pop("r_go", False):
        st.switch_page("app.py")


def _absent(command: str) -> str:
    again = f" To have them, run `{command}` here: it trains this seed again." if command else ""
    return f"The weights of this run are not here: of most runs the numbers alone are kept.{again}"


def slot_of(result: Result, teaches: bool) -> str:
    """The place of a model in Explore: models that read everything, or learned from random masks, stand as CLS."""
    if result.kind not in ("re", "rekd"):
        return "cls"
    return "teacher" if teaches else result.kind


def _open(info: Info, slot: str, teacher: str) -> None:
    """Choose the model in Explore, its teacher beside it where that is here; the page is left after the callback."""
    from rekd.checkpoints import CheckpointError

    try:
        known = {each.hash: each for each in cache.infos()}
        shown = known.get(info.hash) or cache.add(str(info.folder))
    except (CheckpointError, OSError) as fault:
        runs.say(str(fault), "error")
        return
    fresh = {} if shown.task == state.shown().task else FRESH | {"task": shown.task}
    start = {"data": "", "own": False, "many": False, "row": 0, "example": 0}
    state.change(**fresh | start | ({"teacher": teacher} if teacher else {}) | {slot: shown.name})
    st.session_state["r_go"] = True

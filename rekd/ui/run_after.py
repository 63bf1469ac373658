"""What can be done with a run that has ended, and a person's own words on any run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from rekd.training.about import role_of
from rekd.ui import run_promote, runs
from rekd.ui.components import plain
from rekd.ui.run_shelf import shelved
from rekd.ui.sidebar import FRESH

if TYPE_CHECKING:
    from rekd.checkpoints import Info
    from rekd.training.runs import Run


def finished(run: Run) -> None:
    """Open in Explore, download, promote."""
    from rekd.checkpoints import CheckpointError, read_info
    from rekd.training.pack import file_name

    folder = run.folder / "checkpoint"
    try:
        read_info(folder)
    except CheckpointError as fault:
        st.warning(plain(str(fault)), icon=":material/folder_off:")
        return
    st.button(
        "Open in Explore",
        icon=":material/search:",
        type="primary",
        key="v_explore",
        help="Shows this model's rationales beside those of the other models of its task.",
        on_click=_explore,
        args=(run,),
    )
    st.download_button(
        "Download",
        data=lambda: _packed(run),
        file_name=f"{file_name(runs.title(run))}.zip",
        mime="application/zip",
        icon=":material/download:",
        key="v_download",
        on_click="ignore",
        help="The checkpoint as a zip that stands alone: `python -m rekd evaluate FILE.zip`, or "
        '`rekd.load("FILE.zip")` in a notebook.',
    )
    with st.popover("Promote", icon=":material/workspace_premium:"):
        run_promote.promotion(run)
    if st.session_state.pop("v_go", False):
        st.switch_page("app.py")


def _packed(run: Run) -> bytes:
    from rekd.training.pack import packed

    return packed(run.folder, runs.title(run))


def _explore(run: Run) -> None:
    """Put the model on Explore's list and choose it, its teacher beside it; the page is left after the callback."""
    from rekd.checkpoints import CheckpointError
    from rekd.ui import state

    try:
        info = shelved(run.folder)
        teacher = _teacher(run, info)
    except (CheckpointError, OSError) as fault:
        runs.say(str(fault), "error")
        return
    role = role_of(run.folder, run.config)
    slot = role if role in state.SLOTS else "cls"
    fresh = {} if info.task == state.shown().task else FRESH | {"task": info.task}
    beside = {"teacher": teacher.name} if teacher else {}
    start = {"data": "", "own": False, "many": False, "row": 0, "example": 0}
    state.change(**fresh | start | beside | {slot: info.name})
    st.session_state["v_go"] = True


def _teacher(run: Run, info: Info) -> Info | None:
    """The very model that taught a run, under whatever name it is here (still); None where it is not."""
    from rekd.checkpoints import read_info
    from rekd.training.runs import sources
    from rekd.ui import cache

    taught = info.training.get("teacher_hash")
    folder = sources(run.config).get("teacher")
    if folder and (folder / "config.json").is_file() and read_info(folder).hash == taught:
        return shelved(folder.parent)
    return next((each for each in cache.infos() if each.hash == taught), None)


def deletion(run: Run) -> None:
    """Delete, with what depends on it said first; it can be undone."""
    from rekd.training.trash import dependants

    with st.popover("Delete", icon=":material/delete:"):
        st.markdown("It goes to the trash at the end of the list of runs, from where it can be restored.")
        for sentence in dependants(run, runs.everything(run.folder.parent)[0]):
            st.warning(plain(sentence), icon=":material/link_off:")
        st.button("Move to the trash", key="v_delete", type="primary", on_click=_delete, args=(run,))


def _delete(run: Run) -> None:
    from rekd.training.trash import delete

    try:
        delete(run)
    except (ValueError, OSError) as fault:
        runs.say(str(fault), "error")
        return
    runs.say(f"{run.folder.name} is in the trash, at the end of the list.", "delete")
    runs.go()


def words(run: Run) -> None:
    """A run's name and note, kept as they are typed."""
    from rekd.training.about import read_about

    said, name = read_about(run.folder), run.folder.name
    with st.expander("Name and note", icon=":material/edit_note:", expanded=bool(said.note)):
        st.text_input(
            "Name", said.name, key=f"v_name_{name}", placeholder=name, on_change=_say, args=(run.folder, "name")
        )
        st.text_area("Note", said.note, key=f"v_note_{name}", on_change=_say, args=(run.folder, "note"))


def _say(folder: Path, what: str) -> None:
    from rekd.training.about import write_about

    try:
        write_about(folder, **{what: st.session_state[f"v_{what}_{folder.name}"]})
    except (ValueError, OSError) as fault:
        runs.say(str(fault), "error")

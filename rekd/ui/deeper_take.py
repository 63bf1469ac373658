"""Take away: what is shown as files that need no app, each figure as SVG, and the way back from a file to the view."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import paint_task, reopen, report, report_figures, state, take_painted
from rekd.ui.components import plain
from rekd.ui.frame import part
from rekd.ui.take import gather

if TYPE_CHECKING:
    from rekd.explanations.record import Record
    from rekd.types import Example, Explanation
    from rekd.ui.cards import Drawing
    from rekd.ui.frame import Desk

ABOUT = (
    "This view as files: whoever gets the page needs neither this app nor a network. The JSON file holds every number "
    "and opens here again."
)


def section(desk: Desk, drawing: Drawing, found: Mapping[str, Explanation]) -> None:
    """Draw the buttons; methods and scores that were not computed yet are computed first."""
    from rekd.explanations.record import RecordError

    st.subheader("Take away", anchor=False)
    st.markdown(ABOUT)
    place = st.container()
    _open(desk)  # drawn before what takes long: a file can be opened meanwhile
    with place:
        try:
            desk = _current(desk, drawing.subject.example, found)
            address = state.link(desk.view)
            record = gather(desk, drawing.subject.example, found, address=address, telling=_telling)
        except RecordError as fault:
            st.error(plain(str(fault)), icon=":material/error:")
            return
        for sentence in record.left_out:
            st.warning(plain(sentence), icon=":material/remove_circle:")
        _files(record)
        part(_figures, record)


def _current(desk: Desk, example: Example, found: Mapping[str, Explanation]) -> Desk:
    """The desk without a mask that was painted on another text, which has as many words by chance."""
    easel = st.session_state.get(paint_task.EASEL)
    slot = next(name for name in take_painted.READERS if name in found)
    sheet = paint_task.Task(desk, example, found, slot, 0, "").sheet
    if example.text is None or easel is None or easel.sheet == sheet:
        return desk
    return replace(desk, view=replace(desk.view, painted=""))


def _telling(what: str):
    return st.spinner(f"{what} …")


def _files(record: Record) -> None:
    from rekd.explanations.record import to_json
    from rekd.explanations.spreadsheet import table_csv, units_csv

    name = stem(record)
    with st.container(horizontal=True, key="take"):
        _button("Page (HTML)", "html", report.page(record), name, "text/html", ":material/web:", "primary")
        _button("Record (JSON)", "json", to_json(record), name, "application/json", ":material/data_object:")
        _button("Units (CSV)", "units.csv", units_csv(record), name, "text/csv", ":material/table_rows:")
        if record.table is not None:
            _button("Scores (CSV)", "scores.csv", table_csv(record), name, "text/csv", ":material/scoreboard:")
    kinds = "words or pieces" if record.input.text is not None else "patches"
    hand = " and what was painted" if record.painted else ""
    st.caption(
        f"Units: a line for each of the {kinds}, with every model's P(select) and mask, and every method's score{hand}."
        " Scores: the table of *Captum beside it*."
    )


def _button(label: str, ending: str, data: str | bytes, name: str, mime: str, icon: str, kind="secondary") -> None:
    data = data if isinstance(data, bytes) else data.encode("utf-8")
    st.download_button(
        label, data, f"{name}.{ending}", mime, icon=icon, type=kind, key=f"take_{ending}", on_click="ignore"
    )


def _figures(record: Record) -> None:
    drawn = report_figures.figures(record)
    with st.container(horizontal=True, vertical_alignment="bottom", key="take_figures"):
        chosen = st.selectbox("A single figure", list(drawn), key="take_figure", width=420)
        if chosen in drawn:
            name = f"{stem(record)}-{safe_name(chosen)}"
            _button("Figure (SVG)", "svg", drawn[chosen], name, "image/svg+xml", ":material/image:")
    if record.input.text is not None:
        st.caption("Figures of a text are its charts; the marked text itself stands in the page.")


def stem(record: Record) -> str:
    """What the files are called."""
    return f"rekd-{safe_name(record.task)}-{safe_name(record.input.id.split('/', 1)[-1])}"


def safe_name(text: str) -> str:
    """Letters, digits and dashes that every file system takes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "view"


def _open(desk: Desk) -> None:
    """Draw the way back; the file is read in a callback, so that the whole page shows its view at once."""
    st.subheader("Open a file made here", anchor=False)
    st.file_uploader(
        "A record (JSON) that Take away has made",
        type=["json"],
        key="w_record",
        on_change=_opened,
        max_upload_size=reopen.MEGABYTES,
    )
    _say_opened(desk)


def _say_opened(desk: Desk) -> None:
    """What came of the file, until something else is looked at."""
    session = st.session_state
    if session.setdefault("record_for", desk.view) != desk.view:
        _forget()
    for fault in session.get("record_faults", ()):
        st.error(plain(fault), icon=":material/broken_image:")
    for note in session.get("record_notes", ()):
        st.warning(plain(note), icon=":material/difference:")
    if done := session.get("record_opened", ""):
        st.success(plain(done), icon=":material/check:")


def _forget() -> None:
    for name in ("record_faults", "record_notes", "record_opened", "record_for"):
        st.session_state.pop(name, None)


def _opened() -> None:
    from rekd.explanations.record import RecordError

    state.touch()
    _forget()
    file = st.session_state["w_record"]
    if file is None:
        return
    try:
        record = reopen.record_in(file.getvalue())
        values, notes = reopen.view_of(record)
    except (RecordError, OSError) as fault:
        st.session_state["record_faults"] = [f"{fault} The view before it stays."]
        return
    st.session_state["record_notes"] = notes
    st.session_state.pop(paint_task.EASEL, None)  # its mask, if it has one, is painted on the input that it brings
    st.session_state["record_opened"] = f"{file.name[:80]} is open: {record.input.id}, made {record.date[:16]}."
    state.change(**values)

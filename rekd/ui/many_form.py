"""The form by which many inputs are given: pasted, as a CSV file, or as pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import many_given, many_kept, state
from rekd.ui.components import plain

if TYPE_CHECKING:
    from rekd.ui.frame import Desk
    from rekd.ui.many_given import Inputs

WAYS = {"paste": "Paste", "csv": "CSV file"}
CUTS = {"lines": "One text a line", "blocks": "Texts between empty lines"}
CSV_MEGABYTES, ZIP_MEGABYTES = 64, 512
Read = Callable[[], "Inputs"]


def form(desk: Desk) -> None:
    """Draw the form; what it reads becomes the batch of the view."""
    read = _pictures() if desk.modality == "image" else _texts()
    st.caption(f"At most {many_given.MOST} are read at a time; how many were left out is said.")
    pressed = st.button(
        "Show the table",
        type="primary",
        icon=":material/table_rows:",
        key="many_read",
        on_click=state.touch,
        disabled=read is None,
    )
    if pressed and read is not None:
        _take(read)


def _take(read: Read) -> None:
    from rekd.data.own import OwnDataError

    try:
        with st.spinner("Reading …"):
            batch = many_kept.keep_inputs(read())
    except (OwnDataError, OSError) as fault:
        st.error(plain(str(fault)), icon=":material/error:")
        return
    state.change(batch=batch, row=0, page=0, sift=state.SIFTS[0], order=state.ORDERS[0])
    st.rerun()


def _texts() -> Read | None:
    st.session_state.setdefault("many_way", "paste")
    st.segmented_control(
        "Where the texts come from",
        list(WAYS),
        format_func=WAYS.get,
        key="many_way",
        on_change=state.touch,
        label_visibility="collapsed",
    )
    return _table() if st.session_state["many_way"] == "csv" else _paste()


def _paste() -> Read:
    st.session_state.setdefault("many_cut", "lines")
    st.segmented_control(
        "How they are told apart", list(CUTS), format_func=CUTS.get, key="many_cut", on_change=state.touch
    )
    blocks = st.session_state["many_cut"] == "blocks"
    text = st.text_area(
        "Your texts",
        height=190,
        key="many_text",
        placeholder="Paste reviews, in any language and script.",
        on_change=state.touch,
    )
    return lambda: many_given.from_paste(text, blocks)


def _table() -> Read | None:
    from rekd.data.own import OwnDataError

    file = st.file_uploader(
        "A CSV file with a column of texts; a column of labels may stand beside it",
        type=["csv", "tsv", "txt"],
        key="many_csv",
        max_upload_size=CSV_MEGABYTES,
        on_change=state.touch,
    )
    if file is None:
        return None
    data = file.getvalue()
    try:
        names = many_given.columns(data)
    except OwnDataError as fault:
        st.error(plain(str(fault)), icon=":material/error:")
        return None
    return _columns(data, names, file.file_id)


def _columns(data: bytes, names: tuple[str, ...], mark: str) -> Read | None:
    """Ask which column is which; those that are named like a text and a label are chosen already."""
    text, label = many_given.guess(names)
    left, right = st.columns(2)
    with left:
        index = None if text is None else names.index(text)
        held = {"key": f"many_text_{mark}", "on_change": state.touch}
        text = st.selectbox("Text column", names, index, placeholder="Choose the column of the texts", **held)
    with right:
        options = [None, *(name for name in names if name != text)]
        held = {"key": f"many_label_{mark}", "on_change": state.touch}
        index = options.index(label) if label in options else 0
        label = st.selectbox("Label column", options, index, lambda name: "none" if name is None else name, **held)
    if text is None:
        st.caption("No column is named text, review, sentence or the like: choose the one that holds the texts.")
        return None
    return lambda: many_given.from_table(data, text, label)


def _pictures() -> Read | None:
    files = st.file_uploader(
        "Pictures (PNG, JPEG, WebP, GIF, BMP or TIFF), or a zip of them",
        accept_multiple_files=True,
        key="many_files",
        max_upload_size=ZIP_MEGABYTES,
        on_change=state.touch,
    )
    st.caption("In a zip, a folder named by a class labels what is in it.")
    if not files:
        return None
    return lambda: many_given.from_files([(file.name, file.getvalue()) for file in files])

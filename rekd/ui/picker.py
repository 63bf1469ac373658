"""The input: an example of a data set, a text or picture of one's own, or one of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import streamlit as st

from rekd import pictures
from rekd.ui import cache, jumps, keep, state
from rekd.ui.components import plain
from rekd.ui.share import share

if TYPE_CHECKING:
    from rekd.types import Example
    from rekd.ui.frame import Desk

LONGEST = 200_000
"""Characters of an own text that are handed to the readers, far beyond what any model reads."""
SPLIT = "test"


@dataclass(frozen=True, eq=False)
class Subject:
    """What is looked at. notes: what was changed on the way from the person's input to it."""

    example: Example
    notes: tuple[str, ...] = ()


def pick(desk: Desk) -> Subject | None:
    """Draw the input and return it; None, with a sentence drawn, where there is none yet."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        _switch(desk)
        share(desk.modality)
    if desk.view.given == "example":
        return _example(desk)
    if desk.view.given == "many":
        from rekd.ui.many import many

        return many(desk)
    return _own_text(desk) if desk.modality == "text" else _own_image(desk)


def _switch(desk: Desk) -> None:
    titles = {"example": "Example", "own": "Own picture", "many": "Many pictures"}
    if desk.modality == "text":
        titles |= {"own": "Own text", "many": "Many texts"}
    if st.session_state.get("w_given") != desk.view.given:
        st.session_state["w_given"] = desk.view.given
    st.segmented_control(
        "Input", list(titles), format_func=titles.get, label_visibility="collapsed", key="w_given", on_change=_give
    )


def _give() -> None:
    if given := st.session_state["w_given"]:  # a click on the chosen segment empties it: keep what was chosen
        state.change(own=given != "example", many=given == "many")


def _example(desk: Desk) -> Subject | None:
    from rekd.data import DataBroken, DataMissing

    if not desk.data_sets:
        st.info("No data set here has these models' labels. Use an input of your own.", icon=":material/database_off:")
        return None
    bar = st.container(horizontal=True, vertical_alignment="bottom", key="walk")
    if not _at_hand(desk):
        return None
    try:
        with st.spinner("Reading the data …"):
            rows = cache.split(desk.view.data, SPLIT)
    except (DataMissing, DataBroken) as fault:
        st.warning(plain(str(fault)), icon=":material/database_off:")
        return None
    index = min(desk.view.example, len(rows) - 1)
    if index != desk.view.example:
        there = f"{desk.view.data} has examples 0 to {len(rows) - 1:,}; {desk.view.example:,} is none of them"
        st.warning(f"{there}, and {index:,} is shown.")
        state.settle(replace(state.shown(), example=index))
    with bar:
        _walk(desk, index, len(rows))
    _jump(desk, index, rows.labels)
    example = rows[index]
    look = desk.specs[desk.view.data].look
    st.caption(f"True class: **{plain(desk.classes[example.label])}**. {_class_names(desk.classes)} {look}")
    return Subject(example)


def _class_names(classes: Sequence[str], most: int = 24) -> str:
    more = f" and {len(classes) - most} more" if len(classes) > most else ""
    return f"Classes: {plain(', '.join(classes[:most]))}{more}."


def _at_hand(desk: Desk) -> bool:
    """Whether the data can be read without asking the network; if not, offer to fetch them."""
    name = desk.view.data
    if cache.at_hand(name) or name in st.session_state.get("fetched", ()):
        return True
    st.info(_missing(desk), icon=":material/database_off:")
    st.button("Download it now", icon=":material/download:", key="fetch", on_click=_fetch, args=(name,))
    return False


def _fetch(name: str) -> None:
    st.session_state["fetched"] = (*st.session_state.get("fetched", ()), name)
    state.touch()


def _missing(desk: Desk) -> str:
    """The two ways to get a data set that is not here; nothing is asked of the network to say so."""
    spec = desk.specs[desk.view.data]
    files = ", ".join(dict.fromkeys(f"`{spec.folder}/{single}`" for single, _ in spec.files.values()))
    return (
        f"The examples of {plain(spec.title)} are not on this machine. Two ways to get them: start the app with the "
        f"environment variable `REKD_DATA` set to a folder that holds {files}; or, with a network and the package "
        f"`datasets`, download `{spec.hub_id}` from the Hugging Face Hub. An input of your own needs neither."
    )


def _walk(desk: Desk, index: int, total: int) -> None:
    def go(to: int) -> None:
        state.change(example=to % total)

    def draw() -> None:
        import secrets

        go(secrets.randbelow(total))

    st.number_input(f"Example, 0 to {total - 1:,}", 0, total - 1, step=1, width=170, **state.widget("example", index))
    st.button("Previous", icon=":material/chevron_left:", on_click=go, args=(index - 1,), key="previous")
    st.button("Next", icon=":material/chevron_right:", on_click=go, args=(index + 1,), key="next")
    st.button("Random", icon=":material/casino:", on_click=draw, key="random")
    with st.popover("Jump to next where …", icon=":material/fast_forward:"):
        for kind in jumps.offered(list(desk.chosen)):
            st.button(
                jumps.KINDS[kind], key=f"jump-{kind}", width="stretch", help=_help(kind), on_click=_ask, args=(kind,)
            )


def _ask(kind: str) -> None:
    st.session_state["jump"] = kind
    state.touch()


def _help(kind: str) -> str:
    if kind == "apart":
        return f"Of the next {jumps.REACH}, the one where teacher and REKD share the least of what they select."
    return f"Looks at up to {jumps.REACH} examples, from the next one on."


def _jump(desk: Desk, index: int, labels: Sequence[int]) -> None:
    """Search for the example asked for and go there; say how many were looked at."""
    if said := st.session_state.pop("jumped", ""):
        st.caption(said)
    kind = st.session_state.pop("jump", "")
    if not kind:
        return
    view, place = desk.view, (kind, desk.view.data, index)
    before, stop = st.session_state.get("looked", (None, 0))
    start = stop if before == place else (index + 1) % len(labels)

    def outcomes(slot: str, first: int, last: int):
        return cache.outcomes(desk.chosen[slot], view.data, first, last, view.rule, view.seed)

    try:
        with st.spinner(f"Looking for the next where {jumps.KINDS[kind]} …"):
            found = jumps.search(kind, start, labels, list(desk.chosen), outcomes)
    except ValueError as fault:  # a damaged model, or an example without a word
        st.warning(plain(str(fault)), icon=":material/error:")
        return
    if found.index is None:
        st.session_state["looked"] = (place, found.stop)
        last = (found.stop - 1) % len(labels)
        if found.looked == len(labels):
            st.caption(f"There is none where {jumps.KINDS[kind]}: {_looked(found.looked).lower()}, which is all.")
        else:
            seen = f"{_looked(found.looked)}, {start:,} to {last:,}"
            st.caption(f"{seen}: none where {jumps.KINDS[kind]}. Jump again to look on.")
        return
    st.session_state["jumped"] = f"Example {found.index:,}: {jumps.KINDS[kind]}. {_looked(found.looked)}."
    state.change(example=found.index)
    st.rerun()


def _looked(count: int) -> str:
    return f"Looked at {count} example{'' if count == 1 else 's'}"


def _own_text(desk: Desk) -> Subject | None:
    from rekd.types import Example

    if not desk.view.text.strip():
        _say_missing(desk)
    st.text_area(
        "Your text",
        height=150,
        placeholder="Type or paste a film review, in any language and script.",
        **state.widget("text", desk.view.text),
    )
    st.button("Show what was read", type="primary", key="show", on_click=state.touch)
    text = desk.view.text
    if not text.strip():
        st.info("Type a sentence or two, then press the button or Ctrl+Enter.", icon=":material/edit:")
        return None
    note = f"{len(text):,} characters were given; the first {LONGEST:,} are shown." if len(text) > LONGEST else ""
    return Subject(Example("own/text", text=text[:LONGEST]), (note,) if note else ())


def _say_missing(desk: Desk) -> None:
    if desk.data_sets and not any(cache.at_hand(name) for name in desk.data_sets):
        st.info(_missing(desk), icon=":material/database_off:")


def _own_image(desk: Desk) -> Subject | None:
    from rekd.types import Example

    pixels = keep.find_image(desk.view.upload)
    if pixels is None:
        _say_missing(desk)
    st.file_uploader(
        "Your picture: PNG, JPEG, WebP, GIF, BMP or TIFF",
        key="w_file",
        on_change=_take_file,
        max_upload_size=pictures.MEGABYTES,
    )
    if fault := st.session_state.get("file_fault", ""):
        st.error(plain(fault), icon=":material/broken_image:")
    look = desk.specs[desk.view.task].look if desk.view.task in desk.specs else ""
    st.caption(f"{_class_names(desk.classes)} {look}")
    if pixels is None:
        st.info("Choose a picture. Its centre is cropped and scaled to what the models read.", icon=":material/image:")
        return None
    notes = st.session_state.get("file_notes", {}).get(desk.view.upload, ())
    return Subject(Example("own/picture", image=pixels), notes)


def _take_file() -> None:
    """Decode a new upload; a file that can't be read leaves the picture before it in place."""
    state.touch()
    st.session_state["file_fault"] = ""
    file = st.session_state["w_file"]
    if file is None:
        return
    try:
        opened = pictures.open_image(file.getvalue(), file.name)
        name = keep.keep_image(opened.pixels)
    except (pictures.PictureError, OSError) as error:
        st.session_state["file_fault"] = f"{error}{' The picture before it stays.' * bool(state.shown().upload)}"
        return
    st.session_state["file_notes"] = {name: opened.notes}
    state.change(upload=name)

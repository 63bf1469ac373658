"""Own data: read, looked at with what is wrong in it, and kept as a data set."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from rekd.ui import form_state
from rekd.ui.components import plain

if TYPE_CHECKING:
    from rekd.data.own import Draft

WAYS = {"csv": "CSV file", "images": "Pictures in folders", "hub": "Hugging Face Hub"}
MEGABYTES = 1024
MOST_CLASSES, MOST_BAD, LETTERS = 12, 200, 160


def own() -> None:
    """Draw the way from a file, folder or Hub id to a data set that is kept."""
    from rekd.data.own import OwnDataError

    st.segmented_control(
        "Where it comes from",
        list(WAYS),
        format_func=WAYS.get,
        default="csv",
        key=_key("own_way"),
        on_change=form_state.touch,
    )
    way = st.session_state.get(_key("own_way")) or "csv"
    try:
        read = {"csv": _csv, "images": _images, "hub": _hub}[way]()
        draft = None if read is None else _read(*read)
    except OwnDataError as fault:
        st.error(plain(str(fault)), icon=":material/error:")
        return
    if draft is not None:
        _preview(draft)
        _keep(draft)


def _key(name: str) -> str:
    """A widget's key; another round of it after something was kept."""
    return f"{name}_{st.session_state.get('own_round', 0)}"


def _read(key: tuple, read: Callable[[], Draft]) -> Draft:
    """The draft of a source; read once while nothing of it changes."""
    held = st.session_state.get("own_draft")
    if held is None or held[0] != key:
        with st.spinner("Reading …"):
            held = st.session_state["own_draft"] = (key, read())
    return held[1]


def _upload(label: str, kinds: list[str]) -> Any:
    return st.file_uploader(
        label, type=kinds, key=_key(f"own_file_{kinds[0]}"), max_upload_size=MEGABYTES, on_change=form_state.touch
    )


def _typed(label: str, key: str, placeholder: str) -> str:
    return st.text_input(label, key=_key(key), placeholder=placeholder, on_change=form_state.touch).strip()


def _csv():
    from rekd.data.own import columns, guess_columns, read_csv

    file = _upload("A CSV file with a text column and a label column", ["csv", "tsv", "txt"])
    path = _typed("or a file on this computer", "own_csv_path", "~/data/reviews.csv")
    if file is None and not path:
        return None
    source = Path(path).expanduser() if file is None else file.getvalue()
    mark = ("csv", path or f"{file.file_id}") if file is None else ("csv", file.file_id)
    names = list(columns(source))
    text, label = guess_columns(names)
    left, right = st.columns(2)
    with left:
        text = st.selectbox(
            "Text column", names, names.index(text), key=f"own_text_{mark[1]}", on_change=form_state.touch
        )
    with right:
        label = st.selectbox(
            "Label column", names, names.index(label), key=f"own_label_{mark[1]}", on_change=form_state.touch
        )
    return (*mark, text, label), lambda: read_csv(source, text, label)


def _images():
    from rekd.data.own import read_images

    file = _upload("A zip of folders, each named by its class", ["zip"])
    path = _typed("or a folder on this computer", "own_images_path", "~/pictures")
    if file is None and not path:
        return None
    source = Path(path).expanduser() if file is None else file.getvalue()
    return ("images", path if file is None else file.file_id), lambda: read_images(source)


def _hub():
    from rekd.data.own import read_hub

    name = _typed("Id of a data set on the Hub", "own_hub", "name/data-set")
    left, right = st.columns(2)
    with left:
        content = _typed("Column of texts or pictures (empty: guessed)", "own_hub_content", "text")
    with right:
        label = _typed("Column of labels (empty: guessed)", "own_hub_label", "label")
    if not name or not st.toggle("Download it", key=_key("own_hub_go"), on_change=form_state.touch):
        return None
    return ("hub", name, content, label), lambda: read_hub(name, content, label)


def _preview(draft: Draft) -> None:
    """Class counts, splits, bad rows by number and reason, and a few good ones."""
    parts = ", ".join(f"{size:,} {split}" for split, size in draft.splits.items())
    st.markdown(f"**{draft.rows:,} good rows, {len(draft.classes)} classes** · {parts}")
    for note in draft.notes:
        st.caption(plain(note))
    left, right = st.columns(2, gap="medium")
    with left:
        st.html(_counts(draft))
    with right:
        _samples(draft)
    if draft.bad_count:
        shown = [{"row": str(bad.number), "why it is left out": bad.reason} for bad in draft.bad[:MOST_BAD]]
        more = f"; the first {len(shown)} are shown" if draft.bad_count > len(shown) else ""
        left = "1 row is left out" if draft.bad_count == 1 else f"{draft.bad_count:,} rows are left out"
        st.markdown(f"**{left}**{more}")
        st.dataframe(shown, hide_index=True, height=min(300, 38 + 36 * len(shown)), width="stretch")
    else:
        st.caption("No row is left out.")


def _counts(draft: Draft) -> str:
    """Classes with their number of rows as bars, the largest first."""
    order = sorted(draft.counts.items(), key=lambda pair: -pair[1])
    most = max(1, order[0][1])
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{count:,}</td><td style="width:45%"><div class="rk-bar">'
        f'<span style="width:{100 * count / most:.0f}%"></span></div></td></tr>'
        for name, count in order[:MOST_CLASSES]
    )
    more = f'<p class="rk-note">and {len(order) - MOST_CLASSES} more classes</p>' if len(order) > MOST_CLASSES else ""
    return f'<table class="rk-table" aria-label="Rows of each class"><tbody>{rows}</tbody></table>{more}'


def _samples(draft: Draft) -> None:
    pictures = [each for each in draft.samples if each.image is not None]
    if pictures:
        with st.container(horizontal=True):
            for each in pictures[:8]:
                st.image(each.image, caption=plain(each.label), width=84)
        return
    for each in draft.samples[:4]:
        text = " ".join((each.text or "").split())
        st.markdown(f"**{plain(each.label)}**: {plain(text[:LETTERS])}{' …' if len(text) > LETTERS else ''}")


def _keep(draft: Draft) -> None:
    from rekd.data.own import SIZES, usual_rate

    columns = st.columns([2, 1, 1], vertical_alignment="bottom")
    with columns[0]:
        name = st.text_input(
            "Name of the data set", value=Path(draft.source).stem[:40], key=_key("own_name"), on_change=form_state.touch
        )
    with columns[1]:
        usual = usual_rate(draft.modality)
        rate = st.number_input("Rate", 0.01, 1.0, usual, 0.01, key=_key("own_rate"), on_change=form_state.touch)
    side = 0
    if draft.modality == "image":
        with columns[2]:
            side = st.selectbox("Pixels a side", SIZES, 1, key=_key("own_side"), on_change=form_state.touch)
    icon = ":material/save:"
    if st.button("Keep as data set", type="primary", icon=icon, key="own_keep", on_click=form_state.touch):
        _kept(draft, name, rate, side)


def _kept(draft: Draft, name: str, rate: float, side: int) -> None:
    from rekd.data.own import OwnDataError, keep
    from rekd.ui.form_data import take_task

    try:
        with st.spinner("Keeping …"):
            spec = keep(draft, name, rate=rate, **({"image_size": side} if side else {}))
    except (OwnDataError, OSError) as fault:
        st.error(plain(str(fault)), icon=":material/error:")
        return
    st.session_state.pop("own_draft", None)
    st.session_state["own_done"] = spec.title
    take_task(spec.name)
    st.rerun()

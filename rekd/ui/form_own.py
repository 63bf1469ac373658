"""Own data: read, looked at with what is wrong in it, and kept as a data set."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Given:
    """A source of data as a person named it.

    mark: tells it from others, in the keys of widgets too. state: differs once its content does. name: of an upload.
    """

    mark: str
    state: tuple
    source: Path | bytes | str
    name: str = ""


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
    ask, read = {"csv": (_ask_csv, _csv), "images": (_ask_images, _images), "hub": (_ask_hub, _hub)}[way]
    if (given := ask()) is None:
        return
    if not given.name:
        about = "Reads it once more, such as after a change, or when the Hub did not answer."
        st.button("Read again", icon=":material/refresh:", help=about, key="own_again", on_click=_forget)
    try:
        draft = read(given)
    except OwnDataError as fault:
        st.error(plain(str(fault)), icon=":material/error:")
        return
    _preview(draft)
    _keep(draft, given.mark)


def _key(name: str) -> str:
    """A widget's key; another round of it after something was kept."""
    return f"{name}_{st.session_state.get('own_round', 0)}"


def _held(slot: str, key: tuple, read: Callable[[], Any]) -> Any:
    """What was read, once while nothing of the source changes, whether it can be used or not.

    Raises:
        OwnDataError: as `read` did.
    """
    from rekd.data.own import OwnDataError

    held = st.session_state.get(slot)
    if held is None or held[0] != key:
        try:
            with st.spinner("Reading …"):
                held = (key, read(), "")
        except OwnDataError as fault:
            held = (key, None, str(fault))
        st.session_state[slot] = held
    if held[2]:
        raise OwnDataError(held[2])
    return held[1]


def _forget() -> None:
    """The callback of what makes the source be read again."""
    for slot in ("own_columns", "own_draft"):
        st.session_state.pop(slot, None)
    form_state.touch()


def _upload(label: str, kinds: list[str]) -> Any:
    return st.file_uploader(
        label, type=kinds, key=_key(f"own_file_{kinds[0]}"), max_upload_size=MEGABYTES, on_change=form_state.touch
    )


def _typed(label: str, key: str, placeholder: str) -> str:
    return st.text_input(label, key=_key(key), placeholder=placeholder, on_change=form_state.touch).strip()


def _given(file: Any, path: str) -> Given | None:
    """An upload, which is never written to, before a path."""
    if file is not None:
        return Given(file.file_id, (), file.getvalue(), file.name)
    where = Path(os.path.expanduser(path))
    return Given(path, _state(where), where) if path else None


def _state(path: Path) -> tuple[int, ...]:
    """Times and sizes that change when a file is written, or a folder or one right below it gains or loses a file."""
    try:
        folders = [each for each in os.scandir(path) if each.is_dir()] if path.is_dir() else []
        looks = [path.stat(), *(each.stat() for each in sorted(folders, key=lambda each: each.name))]
    except OSError:
        return ()
    return tuple(number for look in looks for number in (look.st_mtime_ns, look.st_size))


def _ask_csv() -> Given | None:
    st.caption(
        "Models of texts begin from the weights of a pretrained encoder: the Hugging Face Hub is asked for them once, "
        "or they lie in a folder on this computer that is named as the backbone."
    )
    file = _upload("A CSV file with a text column and a label column", ["csv", "tsv", "txt"])
    return _given(file, _typed("or a file on this computer", "own_csv_path", "~/data/reviews.csv"))


def _csv(given: Given) -> Draft:
    from rekd.data.own import columns, guess_columns, read_csv

    key = ("csv", given.mark, given.state)
    names = _held("own_columns", key, lambda: list(columns(given.source)))
    text, label = guess_columns(names)
    left, right = st.columns(2)
    with left:
        text = _column("Text column", names, text, f"own_text_{given.mark}")
    with right:
        label = _column("Label column", names, label, f"own_label_{given.mark}")
    return _held("own_draft", (*key, text, label), lambda: read_csv(given.source, text, label, name=given.name))


def _column(title: str, names: list[str], guessed: str, key: str) -> str:
    return st.selectbox(title, names, names.index(guessed), key=key, on_change=form_state.touch)


def _ask_images() -> Given | None:
    file = _upload("A zip of folders, each named by its class", ["zip"])
    return _given(file, _typed("or a folder on this computer", "own_images_path", "~/pictures"))


def _images(given: Given) -> Draft:
    from rekd.data.own import read_images

    key = ("images", given.mark, given.state)
    return _held("own_draft", key, lambda: read_images(given.source, name=given.name))


def _ask_hub() -> Given | None:
    name = _typed("Id of a data set on the Hub", "own_hub", "name/data-set")
    left, right = st.columns(2)
    with left:
        content = _typed("Column of texts or pictures (empty: guessed)", "own_hub_content", "text")
    with right:
        label = _typed("Column of labels (empty: guessed)", "own_hub_label", "label")
    if not name or not st.toggle("Download it", key=_key("own_hub_go"), on_change=form_state.touch):
        return None
    return Given(name, (content, label), name)


def _hub(given: Given) -> Draft:
    from rekd.data.own import read_hub

    return _held("own_draft", ("hub", given.mark, given.state), lambda: read_hub(given.mark, *given.state))


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
        where = "line" if isinstance(draft.bad[0].number, int) else "file"
        shown = [{where: str(bad.number), "why it is left out": bad.reason} for bad in draft.bad[:MOST_BAD]]
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


def _keep(draft: Draft, mark: str) -> None:
    """Ask what the data set will be called, with which rate, and keep it; another source has a name of its own."""
    from rekd.data.own import SIZES, usual_rate

    def key(name: str) -> str:
        return _key(f"own_{name}_{mark}")

    columns = st.columns([2, 1, 1], vertical_alignment="bottom")
    with columns[0]:
        called = Path(draft.source).stem[:40]
        name = st.text_input("Name of the data set", called, key=key("name"), on_change=form_state.touch)
    with columns[1]:
        usual = usual_rate(draft.modality)
        rate = st.number_input("Rate", 0.01, 1.0, usual, 0.01, key=key("rate"), on_change=form_state.touch)
    side = 0
    if draft.modality == "image":
        with columns[2]:
            side = st.selectbox("Pixels a side", SIZES, 1, key=key("side"), on_change=form_state.touch)
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
    _forget()
    st.session_state["own_done"] = spec.title
    take_task(spec.name)
    st.rerun()

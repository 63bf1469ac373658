"""The watched examples: eight inputs of dev, drawn or named, shown small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from rekd.config import MOST_WATCHED, TrainConfig
from rekd.ui import cache, form_state
from rekd.ui.components import plain
from rekd.ui.form_fields import bound, put

LETTERS = 140
"""Letters of a text that are shown."""


def watched(values: Mapping[str, Any]) -> None:
    """Draw them with the ways to choose others; nothing where the data are not at hand."""
    from rekd.data import DataBroken, DataMissing
    from rekd.training.rows import at_hand
    from rekd.training.watch import watched_rows

    if not at_hand(values["task"]):
        st.caption("They are drawn when the data are at hand: eight, spread over the classes.")
        return
    try:
        with st.spinner("Reading dev …"):
            dev = cache.split(values["task"], "dev")
    except (DataMissing, DataBroken, ValueError) as fault:
        st.caption(plain(str(fault)))
        return
    asked = [row for row in values["watched"] if 0 <= row < len(dev)][:MOST_WATCHED]
    rows = tuple(asked) or watched_rows(TrainConfig(task=values["task"], kind="cls"), dev)
    _ways(rows, bool(asked), len(dev))
    _pictures(dev, rows) if dev.images is not None else _texts(dev, rows)


def _ways(rows: Sequence[int], own: bool, size: int) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        about = f"Rows of dev, 0 to {size - 1:,}, up to eight, such as 3, 14, 15."
        st.text_input(
            "Row numbers", help=about, width=330, **bound("f_watched", ", ".join(map(str, rows)), _take, size)
        )
        st.button("Draw others", icon=":material/casino:", key="f_draw", on_click=_draw, args=(size,))
        if own:
            st.button("The usual eight", icon=":material/undo:", key="f_usual", on_click=put, kwargs={"watched": ()})
    if fault := form_state.complaint("watched"):
        st.caption(f":orange[:material/error:] {plain(fault)}")


def _take(text: str, size: int) -> None:
    try:
        rows = tuple(dict.fromkeys(int(part) for part in text.replace(";", ",").replace(" ", ",").split(",") if part))
    except ValueError:
        form_state.complain("watched", f"“{text[:30]}” are no row numbers; write them such as 3, 14, 15.")
        return
    if beyond := [row for row in rows if not 0 <= row < size]:
        there = ", ".join(map(str, beyond[:5]))
        form_state.complain("watched", f"dev has rows 0 to {size - 1:,}; it has no row {there}.")
        return
    put(watched=rows[:MOST_WATCHED])
    if len(rows) > MOST_WATCHED:
        form_state.complain("watched", f"At most {MOST_WATCHED} are watched; the first {MOST_WATCHED} are taken.")


def _draw(size: int) -> None:
    import random

    put(watched=tuple(sorted(random.SystemRandom().sample(range(size), min(MOST_WATCHED, size)))))


def _pictures(dev, rows: Sequence[int]) -> None:
    with st.container(horizontal=True):
        for row in rows:
            label = plain(dev.classes[int(dev.labels[row])])
            st.image(dev.images[row], caption=f"{row}: {label}", width=72)


def _texts(dev, rows: Sequence[int]) -> None:
    for row in rows:
        text = " ".join(dev.texts[row].split())
        short = text[:LETTERS] + (" …" if len(text) > LETTERS else "")
        st.markdown(f"**{row}** · {plain(dev.classes[int(dev.labels[row])])}: {plain(short)}")

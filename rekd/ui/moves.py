"""Max-sensitivity of the score table's rows: it takes many times as long as the scores, so a person asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import attributing, lineup, state
from rekd.ui.progress import Progress

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from rekd.checkpoints import Info
    from rekd.types import Example, Explanation, Score
    from rekd.ui.frame import Desk


def measured(desk: Desk, example: Example, items: Mapping[str, Explanation]) -> dict[str, Score]:
    """Max-sensitivity of each row that is known, after the button for what is not was drawn, or pressed.

    Args:
        items: what the table scores, by name of the row.
    """
    found, missing = {}, {}
    for name, item, info in _rows(desk, items):
        try:
            found[name] = attributing.sensitivity(info, example, item, only_known=True)
        except attributing.Absent:
            missing[name] = (item, info)
    if not missing:
        return found
    place = st.empty()
    if st.session_state.get("moves") != example.key:
        _offer(place, missing, example)
        return found
    for name, (item, info) in missing.items():
        heard = Progress(place, f"max-sensitivity of {name}", attributing.moves(info, example, item))
        found[name] = attributing.sensitivity(info, example, item, heard=heard)
    place.empty()
    return found


def _rows(desk: Desk, items: Mapping[str, Explanation]) -> Iterator[tuple[str, Explanation, Info]]:
    slots = {name: slot for slot, name in lineup.row_names(desk.chosen).items()}
    for name, item in items.items():
        yield name, item, desk.chosen[slots[name] if item.method == "rationale" else desk.view.explain]


def _offer(place: DeltaGenerator, missing: Mapping[str, tuple[Explanation, Info]], example: Example) -> None:
    """The button, with the time it will take here told first."""
    seconds = sum(_seconds(info, example, item) for item, info in missing.values())
    with place.container(horizontal=True, vertical_alignment="center"):
        st.button("Measure max-sensitivity", icon=":material/timer:", key="moves-go", on_click=_go, args=(example.key,))
        st.caption(f"About {_told(seconds)} on this machine; any click stops it, and what is done by then stays.")


def _seconds(info: Info, example: Example, item: Explanation) -> float:
    """From how long the explanation itself took."""
    took = float(item.details.get("seconds", 0.0))
    once = 1 if item.method == "rationale" else max(1, attributing.passes(info, example, item.method))
    return took / once * attributing.moves(info, example, item)


def _told(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def _go(key: str) -> None:
    st.session_state["moves"] = key
    state.touch()

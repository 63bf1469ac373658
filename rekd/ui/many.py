"""Many inputs: a table with a small rationale per input and model, and the way into each input and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import many_cache, many_rows, state
from rekd.ui.components import plain
from rekd.ui.many_board import Table
from rekd.ui.many_form import form
from rekd.ui.picker import Subject

if TYPE_CHECKING:
    from rekd.ui.frame import Desk
    from rekd.ui.many_given import Inputs


OUTSIDE = "this input is none of those in the table."
UNKNOWN = "the table in its order was not drawn yet."


def many(desk: Desk) -> Subject | None:
    """Draw the table of a batch, or the form where there is none; the input that is opened, None where none is."""
    inputs = many_cache.found(desk.view.batch)
    if inputs is None or inputs.modality != desk.modality:
        form(desk)
        return None
    labels, foreign = many_rows.indices(inputs.labels, desk.classes)
    if desk.view.row:
        return _opened(desk, inputs, labels)
    _about(inputs, foreign)
    with st.expander("Other inputs", icon=":material/playlist_add:"):
        form(desk)
    Table(desk, inputs, labels).draw()
    return None


def _opened(desk: Desk, inputs: Inputs, labels: Sequence[int | None]) -> Subject:
    """One input in the full view, with the way back and to its neighbours."""
    total, number = len(inputs), min(desk.view.row, len(inputs))
    if number != desk.view.row:
        st.warning(f"The batch has inputs 1 to {total}; {desk.view.row:,} is none of them, and {number} is shown.")
        state.settle(replace(state.shown(), row=number))

    _walk(Table(desk, inputs, labels), number)
    label = labels[number - 1]
    said = "" if label is None else f" True class: **{plain(desk.classes[label])}**."
    st.caption(f"Input {number} of {total}: {plain(inputs.names[number - 1])}.{said}")
    return Subject(inputs.example(number - 1, label))


def _walk(table: Table, number: int) -> None:
    """The way back to the table, and to the inputs that stand before and after this one there."""
    known = table.numbers()
    order = known if known and number in known else range(1, len(table.inputs) + 1)

    def go(steps: int) -> None:
        state.change(row=order[(order.index(number) + steps) % len(order)])

    with st.container(horizontal=True, vertical_alignment="center", key="many-walk"):
        icon = ":material/table_rows:"
        st.button("Back to the table", icon=icon, key="many_back", on_click=state.change, kwargs={"row": 0})
        st.button("Previous", icon=":material/chevron_left:", key="many_previous", on_click=go, args=(-1,))
        st.button("Next", icon=":material/chevron_right:", key="many_next", on_click=go, args=(1,))
        if order is known and not table.by_number:
            st.caption(f"Line {order.index(number) + 1} of {len(order)} in the table")
        elif not table.by_number:
            st.caption("Previous and Next go by number: " + (UNKNOWN if known is None else OUTSIDE))


def _about(inputs: Inputs, foreign: str) -> None:
    """How many inputs there are, and what was left out with its reason."""
    total = len(inputs)
    said = [f"{total} input{'s' * (total != 1)}"]
    if inputs.empty:
        said.append(f"{inputs.empty:,} empty line{'s' * (inputs.empty != 1)} skipped")
    if inputs.beyond:
        said.append(f"{inputs.beyond:,} more beyond the first {total}, left out")
    st.markdown(f"**{said[0]}**{''.join(f' · {plain(more)}' for more in said[1:])}")
    for note in (*inputs.notes, *filter(None, [foreign])):
        st.caption(plain(note))
    if inputs.bad_count:
        count = f"{inputs.bad_count:,} left out: which, and why"
        with st.expander(count, icon=":material/rule:"):
            if inputs.bad_count > len(inputs.bad):
                st.caption(f"The first {len(inputs.bad)} of them:")
            st.markdown("\n".join(f"- {plain(name)}: {plain(reason)}" for name, reason in inputs.bad))

"""The row of cards: what each model selected, and what it said from that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import cache, components, details, figures, lineup, scores, state

if TYPE_CHECKING:
    from rekd.checkpoints import Info
    from rekd.types import Explanation
    from rekd.ui.frame import Desk
    from rekd.ui.picker import Subject

SHOWS = {"mask": "Selected", "select": "P(select)", "difference": "Difference to the teacher"}
SHOW_HELP = (
    "Selected: the hard mask of the mask rule, all that the predictor sees. P(select): how likely each unit is to be "
    "selected, without noise. Difference: against what the teacher selected."
)


@dataclass(frozen=True, eq=False)
class Drawing:
    """How masks are drawn in this run: the view, and the teacher's mask where a difference is to be seen."""

    subject: Subject
    show: str
    teacher: Explanation | None = None

    def draw(self, info: Info, item: Explanation, tone: str, label: str) -> str:
        """The input with the explanation's marks on it, as HTML."""
        read = cache.reading(info, self.subject.example)
        show, reference = self.show, None
        if item.rule == "all":
            show = "whole"
        elif show == "difference" and self.teacher is not None and self.teacher is not item:
            reference = scores.align(self.teacher.mask, self.teacher.units, item.units, False)
        else:
            show = "mask" if show == "difference" else show
        text = self.subject.example.text
        if text is None:
            return figures.on_image(read.pictures[0], item, label, tone, show, reference)
        return figures.on_text(text, read.stops[0], item, label, tone, show, reference)


def switch(desk: Desk) -> str:
    """Draw the switch between the views with its legend; returns the view that can be shown."""
    offered = [show for show in state.SHOWS if show != "difference" or "teacher" in desk.chosen]
    show = desk.view.show if desk.view.show in offered else "mask"
    st.segmented_control(
        "Show",
        offered,
        format_func=SHOWS.get,
        help=SHOW_HELP,
        label_visibility="collapsed",
        **state.widget("show", show),
    )
    st.html(components.legend(show, desk.modality == "image"))
    return show


def cards(desk: Desk, subject: Subject) -> tuple[dict[str, Explanation], Drawing] | None:
    """Draw one card a model, each as soon as it is computed; None, with a sentence, where there is nothing to show."""
    from rekd.checkpoints import CheckpointError
    from rekd.units import NothingToRead

    for note in subject.notes:
        st.caption(note)
    show = switch(desk)
    with st.container(key="cards"):
        columns = st.columns(len(desk.chosen))
    places = [
        column.container(border=True, height="stretch", key=f"card-{slot}")
        for slot, column in zip(desk.chosen, columns, strict=True)
    ]
    found: dict[str, Explanation] = {}
    try:
        for (slot, info), place in zip(desk.chosen.items(), places, strict=True):
            with place:
                try:
                    with st.spinner(f"{info.name} is reading …"):
                        found[slot] = cache.rationale(info, subject.example, desk.view.rule, desk.view.seed)
                except CheckpointError as fault:
                    st.error(components.plain(str(fault)), icon=":material/folder_off:")
                    continue
                _card(slot, info, found[slot], Drawing(subject, show, found.get("teacher")))
    except NothingToRead as nothing:
        st.info(components.plain(str(nothing)), icon=":material/edit:")
        return None
    return (found, Drawing(subject, show, found.get("teacher"))) if found else None


def _card(slot: str, info: Info, item: Explanation, drawing: Drawing) -> None:
    tone, title = lineup.TONES[slot], lineup.title(slot, info)
    example = drawing.subject.example
    tags = ["exhibit"] if info.role == "exhibit" else []
    read = cache.reading(info, example)
    note, cut = read.notes[0], example.text is not None and read.stops[0] < len(example.text)
    repaired = "The rule selected nothing; the unit with the largest P(select) was kept." if item.repaired else ""
    st.html(
        components.toned(
            tone,
            components.head(title, info.name, tags),
            components.verdict(item.prediction, info.config.classes, example.label),
            components.counted(item, cut=cut),
            _against(item, drawing),
            drawing.draw(info, item, tone, f"{title} ({info.name})"),
            components.note(note and f"This model {note}.", repaired),
        )
    )
    details.popover(info)


def _against(item: Explanation, drawing: Drawing) -> str:
    """In the difference view, the three counts in words."""
    if drawing.show != "difference" or drawing.teacher in (None, item) or item.rule == "all":
        return ""
    reference = scores.align(drawing.teacher.mask, drawing.teacher.units, item.units, False)
    both, theirs, own = figures.tally(item.mask, reference)
    return components.note(f"{both} agreed, {theirs} only the teacher, {own} only this one")


def budget(desk: Desk, found: Mapping[str, Explanation]) -> tuple[int, str]:
    """The number of units that everything below is cut to, and whose it is: REKD's, else another's that selects."""
    for slot in ("rekd", "re", "teacher"):
        if slot in found:
            return found[slot].count, f"as many as {desk.chosen[slot].name} selected"
    from rekd import masks

    slot, item = next(iter(found.items()))
    info = desk.chosen[slot]
    return masks.budget(len(item.mask), info.config.rate), f"the rate p = {info.config.rate:g}"

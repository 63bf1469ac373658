"""The row of cards: what each model selected, and what it said from that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import cache, components, details, difference, figures, lineup, scores, state
from rekd.ui.leaks import leak_line, leaks

if TYPE_CHECKING:
    from rekd.checkpoints import Info
    from rekd.types import Explanation
    from rekd.ui.frame import Desk
    from rekd.ui.picker import Subject

SHOWS = {"mask": "Selected", "select": "P(select)", "difference": "Difference"}
SHOW_HELP = (
    "Selected: the hard mask of the mask rule, all that the predictor sees. P(select): how likely each unit is to be "
    "selected, without noise. Difference: against what another model selected. " + difference.HELP
)


@dataclass(frozen=True, eq=False)
class Drawing:
    """How masks are drawn in this run: the view, and whose mask a difference is taken to.

    reference: None where no model selects. whose: what its model is called.
    """

    subject: Subject
    show: str
    reference: Explanation | None = None
    whose: str = ""

    def differs(self, item: Explanation) -> bool:
        """Whether the difference of this explanation to the reference is what is shown."""
        return self.show == "difference" and self.reference not in (None, item) and item.rule != "all"

    def draw(self, info: Info, item: Explanation, tone: str, label: str) -> str:
        """The input with the explanation's marks on it, as HTML."""
        read = cache.reading(info, self.subject.example)
        show, reference = self.show, None
        if item.rule == "all":
            show = "whole"
        elif self.differs(item):
            reference = scores.align(self.reference.mask, self.reference.units, item.units, False)
        else:
            show = "mask" if show == "difference" else show
        text = self.subject.example.text
        if text is None:
            return figures.on_image(read.pictures[0], item, label, tone, show, reference, self.whose)
        return figures.on_text(text, read.stops[0], item, label, tone, show, reference)


def switch(desk: Desk) -> tuple[str, str]:
    """Draw the switch between the views with its legend; returns the view and the slot that differences are taken to.

    The slot is "" where no model selects.
    """
    selecting = [slot for slot, info in desk.chosen.items() if info.config.selects]
    offered = [show for show in state.SHOWS if show != "difference" or selecting]
    show = desk.view.show if desk.view.show in offered else "mask"
    against = desk.view.against if desk.view.against in selecting else next(iter(selecting), "")
    with st.container(horizontal=True, vertical_alignment="center", key="shows"):
        st.segmented_control(
            "Show",
            offered,
            format_func=SHOWS.get,
            help=SHOW_HELP,
            label_visibility="collapsed",
            **state.widget("show", show),
        )
        if show == "difference" and len(selecting) > 1:
            st.segmented_control(
                "Difference to",
                selecting,
                format_func=lambda slot: f"to {_called(desk, slot)}",
                label_visibility="collapsed",
                **state.widget("against", against),
            )
    st.html(components.legend(show, desk.modality == "image", _called(desk, against)))
    return show, against


def _called(desk: Desk, slot: str) -> str:
    """A slot's model within a sentence."""
    name = lineup.row_names(desk.chosen).get(slot, "")
    return "the teacher" if name == "Teacher" else name


def cards(desk: Desk, subject: Subject) -> tuple[dict[str, Explanation], Drawing] | None:
    """Draw one card a model, each as soon as it is computed; None, with a sentence, where there is nothing to show."""
    from rekd.checkpoints import CheckpointError
    from rekd.units import NothingToRead

    for note in subject.notes:
        st.caption(note)
    show, against = switch(desk)
    with st.container(key="cards"):
        columns = st.columns(len(desk.chosen))
    places = [
        column.container(border=True, height="stretch", key=f"card-{slot}")
        for slot, column in zip(desk.chosen, columns, strict=True)
    ]
    found: dict[str, Explanation] = {}
    try:
        drawing = _drawing(desk, subject, show, against)
        for (slot, info), place in zip(desk.chosen.items(), places, strict=True):
            with place:
                try:
                    with st.spinner(f"{info.name} is reading …"):
                        found[slot] = cache.rationale(info, subject.example, desk.view.rule, desk.view.seed)
                except CheckpointError as fault:
                    st.error(components.plain(str(fault)), icon=":material/folder_off:")
                    continue
                _card(slot, info, found[slot], drawing)
    except NothingToRead as nothing:
        st.info(components.plain(str(nothing)), icon=":material/edit:")
        return None
    return (found, drawing) if found else None


def _drawing(desk: Desk, subject: Subject, show: str, against: str) -> Drawing:
    """How cards and panels are drawn; what a difference is taken to is computed first, wherever its card stands."""
    from rekd.checkpoints import CheckpointError

    if not against or show != "difference":
        return Drawing(subject, show)
    try:
        item = cache.rationale(desk.chosen[against], subject.example, desk.view.rule, desk.view.seed)
    except CheckpointError:  # its own card says what is wrong
        return Drawing(subject, "mask")
    return Drawing(subject, show, item, _called(desk, against))


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
            drawing.draw(info, item, tone, f"{title} ({info.name})"),
            _against(item, drawing),
            components.note(note and f"This model {note}.", repaired),
            leak_line(leaks(info.metrics) if info.config.selects else None),
        )
    )
    details.popover(info)


def _against(item: Explanation, drawing: Drawing) -> str:
    """In the difference view, what both selected and what one alone, in words and numbers."""
    if not drawing.differs(item):
        return ""
    found = difference.compare(item, drawing.reference)
    return difference.described(item, found, drawing.whose, drawing.subject.example.text)


def budget(desk: Desk, found: Mapping[str, Explanation]) -> tuple[int, str]:
    """The number of units that everything below is cut to, and whose it is: REKD's, else another's that selects."""
    for slot in ("rekd", "re", "teacher"):
        if slot in found:
            return found[slot].count, f"as many as {desk.chosen[slot].name} selected"
    from rekd import masks

    slot, item = next(iter(found.items()))
    info = desk.chosen[slot]
    return masks.budget(len(item.mask), info.config.rate), f"the rate p = {info.config.rate:g}"

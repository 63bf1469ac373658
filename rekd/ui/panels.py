"""The row of methods beside the rationales, filled panel by panel, the cheapest first; then second seeds are run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import attributing, components, state
from rekd.ui.components import plain
from rekd.ui.facts import facts
from rekd.ui.progress import Progress

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from rekd.checkpoints import Info
    from rekd.types import Explanation
    from rekd.ui.cards import Drawing
    from rekd.ui.frame import Desk

BESIDE = 4
"""Panels in one row; its columns share the width."""
RUNS = "the second seed runs now"


@dataclass(frozen=True, eq=False)
class Place:
    """Where one panel stands. body: what it shows. bar: how far its computation is, or what went wrong."""

    body: DeltaGenerator
    bar: DeltaGenerator


@dataclass(frozen=True, eq=False)
class Work:
    """What the panels are about: one model and input, every method cut to k units."""

    info: Info
    drawing: Drawing
    k: int
    seed: int
    target: int | None

    def item(self, name: str, heard: Callable[[int], None] | None = None, only_known: bool = False) -> Explanation:
        """See `attributing.attribution`."""
        asked = (self.info, self.drawing.subject.example, name, self.k, self.seed, self.target)
        return attributing.attribution(*asked, heard=heard, only_known=only_known)

    def second(self, name: str, heard: Callable[[int], None]) -> Explanation:
        """See `attributing.second_seed`."""
        example = self.drawing.subject.example
        return attributing.second_seed(self.info, example, name, self.k, self.seed, self.target, heard)

    def passes(self, name: str) -> int:
        return attributing.passes(self.info, self.drawing.subject.example, name)

    @property
    def key(self) -> tuple:
        """Stopping one's work stops no other."""
        return self.info.name, self.info.hash, self.drawing.subject.example.key, self.k, self.seed, self.target


class Panels:
    """One panel a method: empty places first, so that the page keeps its shape. `fill` them, then `compare` seeds."""

    def __init__(self, desk: Desk, drawing: Drawing, k: int, whose: str):
        self.whose, self.target, self.names = whose, desk.view.target, []
        self.found: dict[str, Explanation] = {}
        if not desk.view.methods:
            return
        target = desk.classes.index(self.target) if self.target else None
        self.work = Work(desk.chosen[desk.view.explain], drawing, k, desk.view.seed, target)
        st.subheader("Captum on the same budget", anchor=False)
        self.about, self.switch = st.empty(), st.empty()
        self.names = sorted(desk.view.methods, key=self.work.passes)  # of equals in the order chosen
        self.stopped = st.session_state.get("stopped") == self.work.key
        if not all(_known(self.work, name) for name in self.names):
            _switch(self.switch, self.work, self.stopped)
        self.places = dict(zip(self.names, _places(len(self.names)), strict=True))
        self.note = st.empty()

    def fill(self) -> Iterator[tuple[str, Explanation]]:
        """Compute and draw each method, and tell it once it is drawn."""
        for name in self.names:
            item = _filled(self.work, name, self.places[name], only_known=self.stopped)
            if item is not None:
                self.found[name] = item
                self.about.markdown(_question(self.work.info, item, self.whose, self.target))
                yield name, item
        if self.found:
            memory = next(reversed(self.found.values())).details.get("memory", "")
            self.note.caption(
                f"Time and peak memory ({memory}) are those of this machine when the panel was first computed, without "
                "the second seed. What another panel had asked the model before was not computed again."
            )

    def compare(self) -> None:
        """Run the next seed of each method that samples and say how far it agrees: last, as it marks nothing."""
        if not self.names or self.stopped:
            return
        for name, item in self.found.items():
            if _waits(item):
                _compared(self.work, name, item, self.places[name])
        self.switch.empty()


def _places(count: int) -> list[Place]:
    """A bordered place a panel; more than BESIDE stand in a grid."""
    with st.container(key="panels" if count <= BESIDE else "panels-grid"):
        columns = st.columns(max(2, count))[:count]
    boxes = [column.container(border=True, height="stretch") for column in columns]
    return [Place(box.empty(), box.empty()) for box in boxes]


def _known(work: Work, name: str) -> bool:
    """Whether it takes no time any more."""
    try:
        return not _waits(work.item(name, only_known=True))
    except attributing.Absent:
        return False
    except (ValueError, RuntimeError, MemoryError):  # that it does not fit is known too
        return True


def _waits(item: Explanation) -> bool:
    """Whether its second seed is still to be run."""
    return item.details.get("iou_two_seeds") == attributing.WAITS


def _switch(place: DeltaGenerator, work: Work, stopped: bool) -> None:
    """The button that stops what is under way, or goes on with it."""
    with place.container(horizontal=True, vertical_alignment="center"):
        if stopped:
            st.button("Go on", icon=":material/play_arrow:", key="go-on", on_click=_put, args=(None,))
            st.caption("Stopped. What was computed stays.")
        else:
            st.button("Stop", icon=":material/stop:", key="stop", on_click=_put, args=(work.key,))
            st.caption("One method after the other, the cheapest first; then second seeds of those that sample.")


def _put(key: tuple | None) -> None:
    st.session_state["stopped"] = key
    state.touch()


def _filled(work: Work, name: str, place: Place, only_known: bool) -> Explanation | None:
    """Draw one panel and return what it shows; None, with the reason drawn, where there is nothing to show."""
    from rekd.explanations.attributions import DoesNotFit

    try:
        item = work.item(name, Progress(place.bar, name, work.passes(name)), only_known)
    except attributing.Absent:
        place.body.html(components.toned("plain", components.head(name, "not computed yet")))
        return None
    except DoesNotFit as reason:
        place.bar.empty()
        place.body.html(components.toned("plain", components.head(name, "does not fit"), components.note(str(reason))))
        return None
    except (ValueError, RuntimeError, MemoryError) as fault:  # a foreign model, or memory: say it, and draw the others
        place.bar.error(plain(f"{name} can't explain {work.info.name}: {fault}"), icon=":material/error:")
        return None
    place.bar.empty()
    _panel(place, work, item)
    return item


def _compared(work: Work, name: str, item: Explanation, place: Place) -> None:
    """Run a method's second seed under its panel, and fill in the line that waited for it."""
    _panel(place, work, replace(item, details={**item.details, "iou_two_seeds": RUNS}))
    try:
        item = work.second(name, Progress(place.bar, f"{name}, seed {work.seed + 1}", work.passes(name)))
        place.bar.empty()
    except (ValueError, RuntimeError, MemoryError) as fault:
        place.bar.error(plain(f"{name} can't be run with a second seed: {fault}"), icon=":material/error:")
    _panel(place, work, item)


def _question(info: Info, item: Explanation, whose: str, chosen: str) -> str:
    said, units = plain(info.config.classes[item.target]), components.units_of(item.units)
    share = f"{item.count} of {len(item.mask)} {units}"
    verb = "What speaks for" if chosen else "Why does"
    asked = f"{verb} “{said}” in **{plain(info.name)}**" if chosen else f"{verb} **{plain(info.name)}** say “{said}”"
    return f"{asked}? Each method marks {share}, {whose}."


def _panel(place: Place, work: Work, item: Explanation) -> None:
    from rekd.explanations.attributions import METHODS

    name, info = item.method, work.info
    place.body.html(
        components.toned(
            "plain",
            components.head(name, f"explains {info.name}"),
            components.counted(item, "marked"),
            work.drawing.draw(info, item, "plain", f"{name} on {info.name}"),
            components.note(METHODS[name].help),
            components.facts(facts(item)),
        )
    )

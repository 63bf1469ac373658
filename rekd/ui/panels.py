"""The row of methods beside the rationales, filled panel by panel, the cheapest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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

    @property
    def key(self) -> tuple:
        """Stopping one's work stops no other."""
        return self.info.name, self.info.hash, self.drawing.subject.example.key, self.k, self.seed, self.target


def panels(desk: Desk, drawing: Drawing, k: int, whose: str) -> Iterator[tuple[str, Explanation]]:
    """One panel a method, each told once it is drawn; empty places first, so that the page keeps its shape."""
    if not desk.view.methods:
        return
    target = desk.classes.index(desk.view.target) if desk.view.target else None
    work = Work(desk.chosen[desk.view.explain], drawing, k, desk.view.seed, target)
    st.subheader("Captum on the same budget", anchor=False)
    about, switch = st.empty(), st.empty()
    names = _by_cost(work, desk.view.methods)
    stopped = st.session_state.get("stopped") == work.key
    if not all(_known(work, name) for name in names):
        _switch(switch, work, stopped)
    item = None
    for name, place in zip(names, _places(len(names)), strict=True):
        with place:
            found = _filled(work, name, only_known=stopped)
        if found is not None:
            item = found
            about.markdown(_question(work.info, item, whose, desk.view.target))
            yield name, item
    if not stopped:
        switch.empty()
    if item is not None:
        memory = item.details.get("memory", "")
        st.caption(f"Time and peak memory ({memory}) are those of this machine when the panel was first computed.")


def _by_cost(work: Work, names: Sequence[str]) -> list[str]:
    """The cheapest first, of equals in the order chosen."""
    example = work.drawing.subject.example
    return sorted(names, key=lambda name: attributing.passes(work.info, example, name))


def _places(count: int) -> list[DeltaGenerator]:
    """A bordered place a panel; more than BESIDE stand in a grid."""
    with st.container(key="panels" if count <= BESIDE else "panels-grid"):
        columns = st.columns(max(2, count))[:count]
    return [column.container(border=True, height="stretch") for column in columns]


def _known(work: Work, name: str) -> bool:
    """Whether it takes no time any more."""
    try:
        work.item(name, only_known=True)
    except attributing.Absent:
        return False
    except (ValueError, RuntimeError, MemoryError):  # that it does not fit is known too
        pass
    return True


def _switch(place: DeltaGenerator, work: Work, stopped: bool) -> None:
    """The button that stops what is under way, or goes on with it."""
    with place.container(horizontal=True, vertical_alignment="center"):
        if stopped:
            st.button("Go on", icon=":material/play_arrow:", key="go-on", on_click=_put, args=(None,))
            st.caption("Stopped. What was computed stays.")
        else:
            st.button("Stop", icon=":material/stop:", key="stop", on_click=_put, args=(work.key,))
            st.caption("One method after the other, the cheapest first.")


def _put(key: tuple | None) -> None:
    st.session_state["stopped"] = key
    state.touch()


def _filled(work: Work, name: str, only_known: bool) -> Explanation | None:
    """Draw one panel and return what it shows; None, with the reason drawn, where there is nothing to show."""
    from rekd.explanations.attributions import DoesNotFit

    bar = st.empty()
    try:
        passes = attributing.passes(work.info, work.drawing.subject.example, name)
        item = work.item(name, Progress(bar, name, passes), only_known)
    except attributing.Absent:
        st.html(components.toned("plain", components.head(name, "not computed yet")))
        return None
    except DoesNotFit as reason:
        bar.empty()
        st.html(components.toned("plain", components.head(name, "does not fit"), components.note(str(reason))))
        return None
    except (ValueError, RuntimeError, MemoryError) as fault:  # a foreign model, or memory: say it, and draw the others
        bar.error(plain(f"{name} can't explain {work.info.name}: {fault}"), icon=":material/error:")
        return None
    bar.empty()
    _panel(name, work.info, item, work.drawing)
    return item


def _question(info: Info, item: Explanation, whose: str, chosen: str) -> str:
    said, units = plain(info.config.classes[item.target]), components.units_of(item.units)
    share = f"{item.count} of {len(item.mask)} {units}"
    verb = "What speaks for" if chosen else "Why does"
    asked = f"{verb} “{said}” in **{plain(info.name)}**" if chosen else f"{verb} **{plain(info.name)}** say “{said}”"
    return f"{asked}? Each method marks {share}, {whose}."


def _panel(name: str, info: Info, item: Explanation, drawing: Drawing) -> None:
    from rekd.explanations.attributions import METHODS

    st.html(
        components.toned(
            "plain",
            components.head(name, f"explains {info.name}"),
            components.counted(item, "marked"),
            drawing.draw(info, item, "plain", f"{name} on {info.name}"),
            components.note(METHODS[name].help),
            components.facts(facts(item)),
        )
    )

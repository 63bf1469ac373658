"""What is painted on, where it stands in this window, and what each press does to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from rekd.ui import attributing, components, lineup, paint, scores, state
from rekd.ui.paint import Easel

if TYPE_CHECKING:
    from rekd.types import Example, Explanation, Units
    from rekd.ui.frame import Desk
    from rekd.ui.paint_said import Line
    from rekd.ui.state import View

EASEL, START = "paint-easel", "paint-start"


@dataclass(frozen=True, eq=False)
class Task:
    """One input to paint on: the units of one model's reading, which the others' are matched with.

    found: what the cards show, by slot. slot: whose reading it is. k: how many units methods and chance mark, whose:
    why so many. lines: rows of the table that no stroke changes, by name, filled as they are drawn.
    """

    desk: Desk
    example: Example
    found: Mapping[str, Explanation]
    slot: str
    k: int
    whose: str
    lines: dict[str, Line] = field(default_factory=dict)

    @property
    def units(self) -> Units:
        return self.found[self.slot].units

    @property
    def sheet(self) -> str:
        return f"{self.example.key}-{self.desk.chosen[self.slot].hash[:12]}-{len(self.units)}"

    @property
    def now(self) -> str:
        """The packed mask as it stands: painted, else the model's own, nothing where it reads everything."""
        own = self.found[self.slot]
        start = [False] * len(self.units) if own.rule == "all" else own.mask
        return state.shown().painted or paint.pack(start)

    def carried(self, item: Explanation) -> list[bool]:
        """Another reading's mask on these units."""
        return scores.align(item.mask, item.units, self.units, False)

    def attributed(self, name: str, only_known: bool = False) -> Explanation:
        """A method's mask of k units, as on the panels; see `attributing.attribution`."""
        view, classes = self.desk.view, self.desk.classes
        target = classes.index(view.target) if view.target else None
        asked = (self.desk.chosen[view.explain], self.example, name, self.k, view.seed, target)
        return attributing.attribution(*asked, only_known=only_known)

    def starts(self) -> dict[str, str]:
        """What can be started from: the models' own masks, Captum's methods, chance."""
        names, explained = lineup.row_names(self.desk.chosen), self.desk.chosen[self.desk.view.explain].name
        owns = {slot: f"{names[slot]}'s mask" for slot, item in self.found.items() if item.rule != "all"}
        methods = {name: f"{name} on {explained}" for name in self.desk.view.methods}
        return (
            owns | methods | {"random": f"{min(self.k, len(self.units))} {components.units_of(self.units)} at random"}
        )


def easel() -> Easel:
    return st.session_state[EASEL]


def settle(task: Task, view: View) -> None:
    """Have an easel for this input, and a view whose painted mask fits it; what did not fit is said on the easel."""
    held: Easel | None = st.session_state.get(EASEL)
    n, painted, said = len(task.units), view.painted, ""
    moved = held is not None and held.sheet != task.sheet
    if painted and paint.unpack(painted, n) is None:
        said = f"The mask painted before was of {painted.split('-')[0]} units, this input has {n}: it starts anew."
    elif painted and moved and task.example.text is not None:  # the same number of words by chance
        said = "This is another text: the mask starts anew."
    if held is None or moved or said:
        st.session_state[EASEL] = Easel(task.sheet, version=held.version + 1 if held else 0, started=said)
    state.settle(replace(view, painted="" if said else painted))


def stroke(task: Task, value: Any) -> None:
    """What the browser tells of a stroke; anything may come from there, and what does not fit changes nothing."""
    state.touch()
    if not isinstance(value, dict) or value.get("sheet") != task.sheet or not isinstance(value.get("turn"), int):
        return
    now, then = task.now, value.get("painted")
    if paint.unpack(then, len(task.units)) is None:
        then = now
    _keep(easel().stroke(now, then, value["turn"]), then)


def command(task: Task, name: str) -> None:
    """Undo or redo."""
    held, now = easel(), task.now
    then, history = held.history.redo(now) if name == "redo" else held.history.undo(now)
    _keep(replace(held, history=history, version=held.version + 1, started=""), then)


def whole(task: Task, name: str) -> None:
    """Switch all units at once: "invert", "clear" or "all"."""
    mask = paint.unpack(task.now, len(task.units))
    _put(task, {"invert": [not on for on in mask], "clear": [False] * len(mask), "all": [True] * len(mask)}[name])


def start(task: Task) -> None:
    """Start from what the menu says; a method is computed in the run that follows."""
    name = st.session_state[START]
    if name == "random":
        held, n = easel(), len(task.units)
        seed = task.desk.view.seed + held.draws
        st.session_state[EASEL] = replace(held, draws=held.draws + 1)
        _put(task, paint.at_random(n, task.k, seed), f"Started from {task.starts()[name]}, seed {seed}.")
    elif name in task.found:
        _put(task, task.carried(task.found[name]), f"Started from {task.starts()[name]}.")
    else:
        st.session_state[EASEL] = replace(easel(), wanted=name or "")
        state.touch()


def start_from_method(task: Task) -> str:
    """Compute the method that was asked for and start from it; why it can't be, "" where it can."""
    name = easel().wanted
    st.session_state[EASEL] = replace(easel(), wanted="")
    if name not in task.desk.view.methods:
        return ""
    try:
        item = task.attributed(name)
    except (
        ValueError,
        RuntimeError,
        MemoryError,
    ) as fault:  # a foreign model, or memory: say it, and keep what is painted
        return f"{name} can't be started from: {fault}"
    counted = f"{item.count} {components.UNIT_WORDS[task.units.kind]}, {task.whose}"
    _put(task, task.carried(item), f"Started from {task.starts()[name]}: {counted}.")
    return ""


def _put(task: Task, mask: list[bool], started: str = "") -> None:
    then = paint.pack(mask)
    _keep(easel().put(task.now, then, started), then)


def _keep(held: Easel, painted: str) -> None:
    st.session_state[EASEL] = held
    state.change(painted=painted)

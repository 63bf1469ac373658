"""Paint: a mask of one's own, by pointer or keyboard, and what every model says from it at once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import attributing, cache, components, lineup, paint, paint_said, paint_task, state
from rekd.ui.cards import budget
from rekd.ui.components import plain
from rekd.ui.frame import part
from rekd.ui.paint_board import board
from rekd.ui.paint_task import Task
from rekd.ui.sidebar import RULES

if TYPE_CHECKING:
    from rekd.types import Explanation
    from rekd.ui.cards import Drawing
    from rekd.ui.frame import Desk
    from rekd.ui.paint_said import Said

KEYS = (
    "Keys: arrows move, space switches, shift with an arrow paints along, Ctrl+Z undoes. What the models say follows."
)


def section(desk: Desk, drawing: Drawing, found: Mapping[str, Explanation]) -> None:
    """Draw board, answers and table; a stroke draws this part of the page again and no other."""
    st.html(f"<style>{paint_said.STYLE}</style>")
    slot = next(name for name in ("rekd", "re", "teacher", "cls") if name in found)
    part(_paint, Task(desk, drawing.subject.example, found, slot, *budget(desk, found)))


def _paint(task: Task) -> None:
    paint_task.settle(task, state.current())
    tools = st.container()
    left, right = st.columns([3, 2], gap="medium")
    with right:
        _method(task)
    state.settle(state.current())  # with the method's mask
    with tools:
        _tools(task)
    with left:
        _board(task)
        st.caption(_told(task))
    mask = paint.unpack(task.now, len(task.units))
    with right:
        answers = _answers(task, mask)
    _table(task, mask, answers)


def _method(task: Task) -> None:
    """Compute a method that was asked for, beside the board."""
    if not (name := paint_task.easel().wanted):
        return
    with st.spinner(f"{name} …"):
        fault = paint_task.start_from_method(task)
    if fault:
        st.error(plain(fault), icon=":material/error:")


def _tools(task: Task) -> None:
    history, starts = paint_task.easel().history, task.starts()
    with st.container(horizontal=True, key="paint-tools", gap="small"):
        for name, held in (("undo", history.past), ("redo", history.future)):
            pressed = {"on_click": paint_task.command, "args": (task, name)}
            st.button(name.title(), icon=f":material/{name}:", key=f"paint-{name}", disabled=not held, **pressed)
        for name in ("invert", "clear", "all"):
            st.button(name.title(), key=f"paint-{name}", on_click=paint_task.whole, args=(task, name))
        pressed = {"on_click": paint_task.start, "args": (task,), "icon": ":material/content_copy:"}
        st.menu_button("Start from", list(starts), key=paint_task.START, format_func=starts.get, **pressed)


def _board(task: Task) -> None:
    read, picture = cache.reading(task.desk.chosen[task.slot], task.example), None
    if task.example.text is None:
        sheet, picture = paint.image_sheet(task.units), read.pictures[0]
    else:
        sheet = paint.text_sheet(task.example.text, task.units, read.stops[0])
    label = f"Your mask: {components.UNIT_WORDS[task.units.kind]} to switch on and off"
    acts = {
        "on_stroke": lambda value: paint_task.stroke(task, value),
        "on_command": lambda value: paint_task.command(task, value),
    }
    board(sheet, paint_task.easel(), task.now, label, picture, **acts)


def _told(task: Task) -> str:
    units, started = components.UNIT_WORDS[task.units.kind], paint_task.easel().started
    own = (
        "" if state.shown().painted or task.found[task.slot].rule == "all" else f"It is {task.starts()[task.slot]} now."
    )
    said = " ".join(f"**{plain(sentence)}**" for sentence in (started, own) if sentence)
    how = f"Press or drag over {units}: beginning on an unmarked one paints, on a marked one erases."
    return f"{said} {how} {KEYS}"


def _answers(task: Task, mask: list[bool]) -> dict[str, Said]:
    """Draw what each model says of the painted mask; returns it by slot."""
    desk, names, cards, answers = task.desk, lineup.row_names(task.desk.chosen), [], {}
    for slot, own in task.found.items():
        info, whole = desk.chosen[slot], own.rule == "all"
        answers[slot] = paint_said.said(info, task.example, mask, task.units, own)
        head = components.head(names[slot], info.name)
        card = paint_said.card(head, answers[slot], desk.classes, task.example.label, whole)
        cards.append(components.toned(lineup.TONES[slot], card))
    summary = paint_said.summary(list(answers.values()), sum(mask))
    st.html(f'{summary}<div class="rk-answers">{"".join(cards)}</div>')
    return answers


def _table(task: Task, mask: list[bool], answers: Mapping[str, Said]) -> None:
    desk, names = task.desk, lineup.row_names(task.desk.chosen)
    lines = [
        _line(task, "everything" if i.rule == "all" else f"{names[s]}'s mask", i, s) for s, i in task.found.items()
    ]
    for name in desk.view.methods:
        with suppress(attributing.Absent, ValueError, RuntimeError, MemoryError):  # not computed, or does not fit
            lines.append(_line(task, task.starts()[name], task.attributed(name, only_known=True)))
    counted = f"{sum(mask)} of {len(mask)} {components.units_of(task.units)}"
    lines.append(paint_said.Line("painted", counted, answers))
    st.html(paint_said.table(lines, desk.chosen, desk.classes, task.example.label))
    st.caption(_rules(task))


def _line(task: Task, name: str, item: Explanation, own: str = "") -> paint_said.Line:
    """A row that no stroke changes, made once."""
    if name not in task.lines:
        task.lines[name] = paint_said.line(name, item, task.desk.chosen, task.found, task.example, own)
    return task.lines[name]


def _rules(task: Task) -> str:
    rule, units = RULES[task.desk.view.rule], components.UNIT_WORDS[task.units.kind]
    whole = any(item.rule == "all" for item in task.found.values())
    trained = " CLS was trained on whole inputs; of a mask it sees the marked units alone." if whole else ""
    return (
        f"A mask is a set of {units}, laid on each model's own reading by place. The models' own masks are cut by the "
        f"rule of the cards: {rule}. Framed and “own”: a model on its own mask. “Breaks”: another class than from its "
        f"own mask. “Wrong”: not the true class, where that is known.{trained}"
    )

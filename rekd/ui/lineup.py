"""Which models stand side by side: pure rules over checkpoints' infos and the table of data sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rekd.ui.state import SLOTS, View

if TYPE_CHECKING:
    from rekd.checkpoints import Info

NONE = "-"
ROLES = {
    "teacher": "Teacher",
    "cls": "CLS, reads everything",
    "re": "RE, trained alone",
    "rekd": "REKD, distilled",
}
TONES = {"teacher": "teacher", "cls": "plain", "re": "student", "rekd": "student"}
HELP = {
    "teacher": "The larger model that selects, then predicts; its selection is what REKD learns from.",
    "cls": "A model of the students' size that reads the whole input: the measure of what selecting costs or gains.",
    "re": "A student that learned to select and to predict from the labels alone.",
    "rekd": "The same student, taught by the teacher's selection and prediction as well.",
}


def title(slot: str, info: Info) -> str:
    """What a card is called: by its model's kind, which need not be the slot's usual one."""
    if slot == "teacher":
        return ROLES["teacher"]
    return ROLES.get(info.config.kind, "Random-mask model, reads everything")


def row_names(chosen: Mapping[str, Info]) -> dict[str, str]:
    """Slot -> what its row in a table is called; the model's name is added where two would be called the same."""
    short = {slot: title(slot, info).split(",")[0] for slot, info in chosen.items()}
    twice = [name for name in short.values() if list(short.values()).count(name) > 1]
    return {slot: f"{name} ({chosen[slot].name})" if name in twice else name for slot, name in short.items()}


def same_labels(info: Info, other: Info) -> bool:
    """Whether two models read the same kind of input and tell the same classes apart."""
    return info.config.classes == other.config.classes and info.config.reader.modality == other.config.reader.modality


def fits(info: Info, anchor: Info) -> bool:
    """Whether two models can stand side by side: the same labels and the same units."""
    return same_labels(info, anchor) and info.config.reader.signature == anchor.config.reader.signature


def tasks(infos: Sequence[Info], specs: Mapping[str, Any]) -> list[str]:
    """Tasks with a checkpoint, in the order of the data table, those of other people's checkpoints after them."""
    found = dict.fromkeys(info.task for info in infos)
    return [name for name in specs if name in found] + [name for name in found if name not in specs]


def candidates(slot: str, infos: Sequence[Info], anchor: Info, task: str) -> list[Info]:
    """Models for a slot, the one meant for it first, exhibits last. A teacher of other units moves the anchor.

    Of equals the order of `infos` decides, which has the shipped models first, then those that were promoted here, and
    those loaded by hand last.
    """
    allowed = same_labels if slot == "teacher" else fits
    fitting = [info for info in infos if allowed(info, anchor) and info.config.selects == (slot != "cls")]
    return sorted(fitting, key=lambda info: (info.role == "exhibit", info.role != slot, info.task != task))


def anchor_of(infos: Sequence[Info], task: str, teacher: str) -> Info:
    """The model that the others must fit: the chosen teacher, the task's own, else any model of the task."""
    own = [info for info in infos if info.task == task]
    usual = min(own, key=lambda info: (info.role == "exhibit", info.role != "teacher"))
    return next((info for info in candidates("teacher", infos, usual, task) if info.name == teacher), usual)


def resolve(
    view: View, infos: Sequence[Info], specs: Mapping[str, Any], at_hand: Callable[[str], bool]
) -> tuple[View, list[str]]:
    """Fill what was not chosen and replace what can't be used, with a sentence for each replacement.

    Args:
        infos: at least one. specs: name -> data set with `classes` and `modality`. at_hand: whether its data are here.
    """
    notes: list[str] = []
    known = tasks(infos, specs)
    task = view.task if view.task in known else _first_task(known, infos)
    if view.task and view.task != task:
        notes.append(f"There is no checkpoint for the task “{view.task[:60]}” here; {task} is shown.")
        view = View(text=view.text, upload=view.upload, own=view.own)
    anchor = anchor_of(infos, task, view.teacher)
    chosen = _models(view, infos, anchor, task, notes)
    view = replace(view, task=task, **{slot: info.name if info else NONE for slot, info in chosen.items()})
    view = replace(view, judge=_judge(view, infos, anchor, notes), explain=_explained(view, notes))
    if view.target and view.target not in anchor.config.classes:
        notes.append(f"“{view.target[:60]}” is no class of these models; the judge's own prediction is scored.")
        view = replace(view, target="")
    return _data(view, anchor, specs, at_hand, notes), notes


def _first_task(known: Sequence[str], infos: Sequence[Info]) -> str:
    """The first task that fills all four slots, so that a first view lacks nothing."""
    roles = {task: {info.role for info in infos if info.task == task} for task in known}
    return next((task for task in known if set(SLOTS) <= roles[task]), known[0])


def _models(view: View, infos, anchor: Info, task: str, notes: list[str]) -> dict[str, Info | None]:
    chosen: dict[str, Info | None] = {}
    for slot in SLOTS:
        options, name = candidates(slot, infos, anchor, task), view.model(slot)
        found = next((info for info in options if info.name == name), None)
        if name not in ("", NONE) and found is None:
            notes.append(_why_not(name, slot, infos))
        if name != NONE and found is None:
            found = next((info for info in options if info.role == slot and info.task == task), None)
        chosen[slot] = found
    if not any(chosen.values()):  # no model has the role of a slot, or all slots were emptied: show what there is
        chosen["rekd" if anchor.config.selects else "cls"] = anchor
    return chosen


def _why_not(name: str, slot: str, infos: Sequence[Info]) -> str:
    if any(info.name == name for info in infos):
        return f"“{name[:60]}” can't stand as {ROLES[slot]}: its labels, its units or its kind differ from the others'."
    return (
        f"The model “{name[:60]}” is not here. Open it from the page Train if it is a run of yours; else add its "
        "folder to REKD_CHECKPOINTS, or use “Load another model”."
    )


def judges(infos: Sequence[Info], anchor: Info, task: str) -> list[Info]:
    """Who may score: the whole-input model first, then the random-mask model, then any model that fits."""
    order = {"cls": 0, "random": 1}
    fitting = [info for info in infos if fits(info, anchor)]
    return sorted(fitting, key=lambda i: (order.get(i.config.kind, 2), i.task != task, i.role == "exhibit"))


def _judge(view: View, infos: Sequence[Info], anchor: Info, notes: list[str]) -> str:
    names = [info.name for info in judges(infos, anchor, view.task)]
    if view.judge in names:
        return view.judge
    if view.judge:
        notes.append(f"The judge “{view.judge[:60]}” is not here or does not fit; {view.cls} scores.")
    return view.cls if view.cls in names else names[0]


def _explained(view: View, notes: list[str]) -> str:
    filled = [slot for slot in ("cls", "rekd", "re", "teacher") if view.model(slot) != NONE]
    return view.explain if view.explain in filled else filled[0]


def data_sets(anchor: Info, specs: Mapping[str, Any]) -> list[str]:
    """Data sets whose labels and kind of input are the models'."""
    return [
        name
        for name, spec in specs.items()
        if tuple(spec.classes) == anchor.config.classes and spec.modality == anchor.config.reader.modality
    ]


def _data(view: View, anchor: Info, specs, at_hand, notes: list[str]) -> View:
    names = data_sets(anchor, specs)
    if view.data and view.data not in names:
        notes.append(f"The data set “{view.data[:60]}” is not known or has other labels than these models.")
    if view.data in names:
        return view
    own_task = [name for name in names if name == view.task]
    here = next((name for name in own_task + names if at_hand(name)), None)
    if here:
        return replace(view, data=here)
    return replace(view, data=next(iter(own_task + names), NONE), own=True)

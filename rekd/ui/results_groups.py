"""Rows of the results by student: what of them a choice leaves, and where a person's own runs belong. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rekd.results.record import Result
from rekd.results.row import KINDS, PARTS
from rekd.results.summary import OWN, Aggregate
from rekd.ui.results_state import ALL, YOURS, Chosen, student_key

BOX = "box"
"""In place of a part of the protocol: checkpoints that Explore lists, of which no run is among the results."""
TAGS = {OWN: "yours", BOX: "in the box"}


@dataclass(frozen=True, eq=False)
class Group:
    """One size of model on one task. own runs of the same towers are among the rows, last."""

    task: str
    size: str
    rows: tuple[Aggregate, ...]

    @property
    def key(self) -> str:
        return student_key(self.task, self.size)

    @property
    def teaches(self) -> bool:
        return is_teacher(self.size)

    @property
    def results(self) -> tuple[Result, ...]:
        return tuple(result for row in self.rows for result in row.results)

    @property
    def kinds(self) -> tuple[Aggregate, ...]:
        """The kinds as they are compared: no ablation, no other rate; a person's own are among them."""
        return tuple(row for row in self.rows if not row.setting and row.part != "choices")


def is_teacher(size: str) -> bool:
    return size.startswith("teacher")


def grouped(rows: Iterable[Aggregate]) -> tuple[Group, ...]:
    """By task and size, each in the order in which it first comes; students with their teachers before them."""
    rows = tuple(rows)
    sizes = _sizes(rows)
    found: dict[tuple[str, str], list[Aggregate]] = {}
    for row in rows:
        size = row.size if row.row else sizes.get(_towers(row), row.size)
        found.setdefault((row.task, size), []).append(row)
    tasks = list(dict.fromkeys(task for task, _ in found))
    order = sorted(found, key=lambda key: (tasks.index(key[0]), not is_teacher(key[1])))
    return tuple(Group(*key, tuple(found[key])) for key in order)


def _sizes(rows: Iterable[Aggregate]) -> dict[tuple[str, ...], str]:
    """What the protocol calls towers, by those that its rows name; those of a student before those of a teacher."""
    named = [(_towers(row), row.size) for row in rows if row.row]
    return dict(sorted(named, key=lambda pair: not is_teacher(pair[1])))


def _towers(row: Aggregate) -> tuple[str, ...]:
    """The task and what its towers are built from: the task's own backbone where a row names none."""
    from rekd.data.spec import TASKS

    config = row.row.settings if row.row else row.results[0].config
    named, args, usual = config.get("backbone", ""), config.get("backbone_args", {}), TASKS.get(row.task)
    if usual:  # as a run's configuration is resolved
        named, args = named or usual.backbone, args or ({} if named else usual.backbone_args)
    return row.task, named, repr(sorted(args.items()))


def narrowed(groups: Iterable[Group], chosen: Chosen) -> list[Group]:
    """The groups and rows that a choice leaves.

    Own runs and the box stay beside whatever part of the protocol is chosen, and the teachers beside their students'
    kinds, so that it is seen what a small model costs and what the large one has.
    """
    groups, out = tuple(groups), []
    taught = {row.task for group in groups for row in group.rows if row.part == chosen.part in STUDENTS}
    for group in groups:
        if chosen.task in (ALL, group.task) and chosen.size in (ALL, group.size):
            rows = tuple(row for row in group.rows if _left(row, chosen, row.task in taught))
            if rows:
                out.append(Group(group.task, group.size, rows))
    return out


STUDENTS = ("headline", "sizes")
"""Parts of students, whose teachers are shown with them."""


def usual_part(groups: Iterable[Group], task: str, size: str = ALL) -> str:
    """The part of the protocol with which a task, or one size of it, opens: its students where it has some."""
    chosen = (group for group in groups if task in (ALL, group.task) and size in (ALL, group.size))
    held = {row.part for group in chosen for row in group.rows}
    return next((part for part in (*STUDENTS, *PARTS) if part in held), STUDENTS[0])


def _left(row: Aggregate, chosen: Chosen, taught: bool) -> bool:
    """taught: whether the chosen part has students of the row's task."""
    if chosen.kind not in (ALL, row.kind):
        return False
    if row.part in TAGS or chosen.part == ALL:
        return row.part == OWN or chosen.part != YOURS
    return row.part == chosen.part or (taught and row.part == "teachers" and not row.setting)


def tasks(groups: Iterable[Group]) -> list[str]:
    return list(dict.fromkeys(group.task for group in groups))


def sizes(groups: Iterable[Group], task: str) -> list[str]:
    """Sizes of a task, or of all."""
    return list(dict.fromkeys(group.size for group in groups if task in (ALL, group.task)))


def measured(groups: Iterable[Group], chosen: Chosen) -> list[Group]:
    """Groups of the chosen task and size that have a run: students first, since charts open with one."""
    held = [group for group in groups if group.results]
    held = [group for group in held if chosen.task in (ALL, group.task) and chosen.size in (ALL, group.size)]
    return sorted(held, key=lambda group: group.teaches)


def run_key(result: Result) -> str:
    """A run in the address: its folder's name, which is one a row and seed."""
    return result.name


def run_title(row: Aggregate, result: Result) -> str:
    """A run in a list: kind, setting, seed, and what stands out."""
    yours = f"{TAGS[row.part]}: {result.name}" if row.part in TAGS else ""
    leaky = "leaky" if result.honest is False else ""
    said = [KINDS[result.kind], row.setting, f"seed {result.seed}", yours, leaky]
    return ", ".join(filter(None, said))


def runs_of(rows: Sequence[Aggregate]) -> Mapping[str, tuple[Aggregate, Result]]:
    """Every run of some rows by its key; of two of one name, the first."""
    out: dict[str, tuple[Aggregate, Result]] = {}
    for row in rows:
        for result in row.results:
            out.setdefault(run_key(result), (row, result))
    return out

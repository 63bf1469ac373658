"""The protocol: every row of the results, its settings and seeds, and the rows that it learns from. One table.

Splits are the official ones; dev is a fixed part of the official training split, the same for teachers and students,
and no run trains on it. Each run's step is chosen by dev accuracy under top-k at p (where a preset draws masks at test
time, under drawn ones); test is read once, after training.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from rekd.config import PRESETS
from rekd.results.row import FIRST, KINDS, PARTS, SAME, SEEDS, Row
from rekd.results.students import HEADLINE, STUDENTS, Student
from rekd.results.teachers import teachers


@cache
def rows() -> tuple[Row, ...]:
    """All rows, in the order in which they are run."""
    found = [*teachers(), *_choices()]
    for student in STUDENTS:
        found += [student.row(kind) for kind in KINDS]
    found += [row for student in HEADLINE for row in (*_ablations(student), *_rates(student))]
    order = {part: number for number, part in enumerate(PARTS)}
    return tuple(sorted(found, key=lambda row: order[row.part]))


def find_rows(patterns: Sequence[str]) -> list[Row]:
    """Rows by their names, by patterns such as imdb-*, or by parts; all where none is given.

    Raises:
        ValueError: one names nothing, with what is nearest and what there is.
    """
    all_rows, found = rows(), []
    for pattern in patterns or ("*",):
        here = [row for row in all_rows if row.part == pattern or fnmatch.fnmatchcase(row.name, pattern)]
        if not here:
            near = difflib.get_close_matches(pattern.lower(), [*(row.name for row in all_rows), *PARTS], 1, 0.8)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise ValueError(
                f"No row of the protocol is called {pattern!r}.{meant} Give a name such as {all_rows[0].name}, a "
                f"pattern such as imdb-*, or a part: {', '.join(PARTS)}."
            )
        found += [row for row in here if row not in found]
    return found


def _choices() -> Iterator[Row]:
    """Every kind at the same learning rates, on seeds that no other row has; read on dev alone."""
    for student in HEADLINE:
        for kind in ("cls", "kd", "re", "rekd"):
            start = {"start": (f"{student.name}-cls", FIRST)} if kind in student.warm else {}
            for rate in student.tried:
                given = {"learning_rate": rate, "seeds": (2024, 2025)}
                setting = f"learning rate {rate:g}"
                yield student.row(kind, f"lr-{rate:g}", setting, "choices", learns=start, **given)


def _ablations(student: Student) -> Iterator[Row]:
    """One thing changed of the student's REKD row."""

    def changed(what: str, setting: str, kind: str = "rekd", **changes: Any) -> Row:
        return student.row(kind, what, setting, "ablations", **{"seeds": SEEDS[:5], **changes})

    for alpha in (0.0, 0.5, 0.7, 1.0):
        yield changed(f"alpha-{alpha:g}", f"alpha {alpha:g}", alpha=alpha)
    for parts in ("rationale", "prediction"):
        yield changed(f"{parts}-only", f"{parts} only", parts=parts)
    yield changed("student-view", "the teacher reads the student's mask", teacher_view="student")
    yield changed("own-noise", "independent noise", shared_noise=False)
    yield changed("tempered", "lambda_r falls with the temperature", temper_rationale=True)
    teacher = f"{student.task}-teacher"
    yield changed("teachers-vary", "another teacher for each seed", learns={"teacher": (teacher, SAME)})
    yield changed("self", "its own RE as teacher", learns={"teacher": (f"{student.name}-re", SAME)})
    weak = {"teacher": (f"{teacher}-weak", FIRST)}
    yield changed("weak-teacher", "teacher stopped half-way in accuracy", learns=weak)
    if student.task == "cifar10":
        leaky = {"teacher": (f"{teacher}-leaky", FIRST)}
        yield changed("leaky-teacher", "teacher that was made to leak", learns=leaky)
    yield from _official(student)


def _official(student: Student) -> Iterator[Row]:
    """RE and REKD under the preset of the official code, from a teacher under the same, which no penalty of ours holds
    to its rate in each example."""
    name = f"{student.task}-teacher"
    like = next(row for row in teachers() if row.name == name)
    setting, settings = "preset official", {"preset": "official"}
    theirs = {"example_rate_weight": PRESETS["official"]["example_rate_weight"]}
    yield _like(like, f"{name}-official", "ablations", setting, settings | theirs)
    learns = {"teacher": (f"{name}-official", FIRST)}
    for kind in ("re", "rekd"):
        own = {**settings, "seeds": SEEDS[:5], "learns": learns if kind == "rekd" else {}}
        yield student.row(kind, "official", setting, "ablations", **own)


def _like(row: Row, name: str, part: str, setting: str, changes: Mapping[str, Any]) -> Row:
    """A teacher's row with other settings, one seed."""
    settings = {**row.settings, **changes}
    return Row(name, part, row.task, row.size, row.kind, setting, SEEDS[:1], settings, row.learns)


def _rates(student: Student) -> Iterator[Row]:
    """RE and REKD at other rates than the task's own, from a teacher at the same rate."""
    from rekd.data.spec import TASKS

    name = f"{student.task}-teacher"
    like = next(row for row in teachers() if row.name == name)
    for rate in (0.05, 0.1, 0.15, 0.25, 0.5):
        if rate == TASKS[student.task].rate:
            continue
        what, setting = f"rate-{100 * rate:g}", f"rate {rate:.0%}"
        yield _like(like, f"{name}-{what}", "rates", setting, {"rate": rate})
        for kind in ("re", "rekd"):
            learns = {"teacher": (f"{name}-{what}", FIRST)} if kind == "rekd" else {}
            yield student.row(kind, what, setting, "rates", rate=rate, seeds=SEEDS[:5], learns=learns)

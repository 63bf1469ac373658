"""The protocol: every row of the results, its settings and seeds, and the rows that it learns from. One table.

Splits are the official ones; dev is a fixed part of the official training split, the same for teachers and students,
and no run trains on it. Each run's step is chosen by dev accuracy under top-k at p; test is read once, after training.

"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rekd.config import PRESETS, TrainConfig

SEEDS = tuple(range(2026, 2036))
"""The paper's ten; rows of five take the first five."""
PARTS = {
    "teachers": "Teachers",
    "choices": "Learning rates tried, of RE alone, on seeds of their own",
    "headline": "Headline pairs with their controls, ten seeds",
    "sizes": "Second sizes, and CIFAR-100",
    "ablations": "Ablations of REKD on the headline pairs",
    "rates": "Rates",
}
"""In the order in which they are run."""
KINDS = {
    "cls": "CLS",
    "kd": "CLS from the teacher's predictions",
    "random": "Random masks",
    "re": "RE",
    "rekd": "REKD",
}
FOLDER = "results"
"""Of the protocol's runs, in the folder of all runs."""
FIRST, SAME = "first", "same"
"""Which run of another row one learns from: that of its first seed, or that of the same seed."""


@dataclass(frozen=True)
class Row:
    """Runs that differ in their seed alone.

    name: such as imdb-2-layers-rekd, also how its runs' folders begin. part: of PARTS. size: of the towers, for people.
    kind: of KINDS. setting: what tells an ablation or a rate from the default, "" of the default. settings: fields of
    `TrainConfig`. learns: field ("teacher", "start") -> (row, FIRST or SAME). half_way: training stops where dev
    accuracy is half-way between chance and the best of the run of the same seed of this row; "" trains to the end.
    """

    name: str
    part: str
    task: str
    size: str
    kind: str
    setting: str = ""
    seeds: tuple[int, ...] = SEEDS[:5]
    settings: Mapping[str, Any] = field(default_factory=dict)
    learns: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    half_way: str = ""

    @property
    def is_teacher(self) -> bool:
        return self.size.startswith("teacher")

    def config(self, seed: int, sources: Mapping[str, str], stop_at: float = 0.0) -> TrainConfig:
        """The configuration of one run. sources: field of `learns` -> checkpoint folder."""
        chosen = {**PRESETS[self.settings.get("preset", "default")], **self.settings}
        kind = "cls" if self.kind == "kd" else self.kind
        return TrainConfig(**{**chosen, "task": self.task, "kind": kind, "seed": seed, "stop_at": stop_at, **sources})


@dataclass(frozen=True)
class Student:
    """One size of student. common: settings of all kinds. kinds: what each kind has of its own. warm: both towers of
    models that select begin from the CLS row's run of the same seed, and so does the predictor on random masks."""

    task: str
    slug: str
    size: str
    common: Mapping[str, Any]
    kinds: Mapping[str, Mapping[str, Any]]
    warm: bool = False
    part: str = "sizes"

    @property
    def name(self) -> str:
        return f"{self.task}-{self.slug}"

    def row(self, kind: str, what: str = "", setting: str = "", part: str = "", **changes: Any) -> Row:
        """A row of this student. what: end of its name. changes: settings over its own; `learns` and `seeds` are the
        row's."""
        given = {"seeds": SEEDS if self.part == "headline" else SEEDS[:5], **changes}
        seeds, learns = given.pop("seeds"), {**self._learns(kind), **given.pop("learns", {})}
        name = "-".join(filter(None, (self.name, kind, what)))
        settings = {**self.common, **self.kinds[kind], **given}
        return Row(name, part or self.part, self.task, self.size, kind, setting, seeds, settings, learns)

    def _learns(self, kind: str) -> dict[str, tuple[str, str]]:
        teacher = {"teacher": (f"{self.task}-teacher", FIRST)} if kind in ("kd", "rekd") else {}
        start = {"start": (f"{self.name}-cls", SAME)} if self.warm and kind in ("random", "re", "rekd") else {}
        return teacher | start


_IMDB = {"batch_size": 64}
_TEXT_KINDS = {
    "cls": {"steps": 1404},
    "kd": {"steps": 1404, "parts": "prediction"},
    "random": {"steps": 1053},
    "re": {"steps": 2106, "patience": 8},
    "rekd": {"steps": 2106},
}
_VIT = {"img_size": 32, "patch_size": 4}
_CIFAR = {"batch_size": 256, "weight_decay": 0.05, "dropout": 0.0}
_VIT_TEACHER = {**_CIFAR, "backbone_args": {**_VIT, "embed_dim": 192, "depth": 6, "num_heads": 6}}


def _vit(width: int, depth: int, rate: float) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Settings of a small vision student: of all kinds, and of each. rate: the learning rate of warm starts."""
    common = {**_CIFAR, "backbone_args": {**_VIT, "embed_dim": width, "depth": depth, "num_heads": 4}}
    alone = {"steps": 7000, "learning_rate": 1.5 * rate}
    warm = {"steps": 2450, "learning_rate": rate}
    kinds = {"cls": alone, "kd": {**alone, "parts": "prediction"}, "random": warm}
    return common, {**kinds, "re": {**warm, "patience": 8}, "rekd": warm}


_TWO_LAYERS = Student(
    "imdb",
    "2-layers",
    "2 layers x 384",
    {**_IMDB, "backbone_args": {"layers": [0, 5]}, "learning_rate": 1e-4},
    _TEXT_KINDS,
    part="headline",
)
_ONE_LAYER = Student(
    "imdb",
    "1-layer",
    "1 layer x 384",
    {**_IMDB, "backbone_args": {"layers": [0]}, "learning_rate": 1e-4},
    _TEXT_KINDS,
)
_SMALL_VIT = Student("cifar10", "64x3", "ViT 3 x 64", *_vit(64, 3, 2e-3), warm=True, part="headline")
_LARGER_VIT = Student("cifar10", "128x4", "ViT 4 x 128", *_vit(128, 4, 1e-3), warm=True)
_SMALL_100 = Student("cifar100", "64x3", "ViT 3 x 64", *_vit(64, 3, 2e-3), warm=True)
_LARGER_100 = Student("cifar100", "128x4", "ViT 4 x 128", *_vit(128, 4, 1e-3), warm=True)
HEADLINE = (_TWO_LAYERS, _SMALL_VIT)
STUDENTS = (*HEADLINE, _ONE_LAYER, _LARGER_VIT, _SMALL_100, _LARGER_100)


def rows() -> tuple[Row, ...]:
    """All rows, in the order in which they are run."""
    found = [*_teachers(), *_choices()]
    for student in STUDENTS:
        found += [student.row(kind) for kind in KINDS]
    found += [row for student in HEADLINE for row in (*_ablations(student), *_rates(student))]
    order = {part: number for number, part in enumerate(PARTS)}
    return tuple(sorted(found, key=lambda row: order[row.part]))


def find_rows(patterns: Sequence[str]) -> list[Row]:
    """Rows by their names, by patterns such as imdb-*, or by parts; all where none is given.

    Raises:
        ValueError: one names nothing, with what there is.
    """
    all_rows, found = rows(), []
    for pattern in patterns or ("*",):
        here = [row for row in all_rows if row.part == pattern or fnmatch.fnmatchcase(row.name, pattern)]
        if not here:
            raise ValueError(
                f"No row of the protocol is called {pattern!r}. Give a name such as {all_rows[0].name}, a pattern such "
                f"as imdb-*, or a part: {', '.join(PARTS)}."
            )
        found += [row for row in here if row not in found]
    return found


def _teachers() -> Iterator[Row]:
    """Each teacher and its own CLS; the exhibit's, whose masks code the label; and those stopped half-way."""
    text, first = {**_IMDB, "learning_rate": 5e-5, "steps": 1404}, SEEDS[:1]
    honest = {"example_rate_weight": 200.0}
    six = ("teachers", "imdb", "teacher, 6 layers x 384")
    yield Row("imdb-teacher-cls", *six, "cls", settings=text)
    yield Row("imdb-teacher", *six, "re", settings={**text, **honest})
    yield Row(
        "imdb-teacher-weak",
        *six,
        "re",
        "stopped half-way",
        first,
        {**text, **honest, "evaluate_every": 25},
        half_way="imdb-teacher",
    )
    for task, seeds in (("cifar10", SEEDS[:5]), ("cifar100", first)):
        yield from _vision_teachers(task, seeds)
    leaky = {"masking": "zero", "example_rate_weight": 0.0, "rate_weight": 0.3, "augment": False, "steps": 1500}
    settings = {**_SMALL_VIT.common, **leaky, "learning_rate": 2e-3}
    yield Row("cifar10-teacher-leaky", "teachers", "cifar10", "teacher, ViT 3 x 64", "re", "leaky", settings=settings)


def _vision_teachers(task: str, seeds: tuple[int, ...]) -> Iterator[Row]:
    size, strong = ("teachers", task, "teacher, ViT 6 x 192"), {**_VIT_TEACHER, "augmentation": "strong"}
    begun = {**strong, "learning_rate": 1e-3, "steps": 8750, "evaluate_every": 875}
    start = {"start": (f"{task}-teacher-cls", SAME)}
    long = {**strong, "learning_rate": 1e-3, "steps": 17500, "evaluate_every": 1750}
    yield Row(f"{task}-teacher-cls", *size, "cls", "", seeds, long)
    yield Row(f"{task}-teacher", *size, "re", "", seeds, begun, start)
    if task == "cifar10":
        often = {**begun, "evaluate_every": 50}
        name = f"{task}-teacher"
        yield Row(f"{name}-weak", *size, "re", "stopped half-way", SEEDS[:1], often, start, half_way=name)


def _choices() -> Iterator[Row]:
    """RE at other learning rates than its own, on seeds that no other row has; read on dev alone."""
    for student in HEADLINE:
        own = {**student.common, **student.kinds["re"]}["learning_rate"]
        for times in (0.5, 1, 2):
            setting = f"learning rate {own * times:g}"
            given = {"learning_rate": own * times, "seeds": (2024, 2025)}
            start = {"start": (f"{student.name}-cls", FIRST)} if student.warm else {}
            yield student.row("re", f"lr-{own * times:g}", setting, "choices", learns=start, **given)


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
    teacher = f"{student.task}-teacher"
    yield changed("teachers-vary", "another teacher for each seed", learns={"teacher": (teacher, SAME)})
    yield changed("self", "its own RE as teacher", learns={"teacher": (f"{student.name}-re", SAME)})
    yield changed("weak-teacher", "teacher stopped half-way", learns={"teacher": (f"{teacher}-weak", FIRST)})
    if student.task == "cifar10":
        leaky = {"teacher": (f"{teacher}-leaky", FIRST)}
        yield changed("leaky-teacher", "teacher whose masks code the label", learns=leaky)
    yield from _official(student)


def _official(student: Student) -> Iterator[Row]:
    """RE and REKD under the preset of the official code, from a teacher under the same."""
    name = f"{student.task}-teacher"
    like = next(row for row in _teachers() if row.name == name)
    setting, settings = "preset official", {"preset": "official"}
    yield _like(like, f"{name}-official", "ablations", setting, settings)
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
    like = next(row for row in _teachers() if row.name == name)
    for rate in (0.05, 0.1, 0.15, 0.25, 0.5):
        if rate == TASKS[student.task].rate:
            continue
        what, setting = f"rate-{100 * rate:g}", f"rate {rate:.0%}"
        yield _like(like, f"{name}-{what}", "rates", setting, {"rate": rate})
        for kind in ("re", "rekd"):
            learns = {"teacher": (f"{name}-{what}", FIRST)} if kind == "rekd" else {}
            yield student.row(kind, what, setting, "rates", rate=rate, seeds=SEEDS[:5], learns=learns)

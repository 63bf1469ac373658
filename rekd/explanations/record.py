"""The record of one view: what was shown of one input, by which models, under which choices; and its JSON.

Everything that is drawn of it can be drawn from the record alone. Places are (start, stop) characters of the text,
counted in Unicode code points, or (left, top, right, bottom) pixels of the picture that a model read.
"""

from __future__ import annotations

import json
import platform
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from rekd.explanations.codec import build, plain, written
from rekd.explanations.proved import Painted, Proof
from rekd.measures.faithfulness import Curves
from rekd.measures.verdict import LeakReport
from rekd.types import Explanation, Place, Score

FORMAT = 1
LARGEST = 24 * 2**20
"""Characters of a file that is read: two pictures of 1024 pixels a side without any compression, and the numbers."""
PACKAGES = ("torch", "transformers", "timm", "captum")
ABOUT = (
    "A view of the REKD Rationale Explorer; open it again under Take away, or read it with any JSON reader.",
    "places of a text are [start, stop] in Unicode code points, as Python counts; JavaScript counts UTF-16 units, so "
    "take Array.from(text) there. places of an image are [left, top, right, bottom] in pixels of the picture that "
    "the model read: input.pictures[model.picture], a PNG in Base64. input.original is what was given, null where it "
    "is the first of these pictures.",
    "models: shown.mask marks the units that the model selected, shown.scores is P(select) of each, "
    "shown.details.selection_logits its logit, shown.prediction what the model says of the selected units alone. rule "
    "“all”: the model reads everything and selects nothing.",
    "methods: shown.scores is the attribution of each unit in logits of the class shown.target, shown.mask marks the "
    "largest.",
    "table: every mask cut to k units and seen by the judge, whose probability of the class target is scored. A number "
    "that could not be had is null.",
    "proof: choice.draws times, what a model left out held other content and its mask stayed; movement.largest is how "
    "far any of its logits moved, 0 where nothing that was left out reaches its prediction.",
    "painted: mask marks units of the model in the slot painted.slot; answers are what the models say from it alone.",
)


class RecordError(ValueError):
    """A file that is no record of a view; the message is a sentence for the person who chose it."""


@dataclass(frozen=True)
class Input:
    """What was looked at: a text, or pictures as PNG. label: index of the true class, None where unknown.

    pictures: as the models read them. original: as it was given, where that differs from pictures[0].
    """

    id: str
    text: str | None
    original: bytes | None
    pictures: tuple[bytes, ...]
    label: int | None
    evidence: tuple[Place, ...] | None


@dataclass(frozen=True)
class Model:
    """One model and what it selected. title: what its card is called. row: its name in tables.

    stop: the character where reading stopped. note: what was left unread. picture: index into input.pictures.
    leaks: what was measured of its masks over a test split, where it was.
    """

    slot: str
    title: str
    row: str
    name: str
    kind: str
    role: str
    task: str
    hash: str
    rate: float
    masking: str
    stop: int
    note: str
    picture: int
    shown: Explanation
    leaks: LeakReport | None = None


@dataclass(frozen=True)
class Method:
    """One attribution method on the model in the slot `choice.explain`. help: what it does, in a sentence."""

    name: str
    help: str
    shown: Explanation


@dataclass(frozen=True)
class Line:
    """One line of the score table; see `Table`."""

    name: str
    remark: str
    control: bool
    scores: tuple[Score, ...]
    curves: Curves | None = None


@dataclass(frozen=True)
class Table:
    """Masks of k of n units under one judge. target: index of the class scored, chosen where it is not the judge's own.

    probability: of that class on the whole input, 0 to 1. selects: the judge is a model that selects by itself.
    """

    judge: str
    hash: str
    selects: bool
    target: int
    chosen: bool
    probability: float
    k: int
    n: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Choice:
    """What a person chose. example: index in the test split of `data`, None for an input of one's own.

    explain, against: slots. target: name of the class explained and scored, "" for the predicted one. more: what the
    table holds beyond the usual. draws: how often other content takes the place of what was left out.
    """

    data: str
    example: int | None
    rule: str
    seed: int
    show: str
    against: str
    methods: tuple[str, ...]
    explain: str
    judge: str
    target: str
    more: tuple[str, ...]
    draws: int


@dataclass(frozen=True)
class Record:
    """One view. date: ISO 8601. address: where it was seen, "" on the command line. left_out: what could not be had.

    proof: None where no model selects. painted: None where nobody painted.
    """

    task: str
    classes: tuple[str, ...]
    choice: Choice
    input: Input
    models: tuple[Model, ...]
    methods: tuple[Method, ...]
    table: Table | None
    proof: Proof | None
    painted: Painted | None
    left_out: tuple[str, ...]
    date: str
    address: str
    versions: Mapping[str, str]

    def model(self, slot: str) -> Model | None:
        return next((model for model in self.models if model.slot == slot), None)

    @property
    def explained(self) -> Model:
        """The model that the methods explain."""
        return self.model(self.choice.explain) or self.models[0]


def to_json(record: Record) -> str:
    """The record as strict JSON (no NaN), with a format number and what the keys mean."""
    return written({"format": FORMAT, "about": list(ABOUT), **plain(record)}) + "\n"


def read(text: str) -> Record:
    """The record in a file that `to_json` wrote.

    Raises:
        RecordError: it is no such file, of another format, or its parts do not fit together.
    """
    from rekd.explanations.checks import check

    try:
        if len(text) > LARGEST:
            raise ValueError(f"it has {len(text):,} characters, and {LARGEST:,} are read at most")
        record = build(Record, _values(text), "")
        check(record)
    except RecursionError:
        raise RecordError("This file can't be opened: its parts lie too deep in each other.") from None
    except ValueError as fault:
        raise RecordError(f"This file can't be opened: {fault}. Choose a JSON file that Take away has made.") from None
    return record


def _values(text: str) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise ValueError(f"it holds {name}, which is no number of JSON")

    try:
        values = json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as fault:
        raise ValueError(f"it is no JSON ({fault.msg} in line {fault.lineno})") from None
    if not isinstance(values, dict) or "format" not in values:
        raise ValueError("it holds no view")
    number = values.pop("format")
    if type(number) is not int or number != FORMAT:
        raise ValueError(f"its format is {str(number)[:20]}, and this version reads format {FORMAT}")
    values.pop("about", None)
    return values


def settled(record: Record) -> Record:
    """The record as whoever opens its file gets it; what `read` would refuse is refused before it is handed out.

    Raises:
        RecordError: a model gave something that can't be kept, such as scores of the wrong number.
    """
    return read(to_json(record))


def versions() -> dict[str, str]:
    """Versions of this program, of Python and of the packages that the numbers come from, where they are installed."""
    found = {"rekd": _own_version(), "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _own_version() -> str:
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    try:
        return tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    except OSError:  # installed as a package, without the project's folder
        return metadata.version("rekd-rationale-explorer")

"""The rules behind a run's alarms: what each asks of the last two evaluations, what it says, and what helped.

Thresholds stand above with what healthy models showed. Each rule needs two evaluations running: one can be chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rekd.config import TrainConfig

Line = Mapping[str, Any]

BEGUN = 0.2
"""Share of a run before which nothing is told: warm-up takes its first 6 %, and masks begin to form after it."""
FORMED = 0.5
"""Share before which gates may be flat and masks by l > 0 empty: they start flat at p, at a high temperature."""
MANY = 0.5
"""Share of dev examples in which everything is selected; of a healthy run's it is none."""
EMPTY = 0.25
"""Share of dev examples in which nothing is; shipped models have none, a leaky one had 13 %, a bad level 40 %."""
SAME = 0.6
"""IoU of two examples' masks beyond chance, of 1 for equal masks; shipped models have .00 to .08."""
MARKS = 0.5
"""Share of selected units without letter or digit; a tenth of a text's units are such, a fiftieth of good masks."""
BORDER = 0.8
"""Share of selected patches in the outermost ring; shipped models have .17 to .34 where the ring is .44 of all."""
RATE_SLACK = (0.02, 0.2)
"""How far the drawn rate may be from its target, in units' share and as a share of the target; the larger counts."""
DECIDED = 0.1
"""Variance of P(select) within an example, of 1 for gates that are 0 or 1; flat is 0, shipped models have .5 to .9."""
COPIED = 0.8
"""Share of the teacher's mistakes that the student makes too; shipped students have about half, by likeness alone."""
FEWEST_MISTAKES = 20
"""Mistakes of the teacher below which that share is chance."""
SWAPS = 3
"""Evaluations over which the swap is averaged: each has other pairs and an error of 2 to 3 points."""


@dataclass(frozen=True)
class Alarm:
    """One thing that goes wrong.

    name: a word for programs. title: a few words. says: the number, and what it means. suggestion: one thing to do.
    step: of the line of metrics that shows it. grave: what the run learns is worth nothing.
    """

    name: str
    title: str
    says: str
    suggestion: str
    step: int
    grave: bool


@dataclass(frozen=True)
class Seen:
    """What a rule looks at: the configuration, the lines of all evaluations, and r of the lines before each."""

    config: TrainConfig
    evaluations: tuple[Line, ...]
    rates: tuple[float | None, ...]

    def since(self, share: float) -> bool:
        """Whether two evaluations lie beyond a share of the run."""
        return len(self.evaluations) > 1 and self.evaluations[-2]["step"] >= share * self.config.steps

    def twice(self, test: Callable[[Line], bool], *names: str) -> bool:
        """Whether a test of the measures `names` holds for the last two evaluations."""
        return all(all(name in line for name in names) and test(line) for line in self.evaluations[-2:])


def _all(seen: Seen, last: Line) -> Alarm | None:
    if seen.config.rate >= 0.9 or not seen.twice(lambda line: line["dev_all"] >= MANY, "dev_all"):
        return None
    says = (
        f"In {last['dev_all']:.0%} of the dev examples every unit is selected (l > 0), where {seen.config.rate:.0%} of "
        "the units is the target: the rationale is the whole input and explains nothing."
    )
    return Alarm("all", "Everything is selected", says, _hold_rate(seen.config), last["step"], True)


def _none(seen: Seen, last: Line) -> Alarm | None:
    if not seen.since(FORMED) or _flat(seen) or not seen.twice(lambda line: line["dev_empty"] >= EMPTY, "dev_empty"):
        return None
    says = (
        f"In {last['dev_empty']:.0%} of the dev examples no unit is selected (l > 0); mean P(select) is "
        f"{last['dev_mean_probability']:.1%}, its target {seen.config.rate:.1%}. Without a unit the predictor can only "
        "guess, or take emptiness itself for a sign of the class."
    )
    return Alarm("none", "Nothing is selected", says, _hold_rate(seen.config), last["step"], True)


def _fixed(seen: Seen, last: Line) -> Alarm | None:
    names = ("dev_overlap", "dev_overlap_chance")
    if not seen.twice(lambda line: _beyond(*(line[name] for name in names)) >= SAME, *names):
        return None
    says = (
        f"The masks of two dev examples share {last['dev_overlap']:.0%} of their units (IoU), where masks drawn at "
        f"random share {last['dev_overlap_chance']:.0%}: the same places are selected whatever the input holds."
    )
    return Alarm("fixed", "One place, whatever the input", says, halve(seen.config), last["step"], True)


def _marks(seen: Seen, last: Line) -> Alarm | None:
    if not seen.twice(lambda line: line["dev_marks"] >= max(MARKS, 2 * line["dev_marks_base"]), "dev_marks"):
        return None
    says = (
        f"{last['dev_marks']:.0%} of the selected units hold no letter or digit, where {last['dev_marks_base']:.0%} "
        "of all units are such: signs say little of a text, but where they stand can carry the label."
    )
    return Alarm("marks", "Punctuation is selected", says, _against_code(seen.config), last["step"], False)


def _border(seen: Seen, last: Line) -> Alarm | None:
    def mostly(line: Line) -> bool:
        return line["dev_border"] >= BORDER and _beyond(line["dev_border"], line["dev_border_base"]) >= BORDER / 2

    if not seen.twice(mostly, "dev_border"):
        return None
    says = (
        f"{last['dev_border']:.0%} of the selected patches lie on the border of the image, where "
        f"{last['dev_border_base']:.0%} of all patches do: little is to be seen there, but places can carry the label."
    )
    return Alarm("border", "The border is selected", says, _against_code(seen.config), last["step"], False)


def _rate(seen: Seen, last: Line) -> Alarm | None:
    target, (absolute, relative) = seen.config.rate, RATE_SLACK
    off = [rate is not None and abs(rate - target) > max(absolute, relative * target) for rate in seen.rates[-2:]]
    if not all(off):
        return None
    says = (
        f"{seen.rates[-1]:.1%} of the units are drawn in training, and the target is {target:.1%}: accuracy at another "
        "rate can't be compared with that of other runs."
    )
    return Alarm("rate", "The rate misses its target", says, _hold_rate(seen.config), last["step"], False)


def _undecided(seen: Seen, last: Line) -> Alarm | None:
    if not seen.since(FORMED) or not _flat(seen):
        return None
    says = (
        f"P(select) is much the same for all units of an input, {last['dev_mean_probability']:.0%} in the mean: it "
        f"varies by {last['dev_decided']:.1%} of what decided gates would. The masks are chance, not a choice."
    )
    do = f"Double learning_rate to {2 * seen.config.learning_rate:g}, or train longer: steps {2 * seen.config.steps:,}."
    return Alarm("undecided", "The gates do not decide", says, do, last["step"], True)


def _code(seen: Seen, last: Line) -> Alarm | None:
    swaps = [line["dev_swap"] for line in seen.evaluations[-SWAPS:] if "dev_swap" in line]
    swap = sum(swaps) / len(swaps) if len(swaps) > 1 else 0.0
    over = swap > last.get("dev_swap_bound", 1.0)
    told = [
        text.format(last[f"dev_{name}"], last[f"dev_{name}_bound"])
        for name, text in _GUESSES.items()
        if seen.twice(lambda line, name=name: _exceeds(line, name))
    ]
    if over:
        told = [_SWAPPED.format(100 * swap, 100 * last["dev_swap_bound"]), *told]
    elif told:
        told.append("A predictor that reads this code needs nothing of the input, and accuracy does not show it.")
    title = "The label is coded in the mask" if over else "The mask may carry the label"
    return Alarm("code", title, " ".join(told), _against_code(seen.config), last["step"], over) if told else None


_SWAPPED = (
    "Laid on another input, a mask makes the predictor say the class it came from {:.1f} points more often than a "
    "random mask does (bound {:.0f}): the predictor reads the label from the mask, and accuracy hides it."
)
_GUESSES = {
    "count": "Guessing the label from the number of selected units alone is right for {:.0%} (bound {:.0%}).",
    "mask": "Guessing it from the selected places alone, without their content, is right for {:.0%} (bound {:.0%}).",
}


def _copying(seen: Seen, last: Line) -> Alarm | None:
    def copies(line: Line) -> bool:
        share, chance = line["dev_copied"], line["dev_copied_chance"]
        return line["dev_teacher_mistakes"] >= FEWEST_MISTAKES and share >= COPIED and _beyond(share, chance) >= SAME

    if not seen.twice(copies, "dev_copied", "dev_copied_chance", "dev_teacher_mistakes"):
        return None
    says = (
        f"Of the {last['dev_teacher_mistakes']:.0f} dev examples that the teacher gets wrong, the student says the "
        f"same wrong class on {last['dev_copied']:.0%} ({last['dev_copied_chance']:.0%} by chance): it repeats its "
        "teacher and adds nothing of the labels."
    )
    alpha = round(min(1.0, seen.config.alpha + 0.2), 2)
    do = f"Raise alpha to {alpha:g}, so that the labels count for more beside the teacher."
    return Alarm("copying", "The student copies its teacher", says, do, last["step"], False)


RULES = (_all, _none, _code, _fixed, _undecided, _marks, _border, _rate, _copying)


def _beyond(share: float, chance: float) -> float:
    """How far a share is beyond chance, of 1 for all."""
    return (share - chance) / max(1 - chance, 1e-9)


def _flat(seen: Seen) -> bool:
    return seen.twice(lambda line: line["dev_decided"] < DECIDED, "dev_decided")


def _exceeds(line: Line, name: str) -> bool:
    """Whether a guess is above its bound by more than twice its standard error."""
    value, bound, rows = (line.get(f"dev_{key}") for key in (name, f"{name}_bound", f"{name}_rows"))
    return None not in (value, bound, rows) and value > bound + 2 * (bound * (1 - bound) / rows) ** 0.5


def halve(config: TrainConfig) -> str:
    return f"Duplicate the run and halve learning_rate to {config.learning_rate / 2:g}."


def _hold_rate(config: TrainConfig) -> str:
    if config.kind == "rekd" and config.alpha == 0:
        return "Raise alpha above 0, to 0.3: at 0 nothing of the run's own holds the rate."
    name = "example_rate_weight" if config.rate_form == "example" else "rate_weight"
    least = _RATE_WEIGHTS[config.units == "patches"] if config.rate_form == "auto" else 0.0
    return f"Raise {name} to {max(2 * getattr(config, name), least):g}, so that the rate counts for more."


_RATE_WEIGHTS = (10.0, 20.0)
"""What runs on texts and on images take where they name no weight."""


def _against_code(config: TrainConfig) -> str:
    """What helped where masks carried the label, the likeliest cause first."""
    if config.kind == "rekd":
        return "Choose another teacher: a student inherits the code of its teacher's masks, and honest ones gave none."
    if config.start:
        return "Leave start empty: generators that began from a trained classifier coded labels most often."
    if config.example_rate_weight == 0:
        return "Set example_rate_weight to 50: it keeps the number of selected units from carrying the label."
    return "Train it as kind rekd, with an honest teacher of the same units: its masks leave no room for a code."

"""The verdict on what masks give away of the label: the figures of `leakage`, their bounds, and a sentence for each.

Honest masks can show *where* a class usually stands, so the swap decides and the others warn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rekd.config import known
from rekd.types import Score

COUNT_MARGIN = 0.05
MASK_MARGIN = 0.10
SWAP_BOUND = 0.05


@dataclass(frozen=True)
class LeakReport:
    """What the masks of a model say of the label, measured on `examples` test examples under mask rule `rule`.

    count, mask_only: accuracy of guessing the label from the number, or the pattern, of selected units alone. swap: how
    much more often another example's mask makes the predictor say that example's class than a random mask does.
    rates, empty: share of units selected, and share of empty masks, of each class (None where test has none of it).
    mask_reference: mask_only of masks known to be honest, where there are any.
    """

    rule: str
    classes: tuple[str, ...]
    examples: int
    count: float
    mask_only: float
    swap: float
    rates: tuple[float | None, ...]
    empty: tuple[float | None, ...]
    mask_reference: float | None = None

    @property
    def chance(self) -> float:
        return 1 / len(self.classes)

    @property
    def count_bound(self) -> float:
        return self.chance + COUNT_MARGIN

    @property
    def mask_bound(self) -> float | None:
        """None where no honest masks are known to compare with."""
        return None if self.mask_reference is None else self.mask_reference + MASK_MARGIN

    @property
    def honest(self) -> bool:
        """Whether the swap, which decides, keeps its bound."""
        return self.swap <= SWAP_BOUND

    @property
    def warnings(self) -> tuple[str, ...]:
        """Names of the other measures that exceed their bound."""
        over = {"count": self.count > self.count_bound}
        over["mask"] = self.mask_bound is not None and self.mask_only > self.mask_bound
        return tuple(name for name, is_over in over.items() if is_over)

    def sentences(self) -> tuple[str, ...]:
        """Each figure explained to a person; the verdict first."""
        return (_swap_sentence(self), _count_sentence(self), _mask_sentence(self), _class_sentence(self))

    def scores(self) -> tuple[Score, ...]:
        swap, count, mask, _ = self.sentences()
        return (
            Score("swap", self.swap, "lower", -1, 1, swap),
            Score("count only", self.count, "lower", 0, 1, count),
            Score("mask only", self.mask_only, "lower", 0, 1, mask),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as metrics.json holds them."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LeakReport:
        tuples = {key: tuple(value) if isinstance(value, list) else value for key, value in known(cls, values).items()}
        return cls(**tuples)


def warned(reports: Sequence[LeakReport]) -> tuple[int, int, int]:
    """How many warn by the count of units, how many by their places, and of how many honest masks are known."""
    by_count, by_place = (sum(name in report.warnings for report in reports) for name in ("count", "mask"))
    return by_count, by_place, sum(report.mask_bound is not None for report in reports)


def stored(metrics: Mapping[str, Any]) -> LeakReport | None:
    """The leak report that metrics hold, None where there is none or it is of another version."""
    held = metrics.get("leaks")
    if not isinstance(held, Mapping):
        return None
    try:
        return LeakReport.from_dict({key: value for key, value in held.items() if key != "honest"})
    except (TypeError, ValueError):
        return None


def _swap_sentence(r: LeakReport) -> str:
    verdict = (
        "the mask carries no code that the predictor reads"
        if r.honest
        else "the predictor reads the label from the mask"
    )
    return (
        f"Laid on another input, a mask makes the predictor say the class it came from {100 * r.swap:+.1f} points more "
        f"often than a random mask does (bound {100 * SWAP_BOUND:.0f}): {verdict}."
    )


def _count_sentence(r: LeakReport) -> str:
    verdict = "the count may carry the label" if "count" in r.warnings else "the count does not give the label away"
    return (
        f"Guessing the label from the number of selected units alone is right for {r.count:.1%} "
        f"(chance {r.chance:.1%}, bound {r.count_bound:.1%}): {verdict}."
    )


def _mask_sentence(r: LeakReport) -> str:
    found = f"Guessing the label from which places are selected, without their content, is right for {r.mask_only:.1%}"
    if r.mask_bound is None:
        return f"{found} (chance {r.chance:.1%}); no masks known to be honest were given to compare with."
    verdict = (
        "more than the places of honest masks tell" if "mask" in r.warnings else "no more than honest masks may show"
    )
    return f"{found} (honest masks {r.mask_reference:.1%}, bound {r.mask_bound:.1%}): {verdict}."


def _class_sentence(r: LeakReport) -> str:
    rates = [(rate, name) for rate, name in zip(r.rates, r.classes, strict=True) if rate is not None]
    empty, name = max((share, name) for share, name in zip(r.empty, r.classes, strict=True) if share is not None)
    (low, least), (high, most) = min(rates), max(rates)
    share = f"{empty:.1%}" if empty >= 0.0005 else "under 0.1%"
    masks = f"the most empty masks are {share}, of {name}" if empty else "no mask is empty"
    return f"The share selected runs from {low:.1%} ({least}) to {high:.1%} ({most}); {masks}."

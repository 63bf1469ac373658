"""Does the pattern of a mask carry the label? Estimators fitted on dev and scored on test.

All of it is taken from masks as the rule gives them, BEFORE empty ones are repaired. Honest masks can show *where* a
class usually stands, so the swap decides and the others warn.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rekd.config import known
from rekd.types import Modality, Score

Predict = Callable[[Tensor, Tensor], Tensor]
"""(rows (M,) of the test split, masks (M, N) as wide as the set's, laid on them) -> label logits or probs (M, K)."""

COUNT_BINS = 60
POSITION_BINS = 32
COUNT_MARGIN = 0.05
MASK_MARGIN = 0.10
SWAP_BOUND = 0.05


class MaskSet:
    """The masks of a split before repair.

    masks: (n, N) bool. unit_mask: (n, N) bool, True where a unit is real; real ones come first. labels: (n,) int64.
    counts, units, shares: (n,) selected units, units, and the one over the other.

    Raises:
        ValueError: shapes that do not belong together, or an example without a unit.
    """

    def __init__(self, masks: Tensor, unit_mask: Tensor, labels: Tensor):
        chosen, real = (torch.as_tensor(values).cpu().bool().numpy() for values in (masks, unit_mask))
        self.labels = torch.as_tensor(labels).cpu().long().numpy()
        fits = chosen.ndim == 2 and chosen.shape == real.shape and self.labels.shape == chosen.shape[:1]
        if not fits or not real.any(1).all():
            raise ValueError(
                f"masks {chosen.shape}, unit_mask {real.shape} and labels {self.labels.shape} must be (n, N), (n, N) "
                "and (n,), with one or more real units in each example"
            )
        self.masks, self.unit_mask = chosen & real, real
        self.counts, self.units = self.masks.sum(1), real.sum(1)
        self.shares = self.counts / self.units

    def __len__(self) -> int:
        return len(self.labels)


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
    masks = f"the most empty masks are {empty:.1%}, of {name}" if empty else "no mask is empty"
    return f"The share selected runs from {low:.1%} ({least}) to {high:.1%} ({most}); {masks}."


def count_only(dev: MaskSet, test: MaskSet, n_classes: int, bins: int = COUNT_BINS) -> float:
    """Accuracy on test of the commonest dev class in equal bins of selected / N; an empty bin takes that of all."""
    table = np.zeros((bins, n_classes), dtype=np.int64)
    np.add.at(table, (_count_bin(dev, bins), dev.labels), 1)
    guess = np.where(table.any(1), table.argmax(1), table.sum(0).argmax())
    return float((guess[_count_bin(test, bins)] == test.labels).mean())


def mask_only(dev: MaskSet, test: MaskSet, modality: Modality) -> float:
    """Accuracy on test of multinomial logistic regression, fitted on dev, from the pattern of the masks.

    Images: one bit a unit. Texts: the share selected in 32 equal bins of position, since their lengths differ.
    """
    # scikit-learn takes a second to import, and only an evaluation needs it.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    first, second = (
        _positions(split) if modality == "text" else split.masks.astype(np.float64) for split in (dev, test)
    )
    if len(np.unique(dev.labels)) < 2:
        return float((test.labels == dev.labels[0]).mean())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the estimator is a gauge: its last digit does not matter
        model = LogisticRegression(max_iter=500).fit(first, dev.labels)
    return float(model.score(second, test.labels))


def swap(predict: Predict, test: MaskSet, *, pairs: int = 2000, chunk: int = 64, seed: int = 0) -> float:
    """How much more often the predictor says the class of another example's mask than under a random mask, -1 to 1.

    Each content meets the mask of a donor of another class, stretched or squeezed to its length, and a random mask that
    has the share of a mask drawn from them all, so that a code in the count is seen as well as one in the places.

    Args:
        predict: see `Predict`; it must take empty masks. pairs: contents and donors to try; contents repeat where the
            split is smaller.

    Raises:
        ValueError: the split holds a single class.
    """
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.permutation(len(test)) for _ in range(-(-pairs // len(test)))])[:pairs]
    donors = _donors(test.labels, rows, rng)
    laid = np.stack([_fit(test, donor, row) for donor, row in zip(donors, rows, strict=True)])
    drawn = np.stack(
        [_scatter(test, row, share, rng) for row, share in zip(rows, test.shares[rng.permutation(donors)], strict=True)]
    )
    said = [_said(predict, rows, masks, chunk) == test.labels[donors] for masks in (laid, drawn)]
    return float(said[0].mean() - said[1].mean())


def leak_report(
    dev: MaskSet,
    test: MaskSet,
    predict: Predict,
    *,
    classes: tuple[str, ...],
    modality: Modality,
    rule: str,
    mask_reference: float | None = None,
    pairs: int = 2000,
    seed: int = 0,
) -> LeakReport:
    """All leak measures of one model. See `swap` for `predict` and `pairs`, and `mask_only` for the reference."""
    of_class = [test.labels == k for k in range(len(classes))]
    return LeakReport(
        rule=rule,
        classes=tuple(classes),
        examples=len(test),
        count=count_only(dev, test, len(classes)),
        mask_only=mask_only(dev, test, modality),
        swap=swap(predict, test, pairs=pairs, seed=seed),
        rates=tuple(float(test.shares[rows].mean()) if rows.any() else None for rows in of_class),
        empty=tuple(float((test.counts[rows] == 0).mean()) if rows.any() else None for rows in of_class),
        mask_reference=mask_reference,
    )


def _count_bin(split: MaskSet, bins: int) -> np.ndarray:
    return np.minimum(split.counts * bins // split.units, bins - 1)


def _positions(split: MaskSet) -> np.ndarray:
    """Share selected of the units in each bin of position: (n, 32); 0 where a short text has no unit in a bin."""
    place = np.arange(split.masks.shape[1])[None] * POSITION_BINS // split.units[:, None]
    rows = np.arange(len(split))[:, None]
    totals = np.zeros((2, len(split), POSITION_BINS))
    for total, what in zip(totals, (split.masks, split.unit_mask), strict=True):
        np.add.at(total, (np.broadcast_to(rows, what.shape)[what], place[what]), 1)
    return totals[0] / np.maximum(totals[1], 1)


def _donors(labels: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each row an example of another class."""
    if len(np.unique(labels)) < 2:
        raise ValueError(
            "the swap needs examples of two classes or more, and this split holds one; give a split that mixes them"
        )
    donors = np.empty_like(rows)
    for label in np.unique(labels[rows]):
        here, others = labels[rows] == label, np.flatnonzero(labels != label)
        donors[here] = rng.choice(others, here.sum())
    return donors


def _fit(test: MaskSet, donor: int, row: int) -> np.ndarray:
    """The donor's mask stretched or squeezed to the units of `row`: (N,) bool."""
    n, out = test.units[row], np.zeros(test.masks.shape[1], dtype=bool)
    out[:n] = test.masks[donor, (2 * np.arange(n) + 1) * test.units[donor] // (2 * n)]
    return out


def _scatter(test: MaskSet, row: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """A random mask of that share on the units of `row`: (N,) bool."""
    n, out = test.units[row], np.zeros(test.masks.shape[1], dtype=bool)
    out[rng.permutation(n)[: round(share * n)]] = True
    return out


def _said(predict: Predict, rows: np.ndarray, masks: np.ndarray, chunk: int) -> np.ndarray:
    starts = range(0, len(rows), chunk)
    parts = [(torch.from_numpy(rows[i : i + chunk]), torch.from_numpy(masks[i : i + chunk])) for i in starts]
    return np.concatenate([predict(*part).argmax(1).cpu().numpy() for part in parts])

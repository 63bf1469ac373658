"""Does the pattern of a mask carry the label? Estimators fitted on dev and scored on test.

All of it is taken from masks as the rule gives them, BEFORE empty ones are repaired. What the figures mean is in
`verdict`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from rekd.measures.verdict import LeakReport
from rekd.types import Modality

Predict = Callable[[Tensor, Tensor], Tensor]
"""(rows (M,) of the test split, masks (M, N) as wide as the set's, laid on them) -> label logits or probs (M, K)."""

COUNT_BINS = 60
POSITION_BINS = 32


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
            split is smaller. chunk: masks that `predict` is given at once.

    Raises:
        ValueError: the split holds a single class.
    """
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.permutation(len(test)) for _ in range(-(-pairs // len(test)))])[:pairs]
    donors = _donors(test.labels, rows, rng)
    laid = np.stack([fitted(test, donor, row) for donor, row in zip(donors, rows, strict=True)])
    shares = test.shares[rng.permutation(donors)]
    drawn = np.stack([scattered(test, row, share, rng) for row, share in zip(rows, shares, strict=True)])
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
    chunk: int = 64,
    seed: int = 0,
) -> LeakReport:
    """All leak measures of one model. See `swap` for `predict`, `pairs`, `chunk`, and `mask_only` for the reference."""
    of_class = [test.labels == k for k in range(len(classes))]
    return LeakReport(
        rule=rule,
        classes=tuple(classes),
        examples=len(test),
        count=count_only(dev, test, len(classes)),
        mask_only=mask_only(dev, test, modality),
        swap=swap(predict, test, pairs=pairs, chunk=chunk, seed=seed),
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


def fitted(test: MaskSet, donor: int, row: int) -> np.ndarray:
    """The donor's mask stretched or squeezed to the units of `row`: (N,) bool."""
    n, out = test.units[row], np.zeros(test.masks.shape[1], dtype=bool)
    out[:n] = test.masks[donor, (2 * np.arange(n) + 1) * test.units[donor] // (2 * n)]
    return out


def scattered(test: MaskSet, row: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """A random mask of that share on the units of `row`: (N,) bool."""
    n, out = test.units[row], np.zeros(test.masks.shape[1], dtype=bool)
    out[rng.permutation(n)[: round(share * n)]] = True
    return out


def _said(predict: Predict, rows: np.ndarray, masks: np.ndarray, chunk: int) -> np.ndarray:
    starts = range(0, len(rows), chunk)
    parts = [(torch.from_numpy(rows[i : i + chunk]), torch.from_numpy(masks[i : i + chunk])) for i in starts]
    return np.concatenate([predict(*part).argmax(1).cpu().numpy() for part in parts])

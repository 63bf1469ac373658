"""What an evaluation on dev measures beside accuracy: gates, masks that ignore their input, leaks, a teacher copied.

All of it comes from selection and label logits that the accuracy needs anyway, but for the leaks, which swap masks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rekd import masks
from rekd.checkpoints import Checkpoint
from rekd.data import Encoded, encode
from rekd.measures.agreement import count
from rekd.measures.leakage import MaskSet, count_only, mask_only, swap
from rekd.measures.verdict import COUNT_MARGIN, MASK_MARGIN, SWAP_BOUND
from rekd.training.evaluate import accuracy, at_once, label_logits, own_logits, select_split, selection_logits
from rekd.training.setup import Setup
from rekd.types import Modality, Split
from rekd.units import ImageReader, TextReader, mark

MOST = 1000
"""Rows of dev that are measured, for all but the count: a share of them has a standard error of at most 1.6 points."""
FEWEST = 100
"""Rows of half a dev split below which leaks are not measured: one wrong guess in ten moves them by their bound."""
PAIRS = 500
"""Masks laid on another input: a third of a second for a small model on one core, a standard error of 2 to 3 points."""
COUPLES = 200
"""Pairs of examples whose masks are compared."""


class Health:
    """Called after a step, measures the model of a run on dev.

    Returns:
        dev_accuracy; where the model selects, what `gates`, `overlap`, `shares`, `counted`, `leaks` and `copied`
        give, each name with dev_ before it.
    """

    def __init__(self, setup: Setup):
        self.setup, self.rule = setup, "sampled" if setup.config.noise_at_test else "top-k"
        self.all = np.random.default_rng(0).permutation(len(setup.dev))
        self.order = self.all[:MOST]

    @cached_property
    def split(self) -> Split:
        """The rows of dev that are measured."""
        return self.setup.dev_split.take(self.setup.dev_rows[self.order])

    @cached_property
    def sample(self) -> Encoded:
        return self.setup.dev.take(self.order)

    @cached_property
    def plain(self) -> Tensor:
        return plain_units(self.split, self.setup.reader, self.sample.unit_mask.shape[1])

    @cached_property
    def reference(self) -> float | None:
        return planted_reference(self.split, self.setup.reader)

    @cached_property
    def taught(self) -> Tensor:
        return taught(self.setup.teacher, self.split, self.sample.device)

    def __call__(self, step: int) -> dict[str, float]:
        setup, config = self.setup, self.setup.config
        own = own_logits(setup.model, setup.dev, config.seed, rule=self.rule)
        out = {"dev_accuracy": accuracy(own.label, setup.dev.labels.cpu())}
        if own.selection is None:
            return out
        every, drawn = torch.from_numpy(self.all), torch.from_numpy(self.order)
        whole = (own.selection[every], setup.dev.unit_mask.cpu()[every], setup.dev.labels.cpu()[every])
        cut = masks.calibrate(*whole[:2], config.rate)
        selection, real, labels = (values[: len(drawn)] for values in whole)
        chosen = masks.top_k_mask(selection, real, config.rate)
        name = "border" if isinstance(setup.reader, ImageReader) else "marks"
        measured = gates(selection, real) | overlap(chosen, real) | shares(name, chosen, real, self.plain)
        measured |= counted(*whole, cut, len(setup.model.config.classes))
        measured |= leaks(setup.model, self.sample, selection, cut, self.reference, seed=step)
        if setup.teacher is not None:
            measured |= copied(own.label[drawn].argmax(1), self.taught, labels)
        return out | {f"dev_{name}": float(value) for name, value in measured.items()}


def gates(selection: Tensor, real: Tensor) -> dict[str, float]:
    """How the gates stand by l > 0 and by P(select), from selection logits (n, N) and which units are real (n, N).

    Returns:
        rate: share of units with l > 0, mean over examples. mean_probability: mean P(select). all, empty: share of
        examples in which l > 0 selects every unit, or none. certainty: mean |2 P(select) - 1|. decided: variance of
        P(select) within an example over that of gates which are 0 or 1 at the same mean: 0 all alike, 1 decided.
    """
    probs, units = selection.double().sigmoid() * real, real.sum(1)
    shares = ((selection > 0) & real).sum(1) / units
    means = probs.sum(1) / units
    within = ((probs - means[:, None]) ** 2 * real).sum(1) / units
    mean = float(means.mean())
    return {
        "rate": float(shares.mean()),
        "mean_probability": mean,
        "all": float((shares == 1).double().mean()),
        "empty": float((shares == 0).double().mean()),
        "certainty": float((((2 * probs - 1).abs() * real).sum(1) / units).mean()),
        "decided": float(within.mean()) / max(mean * (1 - mean), 1e-6),
    }


def overlap(chosen: Tensor, real: Tensor, seed: int = 0) -> dict[str, float]:
    """Mean IoU of the masks (n, N) of two examples, unit by unit in reading order, and that of random masks."""
    rows = torch.from_numpy(np.random.default_rng(seed).permutation(len(chosen))[: COUPLES + 1])
    first, second = rows[:-1], rows[1:]
    if not len(first):
        return {}
    counts = count(chosen[first], chosen[second], real[first] | real[second])
    return {"overlap": float(counts.iou().mean()), "overlap_chance": float(counts.shuffled(seed, 20).iou().mean())}


def shares(name: str, chosen: Tensor, real: Tensor, plain: Tensor) -> dict[str, float]:
    """Share of selected units that are `plain` (n, N), and of all units as its base."""
    found = {name: chosen, f"{name}_base": real}
    return {key: float((plain & of).sum() / of.sum().clamp(min=1)) for key, of in found.items()}


def plain_units(split: Split, reader: TextReader | ImageReader, width: int) -> Tensor:
    """Units that say little by themselves, (n, width) bool: without letter or digit; of images the outermost ring."""
    if isinstance(reader, ImageReader):
        rows, columns = reader.config.grid
        ring = torch.ones(rows, columns, dtype=torch.bool)
        ring[1:-1, 1:-1] = False
        return ring.flatten().expand(len(split), -1)
    out = torch.zeros(len(split), width, dtype=torch.bool)
    for start in range(0, len(split), 256):
        examples = [split[row] for row in range(start, min(start + 256, len(split)))]
        for row, (example, units) in enumerate(zip(examples, reader.read(examples).units, strict=True), start):
            words = (example.text[first:last] for first, last in units.places)
            out[row, : len(units)] = torch.tensor([not any(map(str.isalnum, word)) for word in words])
    return out


def planted_reference(split: Split, reader: TextReader | ImageReader) -> float | None:
    """Mask-only accuracy of planted masks between the halves of a split; None for texts and where none are planted."""
    if not isinstance(reader, ImageReader) or split.evidence is None:
        return None
    planted = torch.tensor([mark(reader.units, each) for each in split.evidence])
    return _between_halves(_only_mask("image"), planted, torch.ones_like(planted), torch.from_numpy(split.labels))


def counted(selection: Tensor, real: Tensor, labels: Tensor, cut: float, classes: int) -> dict[str, float]:
    """How far the number of selected units alone gives the label, from logits (n, N) in an order without pattern.

    Returns:
        count, its bound and the rows scored: each half under the guesses fitted on the other. Empty where rows are few,
        or half of them hold one class.
    """
    found = _between_halves(
        lambda fitted, scored: count_only(fitted, scored, classes), (selection > cut) & real, real, labels
    )
    rows = {"count_bound": 1 / classes + COUNT_MARGIN, "count_rows": len(labels)}
    return {} if found is None else {"count": found, **rows}


def leaks(
    model, data: Encoded, selection: Tensor, cut: float, reference: float | None, seed: int = 0
) -> dict[str, float]:
    """What the places of `calibrated` masks give away, before repair.

    Args:
        selection: (n, N) logits of `data`. cut: of the rule. reference: mask-only accuracy of honest masks.
        seed: of the pairs of the swap; another at each evaluation, so that several together say more than one.

    Returns:
        swap with its bound; mask with the rows scored, and its bound where there is a reference. Empty as `counted`.
    """
    real, labels = data.unit_mask.cpu(), data.labels.cpu()
    chosen = (selection > cut) & real
    found = _between_halves(_only_mask(model.config.reader.modality), chosen, real, labels)
    if found is None:
        return {}
    held = MaskSet(chosen, real, labels)
    laid = swap(_predict(model, data), held, pairs=PAIRS, chunk=at_once(data, data.device), seed=seed)
    out = {"mask": found, "mask_rows": len(labels), "swap": laid, "swap_bound": SWAP_BOUND}
    return out if reference is None else out | {"mask_bound": reference + MASK_MARGIN}


def _between_halves(guess: Callable[[MaskSet, MaskSet], float], *columns: Tensor) -> float | None:
    """The mean of an estimator fitted on either half and scored on the other; None where it would be noise."""
    half = len(columns[0]) // 2
    sets = [MaskSet(*(column[part] for column in columns)) for part in (slice(half), slice(half, None))]
    if half < FEWEST or min(len(np.unique(each.labels)) for each in sets) < 2:
        return None
    return (guess(*sets) + guess(*sets[::-1])) / 2


def _only_mask(modality: Modality) -> Callable[[MaskSet, MaskSet], float]:
    return lambda fitted, scored: mask_only(fitted, scored, modality)


def _predict(model, data: Encoded) -> Callable[[Tensor, Tensor], Tensor]:
    """What `swap` asks: label logits of rows under the masks given."""

    def predict(rows: Tensor, unit_masks: Tensor) -> Tensor:
        batch = data.batch(rows.numpy(), data.device)
        with torch.no_grad():
            return model.predict(batch, unit_masks[:, : batch.unit_mask.shape[1]].to(data.device))

    return predict


def taught(teacher: Checkpoint, split: Split, device: torch.device) -> Tensor:
    """What the teacher says of a split from its `calibrated` masks: (n,) classes."""
    data = encode(split, teacher.reader).to(device)
    chosen = select_split(teacher.model, data, selection_logits(teacher.model, data), "calibrated").mask
    return label_logits(teacher.model, data, chosen).argmax(1)


def copied(student: Tensor, teacher: Tensor, labels: Tensor) -> dict[str, Any]:
    """How far a student repeats its teacher's mistakes, from what both say (n,) and the labels (n,).

    Returns:
        teacher_mistakes: their number. copied: share of them on which the student says the same wrong class.
        copied_chance: that share if the student said so as often as it does of the class's other examples.
    """
    wrong = teacher != labels
    out = {"teacher_mistakes": int(wrong.sum())}
    if not wrong.any() or wrong.all():
        return out
    expected = []
    for label, said in zip(labels[wrong].tolist(), teacher[wrong].tolist(), strict=True):
        others = student[~wrong & (labels == label)]
        expected.append(float((others == said).double().mean()) if len(others) else 0.0)
    same = float((student == teacher)[wrong].double().mean())
    return out | {"copied": same, "copied_chance": float(np.mean(expected))}

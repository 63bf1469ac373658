"""The next example worth a look: a bounded, batched search through a data set. No Streamlit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rekd.checkpoints import Checkpoint
    from rekd.types import Example

REACH = 50
"""Examples looked at by one press."""
BLOCK = 10
"""Examples read together, and cached together; a search stops at the first block with a find."""

KINDS = {
    "wrong": "a model is wrong",
    "disagree": "models disagree",
    "rescued": "RE is wrong, REKD right",
    "apart": "masks differ most",
}


@dataclass(frozen=True)
class Outcome:
    """What one model did with one example: the class it predicted and the units it selected (all, without a mask)."""

    label: int
    mask: tuple[bool, ...]


@dataclass(frozen=True)
class Find:
    """index: the example found, None where none of those looked at fits. looked: how many were looked at.

    stop: the example to go on from.
    """

    index: int | None
    looked: int
    stop: int


def look(checkpoint: Checkpoint, examples: Sequence[Example], rule: str, seed: int) -> list[Outcome]:
    """Run one model over examples in one batch, under the same mask rule as the cards."""
    import torch

    from rekd.masks import evaluation_mask, logistic_noise

    model, batch = checkpoint.model, checkpoint.reader.read(examples).batch
    with torch.inference_mode():
        mask = None
        if model.config.selects:
            logits = model.select(batch)
            noise = logistic_noise(seed, 0, batch.ids, logits.shape[1]) if rule == "sampled" else None
            kept = {"rate": model.config.rate, "cut": model.config.cut, "noise": noise}
            mask, _ = evaluation_mask(rule, logits, batch.unit_mask, **kept)
        labels = model.predict(batch, mask).argmax(1).tolist()
    shown = (batch.unit_mask if mask is None else mask).tolist()
    sizes = batch.unit_mask.sum(1).tolist()
    return [Outcome(label, tuple(row[:size])) for label, row, size in zip(labels, shown, sizes, strict=True)]


def overlap(first: Sequence[bool], second: Sequence[bool]) -> float:
    """IoU over the units that both read."""
    both = sum(a and b for a, b in zip(first, second, strict=False))
    either = sum(first) + sum(second) - both
    return both / either if either else 1.0


def holds(kind: str, label: int, seen: Mapping[str, Outcome]) -> bool:
    """Whether an example with this true label and these outcomes by slot is one to stop at."""
    if kind == "wrong":
        return any(item.label != label for item in seen.values())
    if kind == "disagree":
        return len({item.label for item in seen.values()}) > 1
    return seen["re"].label != label and seen["rekd"].label == label


def pair(slots: Sequence[str]) -> tuple[str, str] | None:
    """Whose masks `apart` compares: teacher and REKD, else the first two that select."""
    selecting = [slot for slot in ("teacher", "rekd", "re") if slot in slots]
    return (selecting[0], selecting[1]) if len(selecting) > 1 else None


def offered(slots: Sequence[str]) -> list[str]:
    """The searches that make sense for the models compared."""
    fits = {
        "wrong": True,
        "disagree": len(slots) > 1,
        "rescued": {"re", "rekd"} <= set(slots),
        "apart": pair(slots) is not None,
    }
    return [kind for kind in KINDS if fits[kind]]


def search(
    kind: str,
    start: int,
    labels: Sequence[int],
    slots: Sequence[str],
    outcomes: Callable[[str, int, int], Sequence[Outcome]],
    reach: int = REACH,
) -> Find:
    """Look at the `reach` examples from `start` on, round the end of the data set.

    Args:
        labels: the true class of each example of the data set.
        outcomes: (slot, first, last) -> what that slot's model did with the examples first to last - 1.
    """
    total, looked, best = len(labels), 0, None
    while looked < min(reach, total):
        at = (start + looked) % total
        stop = min((at // BLOCK + 1) * BLOCK, total)
        block = {slot: outcomes(slot, at // BLOCK * BLOCK, stop) for slot in slots}
        for index in range(at, min(stop, at + min(reach, total) - looked)):
            looked += 1
            seen = {slot: rows[index % BLOCK] for slot, rows in block.items()}
            if kind == "apart":
                one, two = pair(slots)
                shared = overlap(seen[one].mask, seen[two].mask)
                best = min(best, (shared, looked, index)) if best else (shared, looked, index)
            elif holds(kind, labels[index], seen):
                return Find(index, looked, (index + 1) % total)
    return Find(best[2] if best else None, looked, (start + looked) % total)

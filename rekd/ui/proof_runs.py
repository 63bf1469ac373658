"""The checks of the section Proof, computed once: which other inputs are used, and what the models do with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rekd.ui import cache
from rekd.ui.picker import SPLIT

if TYPE_CHECKING:
    from rekd.checkpoints import Info
    from rekd.explanations.proof import Donor, Movement
    from rekd.explanations.proof_swap import Followed
    from rekd.types import Example, Explanation
    from rekd.ui.frame import Desk
    from rekd.units import Reading

FALLBACK = "reviews"
"""Built-in texts, for their words alone: what they are labelled with does not matter to the first check."""
SLOWER = {"text": 5, "image": 1}
"""What the draws are divided by where a model reads whole inputs: a whole text takes ten times a rationale's time."""


@dataclass(frozen=True)
class Source:
    """Where other content comes from. data: name of a data set, "" where none is at hand. labelled: with the models'
    labels. stamp: see `cache.split`."""

    data: str
    labelled: bool
    stamp: int = 0


def source(desk: Desk) -> Source:
    """The data set of the shown example, else one at hand with the models' labels, else built-in texts, else none.

    Raises:
        DataMissing, DataBroken: the data looked sound and are not.
    """
    from rekd.data.own.kept import stamp

    names = list(dict.fromkeys((desk.view.data, *desk.data_sets)))
    shown = () if desk.view.own else (desk.view.data,)  # its example is on the page, so it can be read
    found = next((name for name in names if name in desk.data_sets and (name in shown or cache.at_hand(name))), "")
    if found:
        cache.split(found, SPLIT)
        return Source(found, True, stamp(found))
    return unlabelled(desk.modality)


def unlabelled(modality: str) -> Source:
    """What is left where no data set with the models' labels can be read."""
    return Source(FALLBACK if modality == "text" else "", False)


def others(origin: Source, example: Example, most: int, seed: int, without: int | None = None) -> list[Example]:
    """Up to `most` other examples in seeded order, all with something to read. without: a class that is left out."""
    import numpy as np

    held, out = cache.split(origin.data, SPLIT), []
    for row in np.random.default_rng(seed).permutation(len(held)).tolist():
        if len(out) == most:
            break
        if held.labels[row] == without:
            continue
        other = held[row]
        if other.id != example.id and _readable(other):
            out.append(other)
    return out


def _readable(example: Example) -> bool:
    from rekd.units import words

    return example.text is None or bool(words(example.text[:1000]))


def donors(info: Info, example: Example, origin: Source, draws: int, seed: int) -> Sequence[Donor]:
    """Whose content fills the gaps. Without data at hand: the picture's own pixels, in another order each time."""
    from rekd.explanations import proof

    if not origin.data:
        own = cache.reading(info, example).pictures[0]
        return proof.donors(proof.shuffled(own, draws, seed), draws, seed)
    return proof.donors(others(origin, example, draws, seed), draws, seed)


@cache.kept(400)
def moved(
    info: Info, example: Example, item: Explanation, origin: Source, draws: int, seed: int, whole: bool
) -> Movement:
    """The first check of one mask; see `proof.movement`."""
    from rekd.explanations.proof import movement

    held, read = cache.checkpoint(info), cache.reading(info, example)
    return movement(held.model, held.reader, read, item.mask, donors(info, example, origin, draws, seed), whole=whole)


@cache.kept(400)
def followed(
    info: Info, example: Example, item: Explanation, label: int, origin: Source, most: int, seed: int
) -> Followed | None:
    """The second check of one mask, whose model says `label`; None where there is no example of another class."""
    from rekd.explanations.proof_swap import follow

    held, swapped = cache.checkpoint(info), others(origin, example, most, seed, without=label)
    return follow(held.model, held.reader, item.mask, label, swapped, seed) if swapped else None


@cache.kept(40)
def samples(info: Info, example: Example, item: Explanation, origin: Source, draws: int, seed: int, count: int):
    """The first of the scrambled inputs of `moved`: pictures (H, W, 3) uint8, or stretches as of `proof.pieces`."""
    from rekd.explanations import proof

    held, read = cache.checkpoint(info), cache.reading(info, example)
    part = donors(info, example, origin, draws, seed)[:count]
    batch = proof.scrambled(held.reader, read.batch, item.mask, part)
    if example.text is None:
        return [proof.picture(held.reader, batch.rows(slice(i, i + 1))) for i in range(len(part))]
    return [proof.pieces(held.reader, read, example.text, item.mask, batch.content[i]) for i in range(len(part))]


def carried(item: Explanation, reading: Reading) -> Explanation:
    """A model's rationale on the units of another reading."""
    from rekd.ui.scores import align

    units = reading.units[0]
    mask = tuple(align(item.mask, item.units, units, False))
    return replace(item, units=units, mask=mask, scores=tuple(map(float, mask)))


def at_random(reading: Reading, k: int, seed: int) -> Explanation:
    """The control: k units drawn evenly."""
    import torch

    from rekd.types import Explanation
    from rekd.ui.scores import largest

    units = reading.units[0]
    order = torch.rand(len(units), generator=torch.Generator().manual_seed(seed)).tolist()
    return Explanation("random", "", units, tuple(order), tuple(largest(order, min(k, len(units)))), "top-k", 0)

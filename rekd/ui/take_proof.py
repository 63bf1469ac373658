"""The first check of Proof for a record: does what the models left out reach their predictions?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rekd.ui import lineup, proof_runs

if TYPE_CHECKING:
    from rekd.explanations.proved import Moved, Proof
    from rekd.types import Example, Explanation
    from rekd.ui.frame import Desk
    from rekd.ui.proof_runs import Source
    from rekd.ui.take import Telling


def proof(
    desk: Desk, example: Example, found: Mapping[str, Explanation], left_out: list[str], telling: Telling
) -> Proof | None:
    """The check of each model that selects; None where none does or none can be checked, which is added to left_out."""
    from rekd.explanations.proved import Proof

    selecting = {slot: item for slot, item in found.items() if item.rule != "all"}
    if not selecting:
        return None
    with telling("Reading other inputs"):
        origin = _origin(desk, left_out)
    moved = tuple(_moved(desk, example, selecting, origin, left_out, telling))
    return Proof(origin.data, _content(desk, origin), moved) if moved else None


def _origin(desk: Desk, left_out: list[str]) -> Source:
    """Where other content comes from; the same on a page and on the command line, whose desk names no data sets."""
    from rekd.data import DataBroken, DataMissing

    anchor = lineup.anchor_of(desk.infos, desk.view.task, desk.view.teacher)
    try:
        return proof_runs.source(replace(desk, data_sets=tuple(lineup.data_sets(anchor, desk.specs))))
    except (DataMissing, DataBroken) as fault:
        left_out.append(f"Other inputs for the check of what was left out: {fault}"[:1000])
        return proof_runs.unlabelled(desk.modality)


def _moved(
    desk: Desk, example: Example, selecting: Mapping[str, Explanation], origin: Source, left_out, telling: Telling
) -> Iterator[Moved]:
    from rekd.explanations.proved import Moved

    draws, seed = desk.view.draws, desk.view.seed
    for slot, item in selecting.items():
        info = desk.chosen[slot]
        try:
            with telling(f"{info.name} reads scrambled inputs"):
                yield Moved(slot, proof_runs.moved(info, example, item, origin, draws, seed, False))
        except (ValueError, RuntimeError, MemoryError) as fault:  # an input that can't be read, or memory
            left_out.append(f"The check of what {info.name} left out can't be made: {fault}"[:1000])


def _content(desk: Desk, origin: Source) -> str:
    if not origin.data:
        return "the pixels of this very picture in another order, each time anew"
    kind = "test" if origin.labelled else "built-in"
    return f"what stands at the same place in {kind} examples of “{desk.specs[origin.data].title}”"

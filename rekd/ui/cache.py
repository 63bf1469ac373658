"""Nothing is computed twice: models, data and results by checkpoint hash, method, parameters and input.

Results are frozen records, shared as they are (cache_resource): nobody changes them, and nothing is pickled. torch and
the models are imported by the first call, so that a page's frame stands before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from rekd.imports import uncollected

if TYPE_CHECKING:
    from rekd.checkpoints import Checkpoint, Info
    from rekd.measures.faithfulness import Remembering
    from rekd.types import Example, Explanation, Prediction, Score, Split
    from rekd.ui.jumps import Outcome
    from rekd.units import Reading

# By name, so that nothing is imported for it. The id counts beside the content: sampled masks draw their noise from it.
_KEYS = {
    "rekd.checkpoints.folders.Info": lambda info: (info.name, info.hash, str(info.folder)),
    "rekd.types.Example": lambda example: (example.id, example.key, example.label),
    # As one string: Streamlit would hash number by number.
    "rekd.types.Explanation": lambda item: repr((item.method, item.model, item.units.places, item.mask, item.scores)),
}


def kept(entries: int):
    """The decorator of a function of frozen records whose last results are kept, for every visitor of this server."""
    return st.cache_resource(max_entries=entries, show_spinner=False, hash_funcs=_KEYS)


@st.cache_resource(ttl=15, show_spinner=False)
def shelf() -> tuple[list[Info], dict[Path, str]]:
    """All checkpoints of the known folders, and what is wrong with the folders that are none."""
    with uncollected():
        from rekd import checkpoints

    return checkpoints.available(), checkpoints.problems()


@st.cache_resource(show_spinner=False)
def added() -> dict[str, Info]:
    """Checkpoints that were loaded by hand, by name; one dict for the whole server, so that links to them work."""
    return {}


def infos() -> list[Info]:
    """Every checkpoint that can be chosen, those loaded by hand last: what one visitor loads is nobody's default.

    Of two with one name the one of the folders stands.
    """
    found = {info.name: info for info in shelf()[0]}
    return list((found | {name: info for name, info in added().items() if name not in found}).values())


def add(source: str) -> Info:
    """Load a checkpoint from a folder or a Hub id, strictly, and keep it on the list.

    Raises:
        CheckpointError: it can't be used; the message says why.
    """
    from rekd import checkpoints

    info = checkpoints.load(source).info
    known = {other.name: other for other in infos()}
    name = info.name
    if not Path(source).expanduser().exists() and source.count("/") == 1:
        name = source  # from the Hub, whose local folder is called by a commit
    elif name in known and known[name].folder != info.folder:
        name = f"{info.folder.parent.name}/{info.folder.name}"
    added()[name] = replace(info, name=name)
    return added()[name]


@kept(10)
def checkpoint(info: Info) -> Checkpoint:
    """A loaded model with its reader."""
    from rekd import checkpoints

    with uncollected():
        return checkpoints.load(info.folder)


def at_hand(task: str) -> bool:
    """Whether a data set can be read without the network; a broken folder is read as absent, and said when opened."""
    from rekd.data import DataBroken, data_at_hand

    try:
        return data_at_hand(task)
    except DataBroken:
        return False


def split(task: str, name: str = "test") -> Split:
    """One split of a data set.

    Raises:
        DataMissing, DataBroken: the data are not here, or damaged; the message says what to do.
    """
    from rekd.data.own.kept import stamp

    return _split(task, name, stamp(task))


@kept(2)
def _split(task: str, name: str, stamp: int) -> Split:
    """stamp: of own data, which may be removed and others kept under their name."""
    from rekd.data import load_split

    return load_split(task, name)


@kept(64)
def reading(info: Info, example: Example) -> Reading:
    """The example as this model reads it."""
    return checkpoint(info).reader.read([example])


@kept(600)
def rationale(info: Info, example: Example, rule: str, seed: int) -> Explanation:
    """What a model selected and what it says from that alone; of a model that does not select, the whole input."""
    from rekd.explanations.rationale import rationale, whole_input

    model, read = checkpoint(info).model, reading(info, example)
    if not info.config.selects:
        return whole_input(info.name, model, read)
    return rationale(info.name, model, read, rule=rule, seed=seed)


@kept(200)
def opinion(judge: Info, example: Example) -> Prediction:
    """What a judge says of the whole input, every unit visible."""
    from rekd.explanations.rationale import predict

    return predict(checkpoint(judge).model, reading(judge, example), None)


@kept(8)
def asked(judge: Info, example: Example) -> Remembering:
    """The judge of one input, which answers for each mask once, whichever row asks."""
    from rekd.explanations import rationale as explained
    from rekd.measures.faithfulness import Remembering

    return Remembering(explained.judge(checkpoint(judge).model, reading(judge, example)))


@kept(2000)
def score(
    judge: Info,
    example: Example,
    item: Explanation,
    target: int,
    reference: Explanation | None,
    more: tuple[str, ...] = (),
    _beside: Sequence[Explanation] = (),
) -> dict[str, Score]:
    """One row of the score table; see `scores.row`. _beside: whose rows are wanted too; their masks share batches."""
    import torch

    from rekd.ui.scores import asked_of, row

    ask, read = asked(judge, example), reading(judge, example)
    if _beside:
        ask(torch.cat([asked_of(each, read, more) for each in (item, *_beside)]))
    return row(ask, read, example, item, target, reference, more)


@kept(400)
def score_random(
    judge: Info, example: Example, k: int, target: int, reference: Explanation | None, more: tuple[str, ...] = ()
) -> dict[str, Score]:
    """The random control's row; see `scores.random_row`."""
    from rekd.ui.scores import random_row

    return random_row(asked(judge, example), reading(judge, example), example, k, target, reference, more)


@kept(400)
def outcomes(info: Info, task: str, start: int, stop: int, rule: str, seed: int) -> list[Outcome]:
    """Predicted classes and masks of a stretch of a data set; see `jumps.look`."""
    from rekd.ui.jumps import look

    rows = split(task)
    return look(checkpoint(info), [rows[i] for i in range(start, min(stop, len(rows)))], rule, seed)


def clear() -> None:
    """Forget everything; tests call it, since cached values outlive a session."""
    from rekd.ui import attributing

    st.cache_resource.clear()
    st.cache_data.clear()
    attributing.clear()

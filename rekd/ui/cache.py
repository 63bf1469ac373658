"""Nothing is computed twice: models, data and results by checkpoint hash, method, parameters and input.

Results are frozen records, shared as they are (cache_resource): nobody changes them, and nothing is pickled. torch and
the models are imported by the first call, so that a page's frame stands before.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from rekd.checkpoints import Checkpoint, Info
    from rekd.types import Example, Explanation, Split
    from rekd.ui.jumps import Outcome
    from rekd.ui.scores import Plan, Table
    from rekd.units import Reading

# By name, so that nothing is imported for it. The id counts beside the content: sampled masks draw their noise from it.
_KEYS = {
    "rekd.checkpoints.Info": lambda info: (info.name, info.hash, str(info.folder)),
    "rekd.types.Example": lambda example: (example.id, example.key, example.label),
    "rekd.ui.scores.Plan": lambda plan: plan.key,
}


def _kept(entries: int):
    return st.cache_resource(max_entries=entries, show_spinner=False, hash_funcs=_KEYS)


@st.cache_resource(ttl=15, show_spinner=False)
def shelf() -> tuple[list[Info], dict[Path, str]]:
    """All checkpoints of the known folders, and what is wrong with the folders that are none."""
    from rekd import checkpoints

    return checkpoints.available(), checkpoints.problems()


@st.cache_resource(show_spinner=False)
def added() -> dict[str, Info]:
    """Checkpoints that were loaded by hand, by name; one dict for the whole server, so that links to them work."""
    return {}


def infos() -> list[Info]:
    """Every checkpoint that can be chosen; of two with one name the one of the folders stands."""
    found = {info.name: info for info in [*added().values(), *shelf()[0]]}
    return sorted(found.values(), key=lambda info: info.name)


def add(source: str) -> Info:
    """Load a checkpoint from a folder or a Hub id, strictly, and keep it on the list.

    Raises:
        CheckpointError: it can't be used; the message says why.
    """
    from rekd import checkpoints

    info = checkpoints.load(source).info
    added()[info.name] = info
    return info


@_kept(10)
def checkpoint(info: Info) -> Checkpoint:
    """A loaded model with its reader."""
    from rekd import checkpoints

    return checkpoints.load(info.folder)


def at_hand(task: str) -> bool:
    """Whether a data set can be read without the network; a broken folder is read as absent, and said when opened."""
    from rekd.data import DataBroken, data_at_hand

    try:
        return data_at_hand(task)
    except DataBroken:
        return False


@_kept(2)
def split(task: str, name: str = "test") -> Split:
    """One split of a data set.

    Raises:
        DataMissing, DataBroken: the data are not here, or damaged; the message says what to do.
    """
    from rekd.data import load_split

    return load_split(task, name)


@_kept(64)
def reading(info: Info, example: Example) -> Reading:
    """The example as this model reads it."""
    return checkpoint(info).reader.read([example])


@_kept(600)
def rationale(info: Info, example: Example, rule: str, seed: int) -> Explanation:
    """What a model selected and what it says from that alone; of a model that does not select, the whole input."""
    from rekd.explanations.rationale import rationale, whole_input

    model, read = checkpoint(info).model, reading(info, example)
    if not info.config.selects:
        return whole_input(info.name, model, read)
    return rationale(info.name, model, read, rule=rule, seed=seed)


@_kept(600)
def attribution(info: Info, example: Example, method: str, k: int, seed: int) -> Explanation:
    """A Captum method on a model, cut to k units."""
    from rekd.explanations.attributions import attribute

    model, read = checkpoint(info).model, reading(info, example)
    return attribute(method, info.name, model, read, rate=info.config.rate, k=k, seed=seed)


@_kept(200)
def score_table(judge: Info, example: Example, plan: Plan) -> Table:
    """The score table's rows; see `scores.rows`."""
    from rekd.ui.scores import rows

    return rows(checkpoint(judge), reading(judge, example), example, plan)


@_kept(400)
def outcomes(info: Info, task: str, start: int, stop: int, rule: str, seed: int) -> list[Outcome]:
    """Predicted classes and masks of a stretch of a data set; see `jumps.look`."""
    from rekd.ui.jumps import look

    rows = split(task)
    return look(checkpoint(info), [rows[i] for i in range(start, min(stop, len(rows)))], rule, seed)


def clear() -> None:
    """Forget everything; tests call it, since cached values outlive a session."""
    st.cache_resource.clear()
    st.cache_data.clear()

"""What the page Results shows of all that there is: chosen by widgets, kept in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import streamlit as st

from rekd.results.row import KINDS, PARTS
from rekd.ui.view import RULES

ALL = "all"
YOURS = "yours"
PART_NAMES = {ALL: "All parts", **PARTS, YOURS: "Your runs alone"}
FRONTIER = "frontier"
"""Anchor of the charts among which a run is looked at."""
KIND_NAMES = {ALL: "All kinds", **KINDS}


@dataclass(frozen=True)
class Chosen:
    """task, size, kind, part: what the table is narrowed to; ALL does not narrow, part "" is the first that has rows of
    the task. student: whose charts are drawn, as `student_key`, "" for the first. rule: of masks, in the frontier.
    run: the run that is looked at, "" for none."""

    task: str = ALL
    size: str = ALL
    kind: str = ALL
    part: str = ""
    student: str = ""
    rule: str = "top-k"
    run: str = ""


_FIXED = {"kind": tuple(KIND_NAMES), "part": tuple(PART_NAMES), "rule": RULES}


def student_key(task: str, size: str) -> str:
    """A student in the address: "imdb: 2 layers x 384"."""
    return f"{task}: {size}"


def parse(params: Mapping[str, str]) -> tuple[Chosen, list[str]]:
    """What an address chooses, and a sentence for each part of it that could not be used. Never raises."""
    names = [field.name for field in fields(Chosen)]
    notes = [f"The address names “{name[:40]}”, which is not known here." for name in params if name not in names]
    values = {name: params[name][:200] for name in names if name in params}
    for name, allowed in _FIXED.items():
        if name in values and values[name] not in allowed:
            notes.append(_unknown(name, values.pop(name), allowed))
    return Chosen(**values), notes


def settled(chosen: Chosen, held: Mapping[str, Sequence[str]]) -> tuple[Chosen, list[str]]:
    """With what is not there replaced, and a sentence for each replacement. held: field -> values that are there."""
    notes, plain = [], Chosen()
    for name, allowed in held.items():
        if (value := getattr(chosen, name)) != getattr(plain, name) and value not in allowed:
            notes.append(_unknown(name, value, allowed))
            chosen = replace(chosen, **{name: getattr(plain, name)})
    return chosen, notes


def _unknown(name: str, value: str, allowed: Sequence[str]) -> str:
    many = len(allowed) > 12  # of runs there are hundreds
    some = ", ".join(allowed[: 4 if many else 12]) + (", …" if many else "")
    usual = getattr(Chosen(), name) or ("the first with rows" if name == "part" else "none")
    what = f"is none of {some}" if some else "is not known here"
    return f"The address has {name} “{value[:60]}”, which {what}; {usual} is used."


def address(chosen: Chosen) -> dict[str, str]:
    """As query parameters; what nobody chose is left out."""
    values = {field.name: getattr(chosen, field.name) for field in fields(Chosen)}
    return {field.name: values[field.name] for field in fields(Chosen) if values[field.name] != field.default}


def current() -> tuple[Chosen, list[str]]:
    """As last changed in this session, or as the address says where that was opened or gone back to.

    An empty address, on the page reached by a link of ours, keeps what was chosen.
    """
    session, seen = st.session_state, st.query_params.to_dict()
    moved, notes = session.pop("r_moved", False), []
    if "r_chosen" not in session or (not moved and seen and seen != session.get("r_written")):
        session["r_chosen"], notes = parse(seen)
    return session["r_chosen"], notes


def shown() -> Chosen:
    """As it stands, for a part of the page that is redrawn alone."""
    st.session_state.pop("r_moved", None)
    return st.session_state["r_chosen"]


def settle(chosen: Chosen) -> None:
    """Make it this session's and write it to the address."""
    st.session_state["r_chosen"] = chosen
    written = st.session_state["r_written"] = address(chosen)
    if st.query_params.to_dict() != written:
        st.query_params.from_dict(written)


def change(**values: Any) -> None:
    """Change it from a callback; a part of the page that is redrawn alone is behind no run of the whole page."""
    settle(replace(st.session_state.get("r_chosen", Chosen()), **values))
    st.session_state["r_moved"] = True


def widget(name: str, value: str, **reset: str) -> dict[str, Any]:
    """Keyword arguments of a widget that shows `value` and writes a change to the field; `reset` starts others anew."""
    key = f"r_{name}_box"
    if st.session_state.get(key) != value:
        st.session_state[key] = value
    return {"key": key, "on_change": _put, "args": (name, reset)}


def _put(name: str, reset: Mapping[str, str]) -> None:
    if (value := st.session_state[f"r_{name}_box"]) is not None:  # a click on the chosen segment empties it
        change(**{**reset, name: value})

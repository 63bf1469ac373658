"""What a person chose for new runs, as one frozen record, and its way into the address and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import streamlit as st

from rekd.config import KINDS, PRESETS, TrainConfig
from rekd.training.seeds import read_seeds, seeds_text

OTHERS = ("run", "runs", "new")
"""Query parameters of the page around the form; they are left as they are."""
FIELDS = {f.name: f for f in fields(TrainConfig) if f.name != "seed"}
CHOICES = {"kind": KINDS, "preset": tuple(PRESETS)}
"""Fields that decide where the form starts: with another value there is no form to say what is wrong with it."""


@dataclass(frozen=True)
class Choice:
    """Everything that decides what the form shows and starts.

    line: name of a line-up, "" to set everything oneself. slot: the member whose settings are open; "" trains members
    as they are. members: slots that are trained, () for all. seeds: () for the line-up's own. device: "" for the best.
    source: name of the run that this one is a duplicate of. values: fields of `TrainConfig` that differ from there.
    """

    line: str = "laptop"
    slot: str = ""
    members: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    device: str = ""
    source: str = ""
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def whole(self) -> bool:
        """Whether the full form is open, on one configuration."""
        return bool(self.source or self.slot or not self.line)


_NAMES = {"line": "line", "slot": "slot", "device": "device", "source": "from"}
_LISTS = {"members": "members", "seeds": "seeds"}
_KNOWN = (*_NAMES.values(), *_LISTS.values(), *FIELDS)


def address(choice: Choice) -> dict[str, str]:
    """The choice as query parameters; what is as the form opens is left out."""
    plain, out = Choice(), {}
    for name, key in _NAMES.items():
        if (value := getattr(choice, name)) != getattr(plain, name):
            out[key] = value or "-"
    if choice.members:
        out["members"] = ",".join(choice.members)
    if choice.seeds:
        out["seeds"] = seeds_text(choice.seeds)
    return out | {name: _written(value) for name, value in choice.values.items()}


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, Mapping):
        return json.dumps(dict(value), separators=(",", ":"))
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def parse(params: Mapping[str, str], lines: Mapping[str, Sequence[str]]) -> tuple[Choice, list[str]]:
    """A choice from query parameters, and a sentence for each that was ignored. Never raises.

    Args:
        lines: names of the line-ups, with their slots.
    """
    notes: list[str] = []
    known = {name: value for name, value in params.items() if name not in OTHERS}
    for name in [name for name in known if name not in _KNOWN]:
        notes.append(f"The address names {_quote(name)}, which the form does not know; it is left out.")
    out: dict[str, Any] = {}
    for name, key in _NAMES.items():
        if key in known:
            out[name] = "" if known[key] == "-" else known[key][:200]
    if out.get("line") and out["line"] not in lines:
        notes.append(f"The address names the start {_quote(out.pop('line'))}; known are {', '.join(lines)}.")
    slots = lines.get(out.get("line", Choice.line), ())
    if out.get("slot") and out["slot"] not in slots:
        notes.append(f"The address names the member {_quote(out.pop('slot'))}; known are {', '.join(slots)}.")
    if "members" in known:
        asked = known["members"].split(",")
        out["members"] = tuple(slot for slot in slots if slot in asked)
        notes += [
            f"The address names the member {_quote(slot)}, which is unknown." for slot in asked if slot not in slots
        ]
    if "seeds" in known:
        try:
            out["seeds"] = read_seeds(known["seeds"])
        except ValueError as fault:
            notes.append(f"The address has seeds {_quote(known['seeds'])}: {fault}")
    out["values"] = _values(known, notes)
    return Choice(**out), notes


def _values(params: Mapping[str, str], notes: list[str]) -> dict[str, Any]:
    out = {}
    for name in FIELDS:
        if name in params and name in CHOICES and params[name] not in CHOICES[name]:
            known = ", ".join(CHOICES[name])
            notes.append(f"The address has {name} {_quote(params[name])}; known are {known}; it is left out.")
        elif name in params:
            try:
                out[name] = read_value(name, params[name][:4000])
            except (ValueError, TypeError, RecursionError):  # the last of JSON within JSON within JSON
                notes.append(f"The address has {name} {_quote(params[name])}, which can't be read; it is left out.")
    return out


def read_value(name: str, text: str) -> Any:
    """The value of a field of `TrainConfig` from its text.

    Raises:
        ValueError: it is none.
    """
    kind = FIELDS[name].type.split("[")[0]
    if kind == "bool":
        if text not in ("0", "1"):
            raise ValueError(f"{name} is {text!r}; it must be 0 or 1")
        return text == "1"
    if kind == "Mapping":
        if not isinstance(value := json.loads(text), dict):
            raise ValueError(f"{name} is {text!r}; it must be a JSON object")
        return value
    if kind == "tuple":
        return tuple(int(part) for part in text.split(",")) if text else ()
    if kind == "int":
        return int(text)
    if kind == "float":
        value = float(text)
        if value != value or abs(value) > 1e12:
            raise ValueError(f"{name} is {text!r}; it must be a number")
        return value
    return text


def _quote(text: str) -> str:
    return f"“{text[:40]}”"


def current(lines: Mapping[str, Sequence[str]]) -> Choice:
    """This session's choice: as last changed, or read from the address when that was opened or gone back to."""
    session = st.session_state
    seen = {name: value for name, value in st.query_params.to_dict().items() if name not in OTHERS}
    moved = session.pop("form_moved", False)
    # As on the other pages (rekd.ui.state): a run that a widget started never reads the address.
    if "form" not in session or (not moved and seen != session.get("form_written", {})):
        session["form"], session["form_notes"] = parse(seen, lines)
        session.pop("form_complaints", None)
    elif moved:
        session["form_notes"] = []
    return session["form"]


def shown() -> Choice:
    """The choice as it stands, for callbacks."""
    return st.session_state.get("form", Choice())


def settle(choice: Choice) -> None:
    """Make `choice` this session's and write it into the address, beside what the page keeps there."""
    st.session_state["form"] = choice
    written = address(choice)
    params = st.query_params.to_dict()
    kept = {name: value for name, value in params.items() if name in OTHERS}
    if params != kept | written:
        st.query_params.from_dict(kept | written)
    st.session_state["form_written"] = written


def leave() -> None:
    """Forget the choice, and take it out of the address: the form was sent, or is not shown any more."""
    for name in ("form", "form_written", "form_notes", "form_moved", "form_base", "form_complaints"):
        st.session_state.pop(name, None)
    params = st.query_params.to_dict()
    st.query_params.from_dict({name: value for name, value in params.items() if name in OTHERS})


def touch() -> None:
    """The callback of whatever changes nothing of the choice: the run that follows keeps it."""
    st.session_state["form_moved"] = True


def change(**values: Any) -> None:
    """Change the choice from a callback; the run that follows shows it, and what was complained of is past."""
    st.session_state["form"] = replace(shown(), **values)
    st.session_state.pop("form_complaints", None)
    touch()


def complain(about: str, sentence: str) -> None:
    """Say from a callback what was wrong with an input, which changes nothing; it stands until a change succeeds."""
    st.session_state["form_complaints"] = st.session_state.get("form_complaints", {}) | {about: sentence}
    touch()


def complaint(about: str) -> str:
    """What was wrong with the input of that name; "" for nothing."""
    return st.session_state.get("form_complaints", {}).get(about, "")


def notes() -> list[str]:
    """Sentences about what of the address could not be used."""
    return st.session_state.get("form_notes", [])

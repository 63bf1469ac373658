"""What a person chose, as one frozen record, and its way into the address and back."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from rekd.ui import keep

RULES = ("calibrated", "top-k", "threshold", "sampled")
SHOWS = ("mask", "select", "difference")
SLOTS = ("teacher", "cls", "re", "rekd")
METHODS = (
    "IntegratedGradients",
    "GradientShap",
    "FeatureAblation",
    "Saliency",
    "InputXGradient",
    "DeepLift",
    "LayerGradCam",
    "AttentionRollout",
    "Occlusion",
    "ShapleyValueSampling",
    "KernelShap",
    "Lime",
)
DEFAULT_METHODS = METHODS[:3]
DEEPER = ("captum", "chance", "proof", "paint", "take")
DRAWS = (20, 100, 500)
TAUS = (5.0, 0.1)
"""The highest and the lowest temperature of training: what the slider runs through."""
SIFTS = ("all", "disagree", "wrong", "rescued")
ORDERS = ("number", "apart")
IN_ADDRESS = 4_000
"""Characters of an own text that travel in the address; longer texts are kept on the server."""
LARGEST = 10**9


@dataclass(frozen=True)
class View:
    """Everything that decides what Explore shows; "" is "not chosen yet, take the default".

    text: the own text, whole. upload: content hash of the own picture. teacher, cls, re, rekd: names of the models
    compared. explain: the slot whose model Captum explains. judge: name of the model that scores, target: of the class
    that methods explain and it scores; aopc, curves, infidelity: what the table has beyond. An empty slot is "-".
    against: the slot that the difference is taken to. deeper: what stands below the cards. draws: masks that are drawn,
    or inputs that are scrambled. tau: temperature of the relaxed mask. painted: a mask of one's own, packed.
    many: with `own`, a batch of inputs instead of one. batch: its content hash. row: the input of it that is opened,
    counted from 1; 0 is the table, of which `page`, from 0, shows what `sift` leaves in `order`.
    """

    task: str = ""
    data: str = ""
    own: bool = False
    example: int = 0
    text: str = ""
    upload: str = ""
    teacher: str = ""
    cls: str = ""
    re: str = ""
    rekd: str = ""
    rule: str = "calibrated"
    seed: int = 0
    show: str = "mask"
    methods: tuple[str, ...] = DEFAULT_METHODS
    explain: str = "cls"
    judge: str = ""
    target: str = ""
    aopc: bool = False
    curves: bool = False
    infidelity: bool = False
    against: str = ""
    deeper: str = DEEPER[0]
    draws: int = 100
    tau: float = 1.0
    painted: str = ""
    many: bool = False
    batch: str = ""
    row: int = 0
    page: int = 0
    sift: str = SIFTS[0]
    order: str = ORDERS[0]

    @property
    def given(self) -> str:
        """What the input is: "example" of a data set, "own" or "many"."""
        return ("many" if self.many else "own") if self.own else "example"

    def model(self, slot: str) -> str:
        return getattr(self, slot)


_PLAIN = View()
_CHOICES = {"rule": RULES, "show": SHOWS, "explain": SLOTS, "against": SLOTS, "deeper": DEEPER}
_CHOICES |= {"sift": SIFTS, "order": ORDERS}
_NUMBERS = ("example", "seed", "row", "page")
_SWITCHES = ("own", "aopc", "curves", "infidelity", "many")
_NAMES = ("task", "data", *SLOTS, "judge", "target")
_PACKED = re.compile(r"[1-9][0-9]{0,4}-[0-9a-f]{1,2000}")
_KNOWN = tuple(f.name for f in fields(View)) + ("kept",)


def address(view: View) -> dict[str, str]:
    """The view as query parameters; what equals the fixed default is left out.

    A text that is not shown is kept on the server, so that it is there again after a reload and not in the address.
    """
    out = {}
    for field in fields(View):
        value = getattr(view, field.name)
        if value == field.default or field.name in ("text", "upload"):
            continue
        if field.name in _SWITCHES:
            out[field.name] = "1"
        else:
            out[field.name] = ",".join(value) or "-" if field.name == "methods" else str(value)
    if view.given == "own" and view.text and len(view.text) <= IN_ADDRESS:
        out["text"] = view.text
    elif view.text:
        out["kept"] = keep.keep_text(view.text)
    if view.upload:
        out["upload"] = view.upload
    return out


def parse(params: Mapping[str, str]) -> tuple[View, list[str]]:
    """A view from query parameters, and a sentence for each that was ignored. Never raises."""
    values: dict[str, Any] = {}
    notes = [f"The address names {_quote(name)}, which is not known here." for name in params if name not in _KNOWN]
    for name in _NAMES:
        if name in params:
            values[name] = params[name][:200]
    for name, allowed in _CHOICES.items():
        if name in params:
            _take(values, notes, name, params[name], params[name] in allowed, allowed)
    for name in _NUMBERS:
        if name in params:
            number = params[name]
            fine = number.isascii() and number.isdecimal() and len(number) <= 10 and int(number) <= LARGEST
            if fine:
                values[name] = int(number)
            else:
                limits = f"which is no whole number from 0 to {LARGEST:,}"
                notes.append(f"The address has {name} {_quote(number)}, {limits}; {_usual(name)} is used.")
    _numbers_of_chance(params, values, notes)
    if "painted" in params:
        fine = bool(_PACKED.fullmatch(params["painted"]))
        _take(values, notes, "painted", params["painted"], fine, ("a number of units and a mask such as 12-a3f",))
    if "methods" in params:
        values["methods"] = _methods(params["methods"], notes)
    values |= {name: params.get(name, "") == "1" for name in _SWITCHES}
    values |= _own(params, notes)
    return View(**values), notes


def _numbers_of_chance(params: Mapping[str, str], values: dict[str, Any], notes: list[str]) -> None:
    if "draws" in params:
        known = {str(number): number for number in DRAWS}
        _take(values, notes, "draws", known.get(params["draws"], params["draws"]), params["draws"] in known, known)
    if "tau" in params:
        tau = _number(params["tau"])
        fine = tau is not None and TAUS[1] <= tau <= TAUS[0]
        limits = (f"the numbers from {TAUS[1]:g} to {TAUS[0]:g}",)
        _take(values, notes, "tau", tau if fine else params["tau"], fine, limits)


def _number(text: str) -> float | None:
    try:
        value = float(text) if text.isascii() and len(text) <= 20 else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _quote(value: str) -> str:
    return f"“{value[:40]}”"


def _usual(name: str) -> str:
    return str(getattr(_PLAIN, name))


def _take(values, notes, name: str, value: str, fine: bool, allowed) -> None:
    if fine:
        values[name] = value
    else:
        known = ", ".join(allowed)
        notes.append(f"The address has {name} {_quote(value)}, which is none of {known}; {_usual(name)} is used.")


def _methods(value: str, notes: list[str]) -> tuple[str, ...]:
    asked = [] if value == "-" else list(dict.fromkeys(value.split(",")))
    for name in asked:
        if name not in METHODS:
            notes.append(f"The address names the method {_quote(name)}; known are {', '.join(METHODS)}.")
    return tuple(name for name in asked if name in METHODS)


def _own(params: Mapping[str, str], notes: list[str]) -> dict[str, str]:
    out = {}
    if "text" in params:
        out["text"] = params["text"][:IN_ADDRESS]
    if "kept" in params:
        text = keep.find_text(params["kept"])
        if text is None:
            notes.append("The text of this address is not on this server (any more); type or paste it again.")
        else:
            out["text"] = text
    if "upload" in params:
        if keep.find_image(params["upload"]) is None:
            notes.append("The picture of this address is not on this server (any more); upload it again.")
        else:
            out["upload"] = params["upload"]
    if "batch" in params:
        if keep.holds(params["batch"], keep.BATCH):
            out["batch"] = params["batch"]
        else:
            notes.append(
                "The batch of this address is not on this server (any more); paste or upload its inputs again."
            )
    return out


def current() -> View:
    """This session's view: as last changed, or read from the address when that was opened or gone back to."""
    session = st.session_state
    seen = st.query_params.to_dict()
    moved = session.pop("moved", False)
    # A click can overtake the address that the last run sent to the browser: a run that a widget started never reads
    # it, or what was just typed would be lost. An empty address, on a page reached by a link of ours, keeps the view.
    if "view" not in session or (not moved and seen and seen != session.get("written")):
        session["view"], session["notes"] = parse(seen)
    elif moved:
        session["notes"] = []
    return session["view"]


def shown() -> View:
    """The view as it stands, for callbacks."""
    return st.session_state.get("view", _PLAIN)


def settle(view: View, notes: Sequence[str] = ()) -> None:
    """Make `view` this session's, write it to the address, and keep the notes until the next change.

    A part that is redrawn alone calls it too: no run of the whole page follows its callbacks.
    """
    st.session_state["view"] = view
    st.session_state.pop("moved", None)
    st.session_state["notes"] = [*st.session_state.get("notes", []), *notes]
    written = address(view)
    if st.query_params.to_dict() != written:
        st.query_params.from_dict(written)
    st.session_state["written"] = written


def touch() -> None:
    """The callback of every button that changes nothing of the view: the run that follows keeps the view as it is."""
    st.session_state["moved"] = True


def change(**values: Any) -> None:
    """Change the view from a callback; the run that follows shows it."""
    st.session_state["view"] = replace(shown(), **values)
    touch()


def widget(name: str, value: Any, *, reset: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Keyword arguments of a widget that shows `value` and writes a change to the view's field `name`.

    reset: fields that start anew when this one changes.
    """
    key = f"w_{name}"
    if st.session_state.get(key) != value:  # setting what it shows already would wipe what is being typed into it
        st.session_state[key] = value
    return {"key": key, "on_change": _put, "args": (name, reset or {})}


def _put(name: str, reset: Mapping[str, Any]) -> None:
    value = st.session_state[f"w_{name}"]
    if value is None:  # a click on the chosen segment empties it: keep what was chosen
        return
    change(**reset | {name: tuple(value) if isinstance(value, list) else value})


def notes() -> list[str]:
    """Sentences about what of the address could not be used."""
    return st.session_state.get("notes", [])


def link(view: View) -> str:
    """The whole address of this view, to paste anywhere, without an input of one's own that is not shown."""
    if view.given != "own":
        view = replace(view, text="", upload="")
    if view.given != "many":
        view = replace(view, batch="", row=0, page=0, sift=SIFTS[0], order=ORDERS[0])
    base = (st.context.url or "http://localhost:8501").split("?")[0].rstrip("/")
    return f"{base}/?{urlencode(address(view), errors='replace')}"

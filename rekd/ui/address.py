"""A view's way into the address and back. No Streamlit."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from rekd.ui import keep
from rekd.ui.view import (
    DEEPER,
    DRAWS,
    IN_ADDRESS,
    LARGEST,
    METHODS,
    ORDERS,
    RULES,
    SHOWS,
    SIFTS,
    SLOTS,
    TAUS,
    View,
)

_PLAIN = View()
_CHOICES = {"rule": RULES, "show": SHOWS, "explain": SLOTS, "against": SLOTS, "deeper": DEEPER}
_CHOICES |= {"sift": SIFTS, "order": ORDERS}
_NUMBERS = ("example", "seed", "row", "page")
_SWITCHES = ("own", "aopc", "curves", "infidelity", "many")
_NAMES = ("task", "data", *SLOTS, "judge", "target")
_EMPTY = ("-", "none")
"""What an empty slot and no method at all are called; "-" is what the page writes itself."""
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
    values |= {slot: _EMPTY[0] for slot in SLOTS if values.get(slot) in _EMPTY}
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
    asked = [] if value in _EMPTY else list(dict.fromkeys(value.split(",")))
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

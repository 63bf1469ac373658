"""The board on which a mask is painted: a two-way component, its script and style beside it in canvas/."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from rekd.ui.paint import Cell, Easel, Sheet

if TYPE_CHECKING:
    import numpy as np

KEY = "paint_board"
_CANVAS = Path(__file__).with_name("canvas")
SHARP = 112
"""Pixels of the longer side up to which a picture is drawn with hard edges, as on the cards."""


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    """Registered when first drawn; the wrapper registers it again on a server that does not know it."""
    style, script = ((_CANVAS / name).read_text(encoding="utf-8") for name in ("board.css", "board.js"))
    return st.components.v2.component("rekd_paint_board", css=style, js=script)


def board(
    sheet: Sheet,
    easel: Easel,
    painted: str,
    label: str,
    picture: np.ndarray | None,
    on_stroke: Callable[[dict[str, Any]], None],
    on_command: Callable[[str], None],
) -> None:
    """Draw the board.

    Args:
        painted: the packed mask. label: what it shows, for screen readers. picture: of a sheet of patches, (H, W, 3)
        uint8. on_stroke: called before the next run with what the browser sends, {"sheet", "painted", "turn"}.
        on_command: with "undo" or "redo", asked for by the keyboard.
    """

    def told(event: str, act: Callable[[Any], None]) -> Callable[[], None]:
        return lambda: act(st.session_state[KEY].get(event))

    data = {
        "sheet": easel.sheet,
        "turn": easel.turn,
        "version": easel.version,
        "painted": painted,
        "label": label,
        **_drawn(sheet),
        **({} if picture is None else _pictured(picture)),
    }
    _component()(
        key=KEY, data=data, on_stroke_change=told("stroke", on_stroke), on_command_change=told("command", on_command)
    )


def _drawn(sheet: Sheet) -> dict[str, Any]:
    more = f"and {sheet.hidden:,} more characters" if sheet.hidden else ""
    return {"cells": [_cell(cell) for cell in sheet.cells], "rest": sheet.rest, "unread": sheet.unread, "more": more}


def _cell(cell: Cell) -> dict[str, Any]:
    own = {"box": cell.box} if cell.box else {"gap": cell.gap, "text": cell.text}
    return {"units": cell.units, "label": cell.label, **own}


def _pictured(picture: np.ndarray) -> dict[str, Any]:
    height, width = picture.shape[:2]
    return {"picture": _address(picture), "size": (width, height), "sharp": max(height, width) <= SHARP}


def _address(picture: np.ndarray) -> str:
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(picture).save(held, "PNG")
    return f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode()}"

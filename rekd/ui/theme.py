"""Colours and the one style sheet. Colours come from .streamlit/config.toml; light or dark is the browser's choice."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

TEACHER, STUDENT = "#0072B2", "#D55E00"
"""Okabe and Ito's blue and orange; on pictures, which look the same in light and dark."""

# Used where the configuration is absent, as in a test or when the app is started from another folder.
_FALLBACK = {
    "theme.light.blueColor": TEACHER,
    "theme.light.orangeColor": STUDENT,
    "theme.dark.blueColor": "#56B4E9",
    "theme.dark.orangeColor": "#E69F00",
}


def colour(option: str) -> str:
    """A colour option of the configuration, or our own where nothing is set."""
    return st.get_option(option) or _FALLBACK[option]


def style_sheet() -> str:
    """The <style> element that every page sends once."""
    pair = {
        "teacher": (colour("theme.light.blueColor"), colour("theme.dark.blueColor")),
        "student": (colour("theme.light.orangeColor"), colour("theme.dark.orangeColor")),
    }
    names = "".join(f"--rk-{name}:light-dark({light},{dark});" for name, (light, dark) in pair.items())
    return f"<style>:root{{{names}--rk-tone:currentColor}}{_rules()}</style>"


@lru_cache(maxsize=1)
def _rules() -> str:
    return Path(__file__).with_name("style.css").read_text(encoding="utf-8")


def icon() -> Image.Image:
    """The picture on the browser's tab: patches of which teacher and student selected a few, two of them both."""
    chosen = {"#0072B2": [(0, 1), (1, 1)], "#D55E00": [(2, 2), (3, 2)], "#333333": [(1, 2), (2, 1)]}
    cells = np.full((4, 4, 3), 222, np.uint8)
    for colour_name, places in chosen.items():
        for place in places:
            cells[place] = [int(colour_name[i : i + 2], 16) for i in (1, 3, 5)]
    return Image.fromarray(cells.repeat(8, 0).repeat(8, 1))

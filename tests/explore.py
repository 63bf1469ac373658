"""The page Explore in a test: opened by an address, worked like a person does, and what it shows as plain values."""

from __future__ import annotations

import html
import io
import re
from pathlib import Path

from PIL import Image
from streamlit.testing.v1 import AppTest

APP = str(Path(__file__).parents[1] / "app.py")
LEAKS = {
    "rule": "calibrated",
    "classes": ["negative", "positive"],
    "examples": 100,
    "count": 0.51,
    "mask_only": 0.55,
    "swap": 0.01,
    "rates": [0.1, 0.1],
    "empty": [0.0, 0.0],
    "mask_reference": 0.54,
    "honest": True,
}
REVIEW = "The story is slow at first, but the end is warm, funny and never dull: a lovely film."


def opened(**address: str) -> AppTest:
    """The page as an address shows it, with one Captum method unless the address says otherwise."""
    at = AppTest.from_file(APP, default_timeout=60)
    for name, value in ({"methods": "FeatureAblation"} | address).items():
        at.query_params[name] = value
    return sound(at.run())


def sound(at: AppTest) -> AppTest:
    assert not at.exception, [error.value for error in at.exception]
    return at


def blocks(at: AppTest) -> list[str]:
    return [element.proto.body for element in at.main.get("html")]


def cards(at: AppTest) -> list[str]:
    """The cards of the models, without their popovers."""
    return [block for block in blocks(at) if "rk-verdict" in block]


def panels(at: AppTest) -> list[str]:
    return [block for block in blocks(at) if "rk-head" in block and "rk-verdict" not in block]


def tables(at: AppTest) -> list[str]:
    return [block for block in blocks(at) if "seen by the judge" in block]


def text_of(block: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", block))


def said(at: AppTest) -> str:
    """Every sentence on the page outside the cards."""
    kinds = ("info", "warning", "error", "caption", "markdown", "success", "toast")
    return "\n".join(element.value for kind in kinds for element in getattr(at, kind))


def picked(at: AppTest, key: str):
    """The widget with this key, wherever it stands."""
    kinds = ("selectbox", "number_input", "button", "text_area", "multiselect", "button_group", "text_input", "toggle")
    return next(w for kind in kinds for w in getattr(at, kind, at.get(kind)) if w.key == key)


def own(at: AppTest, text: str) -> AppTest:
    picked(at, "w_text").set_value(text)
    return sound(at.run())


def png(colour=(200, 30, 30), size=(40, 30)) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", size, colour).save(held, "PNG")
    return held.getvalue()


def reopened(at: AppTest) -> AppTest:
    again = AppTest.from_file(APP, default_timeout=60)
    for name, value in at.query_params.items():
        again.query_params[name] = value
    return sound(again.run())

"""Colours and the one style sheet. Colours come from .streamlit/config.toml; the browser takes those of light or dark."""

from __future__ import annotations

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
    return f"<style>:root{{{names}--rk-tone:currentColor}}{_RULES}</style>"


def icon() -> Image.Image:
    """The picture on the browser's tab: patches of which teacher and student selected a few, two of them both."""
    chosen = {"#0072B2": [(0, 1), (1, 1)], "#D55E00": [(2, 2), (3, 2)], "#333333": [(1, 2), (2, 1)]}
    cells = np.full((4, 4, 3), 222, np.uint8)
    for colour_name, places in chosen.items():
        for place in places:
            cells[place] = [int(colour_name[i : i + 2], 16) for i in (1, 3, 5)]
    return Image.fromarray(cells.repeat(8, 0).repeat(8, 1))


_RULES = """
.rk-tone-teacher{--rk-tone:var(--rk-teacher)} .rk-tone-student{--rk-tone:var(--rk-student)}
.rk-soft{color:color-mix(in srgb,currentColor 66%,transparent)}
.rk-small{font-size:.86rem;line-height:1.45}

.rk-head{padding-top:.5rem;border-top:4px solid color-mix(in srgb,var(--rk-tone) 80%,transparent)}
.rk-role{font-weight:650;font-size:1.12rem;margin-right:.5rem}
.rk-name{font-size:.82rem;overflow-wrap:anywhere;color:color-mix(in srgb,currentColor 66%,transparent)}
.rk-head .rk-name{display:block}
.rk-verdict{display:flex;flex-wrap:wrap;align-items:baseline;gap:.1rem .7rem;margin-top:.45rem}
.rk-class{font-size:1.4rem;font-weight:600;line-height:1.25;overflow-wrap:anywhere}
.rk-right,.rk-wrong{font-size:.95rem;margin-left:auto;white-space:nowrap;font-weight:600}
.rk-wrong{border-bottom:2px solid currentColor}
.rk-sure{display:flex;align-items:center;gap:.6rem;font-variant-numeric:tabular-nums;margin:.15rem 0 .2rem}
.rk-bar{flex:1;height:.42rem;border-radius:.21rem;overflow:hidden;
  background:color-mix(in srgb,currentColor 13%,transparent)}
.rk-bar>span{display:block;height:100%;background:color-mix(in srgb,currentColor 62%,transparent)}
.rk-count{font-size:.92rem;font-variant-numeric:tabular-nums}
.rk-count b{font-weight:650}
.rk-note{font-size:.84rem;margin-top:.15rem;color:color-mix(in srgb,currentColor 72%,transparent)}
.rk-tag{font-size:.78rem;padding:.05rem .45rem;border-radius:.7rem;white-space:nowrap;
  border:1px solid color-mix(in srgb,currentColor 40%,transparent)}

.rk-text{white-space:pre-wrap;margin-top:.45rem;overflow-wrap:anywhere;unicode-bidi:plaintext;line-height:1.62;font-size:.97rem;
  max-height:27rem;overflow-y:auto;padding:.1rem .15rem 1.3rem;
  mask-image:linear-gradient(#000 calc(100% - 1.5rem),transparent);color:color-mix(in srgb,currentColor 62%,transparent)}
.rk-text.rk-whole{color:inherit}
.rk-text mark,.rk-legend mark{background:none;color:light-dark(#14171a,#f3f1ec);border-radius:.18rem;padding:.08em .1em;
  -webkit-box-decoration-break:clone;box-decoration-break:clone}
.rk-text .rk-sel,.rk-legend .rk-sel{font-weight:650;background:color-mix(in srgb,var(--rk-tone) 17%,transparent);
  box-shadow:inset 0 -.14em 0 var(--rk-tone)}
.rk-text .rk-heat{background:color-mix(in srgb,var(--rk-tone) var(--rk-level,0%),transparent);
  color:light-dark(#3a3f45,#cfccc6)}
.rk-text .rk-heat-sel,.rk-legend .rk-heat-sel{color:light-dark(#14171a,#f3f1ec);box-shadow:inset 0 -.12em 0 currentColor;font-weight:600;
  background:color-mix(in srgb,var(--rk-tone) var(--rk-level,0%),transparent)}
.rk-agreed{font-weight:700;background:color-mix(in srgb,currentColor 11%,transparent)!important;
  box-shadow:inset 0 -.14em 0 currentColor}
.rk-only-teacher{outline:2px dashed var(--rk-teacher);outline-offset:-1px;font-weight:500}
.rk-only-student{font-weight:650;background:color-mix(in srgb,var(--rk-student) 24%,transparent)!important;
  border-bottom:.26em double var(--rk-student)}
.rk-unread{color:light-dark(#8a8f96,#7d828a)}
.rk-more{font-size:.78rem;font-style:italic;user-select:none;padding:0 .35em;margin:0 .25em;border-radius:.5em;
  white-space:nowrap;border:1px dashed currentColor}
.rk-picture{display:block;width:100%;max-width:18rem;margin:.5rem auto .3rem;height:auto}

.rk-legend{display:flex;flex-wrap:wrap;align-items:center;gap:.3rem 1.4rem;font-size:.92rem;margin:.1rem 0 .3rem}
.rk-legend .rk-key{display:inline-flex;align-items:center;gap:.45rem}
.rk-legend mark{padding:.05em .35em}
.rk-box{display:inline-block;width:1.05rem;height:1.05rem;border:3px solid var(--rk-tone);
  background:color-mix(in srgb,currentColor 55%,transparent)}
.rk-box-out{border-color:transparent;background:color-mix(in srgb,currentColor 18%,transparent)}
.rk-box-agreed{border-color:#fff;outline:1.5px solid #444}
.rk-box-teacher{border:3px dashed var(--rk-teacher);background:color-mix(in srgb,currentColor 25%,transparent)}
.rk-box-student{border-color:var(--rk-student);background:repeating-linear-gradient(135deg,var(--rk-student) 0 2px,
  color-mix(in srgb,currentColor 55%,transparent) 2px 5px)}
.rk-ramp{display:inline-block;width:7rem;height:.85rem;border-radius:.2rem;
  border:1px solid color-mix(in srgb,currentColor 25%,transparent);
  background:linear-gradient(to right,transparent,color-mix(in srgb,var(--rk-tone) 62%,transparent))}

dl.rk-facts{display:grid;grid-template-columns:auto 1fr;gap:.12rem .8rem;font-size:.84rem;margin:.45rem 0 .2rem;padding:0;
  font-variant-numeric:tabular-nums}
.rk-facts dt{color:color-mix(in srgb,currentColor 66%,transparent)} .rk-facts dd{margin:0!important;overflow-wrap:anywhere}
.rk-facts dt,.rk-facts dd{font-weight:400;padding:0;margin:0}
.rk-scroll{overflow-x:auto}
.rk-table{border-collapse:collapse;width:100%;font-size:.95rem;font-variant-numeric:tabular-nums}
.rk-table caption{text-align:left;font-weight:600;padding:.2rem 0 .5rem;caption-side:top;color:inherit}
.rk-table th,.rk-table td{padding:.42rem .55rem;border-bottom:1px solid color-mix(in srgb,currentColor 15%,transparent);
  text-align:right;vertical-align:baseline}
.rk-table thead th{font-weight:600;border-bottom-width:2px;line-height:1.3}
.rk-table th:first-child,.rk-table td:first-child{text-align:left}
.rk-table tbody th{font-weight:500} .rk-table .rk-best{font-weight:750;white-space:nowrap}
.rk-table .rk-way{font-weight:400;white-space:nowrap;font-size:.82rem}
.rk-table tr.rk-control{color:color-mix(in srgb,currentColor 66%,transparent)}
.rk-flag{font-weight:650;color:light-dark(#A3122A,#FF9AA5)}

[data-testid="stBaseButton-segmented_controlActive"],[data-testid="stBaseButton-segmented_controlActive"] p{
  color:inherit!important;font-weight:650}
[class*="st-key-card-"]>:last-child{margin-top:auto}
.st-key-cards,.st-key-panels{container-type:inline-size}
.st-key-panels [data-testid="stColumn"]{min-width:min(15rem,100%)}
@container (max-width:54rem){.st-key-cards [data-testid="stColumn"]{min-width:calc(50% - 1rem)}}
@container (max-width:31rem){.st-key-cards [data-testid="stColumn"]{min-width:100%}}
.stMain [data-testid="stMainBlockContainer"]{padding:2.4rem 2.2rem 5rem}
@media (max-width:640px){.rk-text{max-height:19rem}.rk-picture{max-width:16rem}
  .stMain [data-testid="stMainBlockContainer"]{padding:3.2rem 1rem 4rem}}
@media print{.rk-text{max-height:none}}
"""

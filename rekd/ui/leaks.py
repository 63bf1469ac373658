"""What a model's masks give away of the label, as a line on its card and as sentences. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from rekd.ui import components

if TYPE_CHECKING:
    from rekd.measures.verdict import LeakReport


def leaks(metrics: Mapping[str, Any]) -> LeakReport | None:
    """The stored leak report, None where there is none or it is of another version."""
    from rekd.measures.verdict import stored

    return stored(metrics)


def leak_line(report: LeakReport | None) -> str:
    """What a model's masks give away, as one line on its card; what is over its bound is flagged and red."""
    if report is None:
        return ""
    over = {"swap": not report.honest, **{name: name in report.warnings for name in ("count", "mask")}}
    swap, count, mask, _ = report.sentences()
    shown = (
        ("count", f"count {_share(report.count, over['count'])}", count),
        ("mask", f"mask {_share(report.mask_only, over['mask'])}", mask),
        ("swap", f"swap {100 * report.swap:+.1f} points".replace("-", "−"), swap),
    )
    parts = (
        f'<span title="{escape(tip, quote=True)}">{_flagged(text) if over[name] else text}</span>'
        for name, text, tip in shown
    )
    measured = f"{escape(report.rule)} masks of the test split, chance {components.percent(report.chance)}"
    return f'<div class="rk-note">Label from the mask alone ({measured}): {", ".join(parts)}</div>'


def _share(value: float, flagged: bool) -> str:
    """In percent; where it is flagged with a decimal, without which 55.3 is no more than a bound of 55."""
    return f"{value:.1%}".replace("%", "\u00a0%") if flagged else components.percent(value)


def _flagged(text: str) -> str:
    return f'<span class="rk-flag">⚑ {text}</span>'


def leak_list(report: LeakReport) -> str:
    """The report's sentences, verdict first; flagged in words, not by colour alone."""
    swap, count, mask, classes = report.sentences()
    lines = [
        (not report.honest, swap),
        *((name in report.warnings, text) for name, text in (("count", count), ("mask", mask))),
    ]
    lines.append((False, classes))
    flag = "<span class=rk-flag>⚑ outside the bound</span> "
    items = "".join(
        f'<p class="rk-note">{flag if bad else ""}{escape(text).replace(" -", " −")}</p>' for bad, text in lines
    )
    head = f"<b>Does the mask leak the label?</b> Mask rule: {escape(report.rule)}."
    return f'<div><p class="rk-small">{head}</p>{items}</div>'

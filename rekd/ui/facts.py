"""What is printed below the drawing of a method: its details by name. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rekd.types import Explanation

LABELS = {
    "baseline": "Baseline",
    "n": "n",
    "convergence_delta": "Convergence delta",
    "seed": "Seed",
    "iou_two_seeds": "IoU of two seeds",
    "seconds": "Time",
    "peak_memory_mb": "Peak memory",
    "explained": "Explained",
}
UNITS = {"convergence_delta": "logits", "seconds": "s", "peak_memory_mb": "MB"}
PLACES = {"convergence_delta": 4, "peak_memory_mb": 0}
HIDDEN = ("selection_logits", "memory", "chunk", "halved", "counted")
"""Details that are no line of their own."""


def facts(item: Explanation) -> dict[str, str]:
    """A method's details by name, those known here first, others as they came."""
    order = [name for name in LABELS if name in item.details]
    order += [name for name in item.details if name not in LABELS and name not in HIDDEN]
    out = {LABELS.get(name, name.replace("_", " ").capitalize()): _fact(name, item.details[name]) for name in order}
    if "n" in out and "counted" in item.details:
        counted = str(item.details["counted"])
        out["n"] += f" {counted.removesuffix('s') if item.details['n'] == 1 else counted}"
    if item.details.get("halved"):
        out["Memory ran out"] = f"so {item.details.get('chunk')} passes at once, halved {item.details['halved']} times"
    return out


def _fact(name: str, value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "not a number"}[value]
    if isinstance(value, int):
        return str(value) if name == "seed" else f"{value:,}"
    if isinstance(value, float):
        said = f"{round(value, PLACES.get(name, 2)) + 0.0:.{PLACES.get(name, 2)}f}".replace("-", "−")
        return f"{said}\u00a0{UNITS[name]}" if name in UNITS else said
    return str(value)[:300]

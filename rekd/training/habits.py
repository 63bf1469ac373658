"""What a model selects, as a sanity check: what a run noted of its evaluations on dev, and the share of stop words,
measured with its checkpoint on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from rekd.training.rules import SWAPS

if TYPE_CHECKING:
    from torch import Tensor

    from rekd.types import Split
    from rekd.units import TextReader

STOP_WORDS = "stop words"
_SORTS = {"marks": "punctuation", "border": "border"}
"""Sorts of units as metrics.jsonl names them (see `rekd.training.health`) -> as they are told."""


def noted(metrics: Sequence[Mapping[str, Any]], step: int) -> dict[str, float]:
    """What the evaluation at a step noted of the units selected on dev under top-k, and how certain the gates are.

    Args:
        metrics: lines of metrics.jsonl.

    Returns:
        certainty, selected_ and all_ before each sort of units that was noted, and dev_swap, the mean over the last
        evaluations until then; {} without such an evaluation.
    """
    until = [line for line in metrics if line["step"] <= step and "dev_accuracy" in line]
    line = until[-1] if until and until[-1]["step"] == step else {}
    names = {"dev_certainty": "certainty"}
    for sort, told in _SORTS.items():
        names |= {f"dev_{sort}": f"selected_{told}", f"dev_{sort}_base": f"all_{told}"}
    swaps = [each["dev_swap"] for each in until[-SWAPS:] if "dev_swap" in each] if line else []
    found = {told: line[name] for name, told in names.items() if name in line}
    return found | ({"dev_swap": fmean(swaps)} if swaps else {})


def stop_words(masks: Tensor, split: Split, reader: TextReader) -> dict[str, float]:
    """Share of selected units, and of all that are read, that are English stop words as scikit-learn lists them.

    Args:
        masks: (n, N) bool, the units selected of each text of the split.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    counts = np.zeros((2, 2), dtype=np.int64)  # selected and all, stop words and units
    for start in range(0, len(split), 256):
        examples = [split[row] for row in range(start, min(start + 256, len(split)))]
        for row, (example, units) in enumerate(zip(examples, reader.read(examples).units, strict=True), start):
            words = [example.text[first:last].lower() for first, last in units.places]
            stops = np.array([word in ENGLISH_STOP_WORDS for word in words], dtype=bool)
            chosen = masks[row, : len(words)].cpu().numpy().astype(bool)
            counts += [[(stops & chosen).sum(), chosen.sum()], [stops.sum(), len(stops)]]
    (selected, of), (every, total) = counts.tolist()
    return {f"selected_{STOP_WORDS}": selected / max(of, 1), f"all_{STOP_WORDS}": every / max(total, 1)}


def measured_habits(checkpoint: Path, device: str | None = None) -> dict[str, float]:
    """`stop_words` of a checkpoint under top-k on dev; {} of images and of kinds that do not select.

    Raises:
        CheckpointError, DataMissing: as they say.
    """
    from rekd import checkpoints

    info = checkpoints.read_info(checkpoint)
    if info.config.reader.modality != "text" or not info.config.selects:
        return {}
    from rekd.data import encode, load_split
    from rekd.training.evaluate import select_split, selection_logits
    from rekd.training.health import MOST

    loaded = checkpoints.load(checkpoint, device or "cpu")
    dev = load_split(info.task, "dev")
    dev = dev.take(np.random.default_rng(0).permutation(len(dev))[:MOST])
    data = encode(dev, loaded.reader).to(next(loaded.model.parameters()).device)
    chosen = select_split(loaded.model, data, selection_logits(loaded.model, data), "top-k").mask
    return stop_words(chosen, dev, loaded.reader)

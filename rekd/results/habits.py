"""What share of the words that a model selects are stop words: measured with its checkpoint, on the rows of dev that a
run's own evaluations measure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from rekd.types import Split
    from rekd.units import TextReader

STOP_WORDS = "stop words"


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

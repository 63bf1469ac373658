"""Many inputs at once: what a model selected of each and what it said from that alone, in one pass over a batch."""

from __future__ import annotations

import torch

from rekd import masks
from rekd.models import RationaleModel
from rekd.types import Explanation, Prediction
from rekd.units import Reading


def explain_each(
    name: str, model: RationaleModel, reading: Reading, *, rule: str = "calibrated", seed: int = 0
) -> list[Explanation]:
    """One explanation an example, the same as `rationale.explain` gives of it alone.

    Args:
        name: the model's name, for display. reading: B examples. rule: see `masks.evaluation_mask`, of no account where
        the model does not select. seed: for `sampled`.

    Raises:
        ValueError: the rule does not exist.
    """
    batch, config = reading.batch, model.config
    with torch.inference_mode():
        if not config.selects:
            probs, whole = model.predict(batch, None).softmax(1).tolist(), batch.unit_mask.float()
            none = torch.zeros(len(batch), dtype=torch.bool)
            return _each("whole input", name, reading, whole, batch.unit_mask, "all", probs, none)
        logits = model.select(batch)
        noise = masks.logistic_noise(seed, 0, batch.ids, logits.shape[1]) if rule == "sampled" else None
        mask, repaired = masks.evaluation_mask(
            rule, logits, batch.unit_mask, rate=config.rate, cut=config.cut, noise=noise
        )
        probs = model.predict(batch, mask).softmax(1).tolist()
    return _each("rationale", name, reading, logits.sigmoid(), mask, rule, probs, repaired)


def _each(method, name, reading: Reading, scores, mask, rule, probs, repaired) -> list[Explanation]:
    rows = zip(reading.units, scores.tolist(), mask.tolist(), map(tuple, probs), repaired.tolist(), strict=True)
    out = []
    for units, score, chosen, said, mended in rows:
        prediction, n = Prediction(said), len(units)
        held = tuple(score[:n]), tuple(chosen[:n]), rule, prediction.label, prediction, mended
        out.append(Explanation(method, name, units, *held))
    return out

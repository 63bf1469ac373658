"""What a model selected of one input and what it said from that alone, as an Explanation."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from rekd import masks
from rekd.models import RationaleModel
from rekd.types import Explanation, Prediction
from rekd.units import Reading


def rationale(
    name: str, model: RationaleModel, reading: Reading, *, rule: str = "calibrated", seed: int = 0
) -> Explanation:
    """The rationale of one input under a mask rule, with the prediction made from it alone.

    Args:
        name: the model's name, for display. reading: one example. rule: see `masks.evaluation_mask`.
        seed: for `sampled`.

    Raises:
        ValueError: the model has no generator, or the rule does not exist.
    """
    batch, n_units = reading.batch, len(reading.units[0])
    started = time.perf_counter()
    with torch.inference_mode():
        selection_logits = model.select(batch)
        noise = masks.logistic_noise(seed, 0, batch.ids, n_units) if rule == "sampled" else None
        config = model.config
        mask, repaired = masks.evaluation_mask(
            rule, selection_logits, batch.unit_mask, rate=config.rate, cut=config.cut, noise=noise
        )
        prediction = predict(model, reading, mask)
    details = {"seconds": time.perf_counter() - started, "rate": model.config.rate, "masking": model.config.masking}
    if rule == "sampled":
        details["seed"] = seed
    return Explanation(
        method="rationale",
        model=name,
        units=reading.units[0],
        scores=tuple(selection_logits[0, :n_units].sigmoid().tolist()),
        mask=tuple(mask[0, :n_units].tolist()),
        rule=rule,
        target=prediction.label,
        prediction=prediction,
        repaired=bool(repaired[0]),
        details={**details, "selection_logits": tuple(selection_logits[0, :n_units].tolist())},
    )


def whole_input(name: str, model: RationaleModel, reading: Reading) -> Explanation:
    """A model that reads everything (kinds cls and random): every unit is marked."""
    started = time.perf_counter()
    with torch.inference_mode():
        prediction = predict(model, reading, None)
    n_units = len(reading.units[0])
    details = {"seconds": time.perf_counter() - started}
    everything = (1.0,) * n_units, (True,) * n_units
    return Explanation(
        "whole input", name, reading.units[0], *everything, "all", prediction.label, prediction, details=details
    )


def explain(
    name: str, model: RationaleModel, reading: Reading, *, rule: str = "calibrated", seed: int = 0
) -> Explanation:
    """`rationale` of a model that selects, `whole_input` of one that does not."""
    if model.config.selects:
        return rationale(name, model, reading, rule=rule, seed=seed)
    return whole_input(name, model, reading)


def predict(model: RationaleModel, reading: Reading, mask: Tensor | Sequence[bool] | None) -> Prediction:
    """What a model says of one input when it sees only the units of `mask` ((N,) or (1, N)); None shows all."""
    if mask is not None:
        mask = torch.as_tensor(mask, device=reading.batch.unit_mask.device).reshape(1, -1)
    with torch.inference_mode():
        return Prediction(tuple(model.predict(reading.batch, mask)[0].softmax(0).tolist()))


def judge(model: RationaleModel, reading: Reading, chunk: int = 32):
    """A function from masks (M, N) bool to the model's probabilities (M, K) for one input, under its own masking."""

    def probabilities(unit_masks: Tensor) -> Tensor:
        with torch.inference_mode():
            parts = unit_masks.to(reading.batch.unit_mask.device).split(chunk)
            rows = [reading.batch.rows(torch.zeros(len(part), dtype=torch.long)) for part in parts]
            return torch.cat([model.predict(row, part).softmax(1) for row, part in zip(rows, parts, strict=True)])

    return probabilities

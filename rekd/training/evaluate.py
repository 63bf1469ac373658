"""Accuracy under every mask rule, realised rates, the random control and the leaks of a model on a split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rekd import masks
from rekd.data import Encoded
from rekd.data.encoded import MULTIPLE
from rekd.measures.leakage import MaskSet, leak_report
from rekd.models import RationaleModel
from rekd.types import MASK_RULES, Batch

DRAWS = 10
"""Sampled masks whose accuracies are averaged."""
ROWS = 256
"""Examples in a batch, where nothing else is said."""
TOKENS = 2**17
"""The same on a GPU, in tokens: small models wait for kernels to start, so that few large batches are fastest."""

LENGTHS = 64
"""Tokens by which batches differ in length on a GPU, whose attention makes a plan for each length that it meets."""


def at_once(data: Encoded, device: torch.device | str) -> int:
    """Examples of a batch that suits a device."""
    on_gpu = torch.device(device).type == "cuda"
    return max(ROWS, TOKENS // data.token_mask.shape[1]) if on_gpu else ROWS


def batches(
    data: Encoded, size: int, rows: np.ndarray | None = None, device: torch.device | str = "cpu"
) -> Iterator[tuple[np.ndarray, Batch]]:
    """Batches over a split, or its `rows`, longest inputs first so that little padding is computed.

    Args:
        size: examples in a batch; 0 takes what suits the device.
    """
    size = size or at_once(data, device)
    multiple = LENGTHS if torch.device(device).type == "cuda" else MULTIPLE
    rows = np.arange(len(data)) if rows is None else np.asarray(rows)
    lengths = data.token_mask.sum(1).cpu().numpy()[rows]
    order = rows[np.argsort(-lengths, kind="stable")]
    for start in range(0, len(order), size):
        part = order[start : start + size]
        yield part, data.batch(part, device, multiple=multiple)


@torch.no_grad()
def selection_logits(model: RationaleModel, data: Encoded, size: int = 0) -> Tensor:
    """Selection logits of a whole split: (n, N) float32 on the CPU, 0 for padding units."""
    out = torch.zeros(data.unit_mask.shape)
    for rows, batch in batches(data, size, device=_device(model)):
        values = model.select(batch).float().cpu()
        out[torch.from_numpy(rows), : values.shape[1]] = values
    return out


@torch.no_grad()
def label_logits(model: RationaleModel, data: Encoded, unit_masks: Tensor | None, size: int = 0) -> Tensor:
    """Label logits of a whole split from the units of `unit_masks` (n, N) bool; None shows all: (n, K) on the CPU."""
    out, device = torch.zeros(len(data), len(model.config.classes)), _device(model)
    for rows, batch in batches(data, size, device=device):
        here = torch.from_numpy(rows)
        mask = None if unit_masks is None else unit_masks[here, : batch.unit_mask.shape[1]].to(device)
        out[here] = model.predict(batch, mask).cpu()
    return out


def _device(model: RationaleModel) -> torch.device:
    return next(model.parameters()).device


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of rows whose largest logit is the label."""
    return float((logits.argmax(1) == labels).double().mean())


@dataclass(frozen=True, eq=False)
class OwnLogits:
    """What a model does with a split by its own reading: selection logits (n, N), None without, and label logits."""

    selection: Tensor | None
    label: Tensor


def own_logits(model: RationaleModel, data: Encoded, seed: int = 0, size: int = 0, rule: str = "top-k") -> OwnLogits:
    """The logits behind the accuracy that a run's best step is chosen by.

    Labels are predicted from masks under `rule`; cls: from the whole input; random: from random masks.
    """
    config, selection, unit_masks = model.config, None, None
    if config.selects:
        selection = selection_logits(model, data, size)
        unit_masks = select_split(model, data, selection, rule, seed).mask
    elif config.kind == "random":
        unit_masks = masks.random_mask(data.unit_mask.cpu(), config.rate, seed, 0, data.ids.cpu())
    return OwnLogits(selection, label_logits(model, data, unit_masks, size))


def fit_cut(model: RationaleModel, dev: Encoded, size: int = 0) -> float:
    """The `calibrated` cut of a model on dev; see `masks.calibrate`."""
    return masks.calibrate(selection_logits(model, dev, size), dev.unit_mask.cpu(), model.config.rate)


@dataclass(frozen=True, eq=False)
class Selected:
    """Masks of a split under one rule, before and after the repair of empty ones (n, N); which were empty (n,)."""

    raw: Tensor
    mask: Tensor
    repaired: Tensor


def select_split(model: RationaleModel, data: Encoded, logits: Tensor, rule: str, seed: int = 0) -> Selected:
    """Apply a mask rule to a split's selection logits; `sampled` draws with (seed, example), empty draws stay empty."""
    unit_mask = data.unit_mask.cpu()
    noise = masks.logistic_noise(seed, 0, data.ids.cpu(), unit_mask.shape[1]) if rule == "sampled" else None
    options = {"rate": model.config.rate, "cut": model.config.cut, "noise": noise}
    mask, repaired = masks.evaluation_mask(rule, logits, unit_mask, **options)
    raw = mask & ~repaired[:, None]
    return Selected(raw, raw if rule == "sampled" else mask, repaired)


def _shares(mask: Tensor, data: Encoded) -> Tensor:
    """Of the units of each example that are selected: (n, N) bool -> (n,) float64."""
    return (mask.sum(1) / data.unit_mask.cpu().sum(1)).double()


def _measured(accuracies: list[float], drawn: list[Selected], data: Encoded) -> dict[str, Any]:
    rates = torch.cat([_shares(selected.raw, data) for selected in drawn])
    empty = torch.cat([selected.repaired for selected in drawn])
    out = {"accuracy": float(np.mean(accuracies))}
    if len(accuracies) > 1:
        out |= {"accuracy_sd": float(np.std(accuracies, ddof=1)), "draws": len(accuracies)}
    return out | {
        "rate": float(rates.mean()),
        "rate_sd": float(rates.std()),
        "repaired": float(empty.double().mean()),
    }


def evaluate(
    model: RationaleModel,
    dev: Encoded | None,
    test: Encoded,
    *,
    draws: int = DRAWS,
    reference: float | None = None,
    size: int = 0,
    seed: int = 0,
) -> dict[str, Any]:
    """All that a model's metrics.json says of a test split.

    Args:
        dev: what the leak measures are fitted on; None leaves them out.
        draws: sampled masks an example. reference: mask-only accuracy of masks known to be honest (`honest_reference`).

    Returns:
        for kinds re and rekd: rules (each with accuracy, rate and its sd over examples, repaired share), random, leaks
        where there is a dev split;
        for cls: whole_input; for random: whole_input and random. random has the share of the units that was drawn too.
    """
    report: dict[str, Any] = {"examples": len(test), "target_rate": model.config.rate, "seed": seed}
    labels = test.labels.cpu()
    control = masks.random_mask(test.unit_mask.cpu(), model.config.rate, seed, 1, test.ids.cpu())
    right = accuracy(label_logits(model, test, control, size), labels)
    report["random"] = {"accuracy": right, "seed": seed, "rate": float(_shares(control, test).mean())}
    report["whole_input"] = {"accuracy": accuracy(label_logits(model, test, None, size), labels)}
    if not model.config.selects:
        return report
    logits = selection_logits(model, test, size)
    report["rules"] = {
        rule: _rule(model, test, logits, rule, draws if rule == "sampled" else 1, seed, size) for rule in MASK_RULES
    }
    if dev is not None:
        report["leaks"] = leaks(model, dev, test, logits, reference=reference, seed=seed, size=size)
    return report


def _rule(model, test: Encoded, logits: Tensor, rule: str, draws: int, seed: int, size: int) -> dict[str, Any]:
    drawn = [select_split(model, test, logits, rule, seed + draw) for draw in range(draws)]
    accuracies = [accuracy(label_logits(model, test, selected.mask, size), test.labels.cpu()) for selected in drawn]
    return _measured(accuracies, drawn, test)


def leaks(
    model, dev: Encoded, test: Encoded, test_logits: Tensor, *, reference=None, seed=0, size=0, rule="calibrated"
) -> dict:
    """The leak report of a model under a mask rule, as plain values."""
    dev_raw = select_split(model, dev, selection_logits(model, dev, size), rule).raw
    test_raw = select_split(model, test, test_logits, rule).raw
    sets = [MaskSet(raw, data.unit_mask.cpu(), data.labels.cpu()) for raw, data in ((dev_raw, dev), (test_raw, test))]
    device = _device(model)

    def predict(rows: Tensor, unit_masks: Tensor) -> Tensor:
        batch = test.batch(rows.numpy(), device)
        with torch.no_grad():
            return model.predict(batch, unit_masks[:, : batch.unit_mask.shape[1]].to(device))

    how = {"modality": model.config.reader.modality, "rule": rule, "mask_reference": reference, "seed": seed}
    chunk = size or at_once(test, device)
    report = leak_report(*sets, predict, classes=model.config.classes, chunk=chunk, **how)
    return {**report.to_dict(), "honest": report.honest}


@torch.no_grad()
def leave_one_out_masks(judge: RationaleModel, data: Encoded, rows: np.ndarray, size: int = 512) -> Tensor:
    """Top-k masks at p of a model's leave-one-out attributions, Captum's FeatureAblation by unit: (rows, N) bool.

    The explained value is the logit of the judge's own prediction.
    """
    device, out = _device(judge), torch.zeros(len(rows), data.unit_mask.shape[1], dtype=torch.bool)
    for number, row in enumerate(rows):
        batch = data.batch(np.array([row]), device)
        n_units = int(batch.unit_mask.sum())
        whole = judge.predict(batch)[0]
        target = int(whole.argmax())
        absent = ~torch.eye(n_units, dtype=torch.bool, device=device)
        parts = [batch.rows(torch.zeros(len(part), dtype=torch.long, device=device)) for part in absent.split(size)]
        values = torch.cat(
            [judge.predict(b, part)[:, target] for b, part in zip(parts, absent.split(size), strict=True)]
        )
        scores = whole[target] - values
        out[number, :n_units] = masks.top_k_mask(scores[None], batch.unit_mask[:, :n_units], judge.config.rate)[0].cpu()
    return out


def honest_reference(masks_of: Mapping[str, tuple[Tensor, np.ndarray, Encoded]], modality: str) -> float:
    """Mask-only accuracy of masks known to be honest, {"dev": (masks, rows, data), "test": ...}."""
    from rekd.measures.leakage import mask_only

    sets = [
        MaskSet(unit_masks, data.unit_mask.cpu()[torch.from_numpy(rows)], data.labels.cpu()[torch.from_numpy(rows)])
        for unit_masks, rows, data in (masks_of["dev"], masks_of["test"])
    ]
    return mask_only(*sets, modality)

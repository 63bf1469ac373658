"""What a model selected of every example of a split and what it said from that alone, as rows of plain values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rekd import masks
from rekd.checkpoints import Checkpoint
from rekd.data import Encoded, encode_images
from rekd.data.text import read_named
from rekd.training.evaluate import label_logits, selection_logits
from rekd.types import Split, Units

WINDOW = 1024
"""Examples that are read, answered and handed on before the next are: what memory holds, however long the split is."""
SIDES = ("left", "top", "right", "bottom")
Row = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """How masks are cut, and what of them is told.

    rule: see `masks.evaluation_mask`. draws: of `sampled`, from the seeds `seed`, `seed` + 1, ...
    size: examples a batch. every: tell of every unit that was read, not only of those selected.
    """

    rule: str = "top-k"
    draws: int = 1
    seed: int = 0
    size: int = 64
    every: bool = False


@dataclass(frozen=True, eq=False)
class _Window:
    """Some examples, as tensors and as a person sees them. texts, stops: of texts; see `Reading` for stops."""

    data: Encoded
    units: Sequence[Units]
    texts: Sequence[str] | None = None
    stops: Sequence[int] | None = None


@dataclass(frozen=True, eq=False)
class _Answers:
    """probs (n, K), selection probabilities and mask (n, N), which masks were empty and got their largest unit (n,)."""

    probs: Tensor
    selection: Tensor
    mask: Tensor
    repaired: Tensor


def chosen_rows(n: int, limit: int | None) -> np.ndarray:
    """Row numbers of a split of n, in order: all, or `limit` of them by a seeded choice, which `evaluate` takes too."""
    if limit is None or limit >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).permutation(n)[:limit])


def extract(checkpoint: Checkpoint, split: Split, rows: np.ndarray, wish: Wish) -> Iterator[list[Row]]:
    """The rationales of a split, some hundred examples at a time; masks are those that each example gets alone.

    Args:
        rows: (n,) row numbers of the split, in the order wanted; noise of `sampled` is drawn from them.

    Yields:
        rows of one draw of at most WINDOW examples, each with
        model, row, draw; label (None where unknown), predicted, probability of that class; rule, n_units, count, rate
        (count / n_units), repaired (the rule selected nothing and the mask was given its largest unit); of texts
        reads_to, the character at which reading stops; selected, and all_units where `wish.every`: lists of units, each
        with its number, its place (start, stop and text; or left, top, right, bottom in pixels of the picture that the
        model reads) and p_select.

    Raises:
        ValueError: the model has no generator. NothingToRead: a text has no word, sign or symbol; it is named.
    """
    for start in range(0, len(rows), WINDOW):
        window = _read(checkpoint, split, rows[start : start + WINDOW])
        with torch.inference_mode():  # 5 to 10 % faster on a CPU than no_grad, by `bench infer`
            logits = selection_logits(checkpoint.model, window.data, wish.size)
        for draw in range(wish.draws):
            answers = _answer(checkpoint, window.data, logits, wish, draw)
            yield [_row(checkpoint, window, answers, wish, draw, place) for place in range(len(window.units))]


def _read(checkpoint: Checkpoint, split: Split, rows: np.ndarray) -> _Window:
    reader, device = checkpoint.reader, next(checkpoint.model.parameters()).device
    if split.modality == "image":
        data = encode_images(split.take(rows), reader, rows)
        return _Window(data.to(device), [reader.units] * len(rows))
    examples = [split[int(row)] for row in rows]
    reading = read_named(reader, examples)
    data = Encoded(**vars(reading.batch))
    return _Window(data.to(device), reading.units, [example.text for example in examples], reading.stops)


@torch.inference_mode()
def _answer(checkpoint: Checkpoint, data: Encoded, logits: Tensor, wish: Wish, draw: int) -> _Answers:
    config, unit_mask, noise = checkpoint.model.config, data.unit_mask.cpu(), None
    if wish.rule == "sampled":
        noise = masks.logistic_noise(wish.seed + draw, 0, data.ids.cpu(), unit_mask.shape[1])
    options = {"rate": config.rate, "cut": config.cut, "noise": noise}
    mask, repaired = masks.evaluation_mask(wish.rule, logits, unit_mask, **options)
    probs = label_logits(checkpoint.model, data, mask, wish.size).softmax(1)
    return _Answers(probs, logits.sigmoid(), mask, repaired)


def _row(checkpoint: Checkpoint, window: _Window, answers: _Answers, wish: Wish, draw: int, place: int) -> Row:
    classes, n_units = checkpoint.info.config.classes, len(window.units[place])
    label, probs = int(window.data.labels[place]), answers.probs[place]
    mask, scores = answers.mask[place, :n_units].tolist(), answers.selection[place, :n_units].tolist()
    told = [_unit(window, place, unit, score) for unit, score in enumerate(scores)] if wish.every else []
    selected = [_unit(window, place, unit, scores[unit]) for unit, kept in enumerate(mask) if kept]
    row = {
        "model": checkpoint.info.name,
        "row": int(window.data.ids[place]),
        "draw": draw,
        "label": classes[label] if label >= 0 else None,
        "predicted": classes[int(probs.argmax())],
        "probability": round(float(probs.max()), 6),
        "rule": wish.rule,
        "n_units": n_units,
        "count": len(selected),
        "rate": round(len(selected) / n_units, 6),
        "repaired": bool(answers.repaired[place]),
    }
    stop = {} if window.stops is None else {"reads_to": window.stops[place]}
    every = {"all_units": [{**unit, "selected": kept} for unit, kept in zip(told, mask, strict=True)]} if told else {}
    return {**row, **stop, "selected": selected, **every}


def _unit(window: _Window, place: int, unit: int, score: float) -> Row:
    where = window.units[place].places[unit]
    if window.texts is None:
        at = dict(zip(SIDES, where, strict=True))
    else:
        at = {"start": where[0], "stop": where[1], "text": window.texts[place][slice(*where)]}
    return {"unit": unit, **at, "p_select": round(score, 6)}


class Tally:
    """Sums of rows, for the sentences at the end; counts are taken before an empty mask is given its largest unit."""

    def __init__(self) -> None:
        self.hits: dict[int, list[bool]] = {}
        self.rates: list[float] = []
        self.repaired = 0

    def add(self, rows: Sequence[Row]) -> None:
        """Take note of the rows of one draw."""
        for row in rows:
            if row["label"] is not None:
                self.hits.setdefault(row["draw"], []).append(row["label"] == row["predicted"])
            self.rates.append(0.0 if row["repaired"] else row["rate"])
            self.repaired += row["repaired"]

    def lines(self) -> list[str]:
        """What a person wants to know of the whole."""
        mean = torch.tensor(self.rates).mean()
        out = [f"mean rate {mean:.2%} of an input's units, {self.repaired / len(self.rates):.2%} of the masks empty"]
        if self.hits:
            found = torch.tensor([float(np.mean(hits)) for hits in self.hits.values()])
            spread = f" (mean of {len(found)} draws, sd {found.std():.3f})" if len(found) > 1 else ""
            out.append(f"accuracy {found.mean():.3f}{spread}")
        return out

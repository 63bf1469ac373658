"""Max-sensitivity of a method and of a rationale model's noise-free gate: how far scores move when the input does.

It runs an explanation again and again. `attribution_moves` and `gate_moves` tell beforehand how many passes that takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from rekd.explanations.attributions import METHODS, subject_of
from rekd.explanations.cost import Passes, halving
from rekd.explanations.subject import Subject
from rekd.measures.robustness import MOVES, RADIUS, max_sensitivity
from rekd.models import RationaleModel
from rekd.types import Score
from rekd.units import Reading

Heard = Callable[[int], None]


def attribution_moves(method: str, model: RationaleModel, reading: Reading, *, draws: int = MOVES) -> int:
    """Passes that `attribution_sensitivity` will make, a backward pass counted as two.

    Raises:
        DoesNotFit, ValueError: as `attributions.attribute`.
    """
    return (draws + 1) * METHODS[method].once(subject_of(method, model, reading))


def attribution_sensitivity(
    method: str,
    model: RationaleModel,
    reading: Reading,
    *,
    target: int | None = None,
    draws: int = MOVES,
    radius: float = RADIUS,
    seed: int = 0,
    heard: Heard | None = None,
) -> Score:
    """Max-sensitivity of a method's scores; one that samples keeps its seed, so that only the input moves.

    Args:
        method, model, reading, target, heard: as for `attributions.attribute`. draws, radius: see `max_sensitivity`.
        seed: of the moves, and of the method.

    Raises:
        DoesNotFit, TooLittleMemory, ValueError: as `attributions.attribute`.
    """
    subject, spec, told = subject_of(method, model, reading), METHODS[method], Passes(heard)
    if target is None:
        with torch.no_grad():
            target = int(model.predict_from(subject.batch, subject.features)[0].argmax())
    subject = replace(subject, target=target, seed=seed)

    def run(chunk: int) -> Score:
        told.again()
        at = replace(subject, chunk=chunk, heard=told)
        return max_sensitivity(
            lambda features: spec.run(_moved(at, features))[0], subject.features, radius=radius, draws=draws, seed=seed
        )

    score, _, _ = halving(run, subject.chunk)
    told.finish((draws + 1) * spec.once(subject))
    return score


def _moved(subject: Subject, features: Tensor) -> Subject:
    return replace(subject, features=features, known={})


def gate_moves(draws: int = MOVES) -> int:
    """Passes that `gate_sensitivity` will make."""
    return draws + 1


def gate_sensitivity(
    model: RationaleModel,
    reading: Reading,
    *,
    draws: int = MOVES,
    radius: float = RADIUS,
    seed: int = 0,
    heard: Heard | None = None,
) -> Score:
    """Max-sensitivity of P(select), the gate without noise, to moves of the generator's differentiable input.

    Args:
        model: one that selects. reading: of one example. draws, radius, seed: see `max_sensitivity`. heard: told of
        each pass.

    Raises:
        ValueError: the model selects nothing, or the reading holds several examples.
    """
    if len(reading.units) != 1:
        raise ValueError(f"the reading holds {len(reading.units)} examples; give one at a time")
    batch, told = reading.batch.to(next(model.parameters()).device), Passes(heard)

    def gate(features: Tensor) -> Tensor:
        with torch.no_grad():
            probs = model.select_from(batch, features)[0].sigmoid()
        told(1)
        return probs

    with torch.no_grad():
        start = model.selector_features(batch)
    return max_sensitivity(gate, start, radius=radius, draws=draws, seed=seed)

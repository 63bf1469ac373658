"""Attributions as explanations: a score a unit, cut to one budget, and what it took.

The explained function is the logit of one class from the whole input. Methods change nothing on the model (see
`subject`), so threads may attribute on one model at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

import torch

from rekd.config import choose
from rekd.explanations.cost import Passes, TooLittleMemory, halving, measured
from rekd.explanations.methods import METHODS, MethodSpec
from rekd.explanations.subject import Answers, DoesNotFit, Result, Subject, first_chunk, top
from rekd.imports import uncollected
from rekd.masks import budget
from rekd.measures.agreement import iou
from rekd.types import Explanation, Prediction
from rekd.units import Reading

__all__ = ["METHODS", "Answers", "DoesNotFit", "TooLittleMemory", "attribute", "passes", "two_seeds"]


def attribute(
    method: str,
    name: str,
    model,
    reading: Reading,
    *,
    rate: float,
    target: int | None = None,
    k: int | None = None,
    seed: int = 0,
    heard: Callable[[int], None] | None = None,
    known: Answers | None = None,
) -> Explanation:
    """Attribute a model's logit to the units of one input and mark the k largest signed scores.

    Args:
        method: a name in METHODS. name: what the model is called. model: a RationaleModel in eval mode; of a model that
        selects, its predictor with every unit visible is explained. reading: of one example by that model's reader.
        rate: gives k = budget(N, rate) where k is None. target: the class, None for the predicted one.
        heard: told in this thread, after each chunk, how many passes were made since its last call; they add up to
        `passes`. What it raises ends the method, and nothing of that is left behind.
        known: what other methods and seeds learnt of this model and input; it is used and grows. None shares nothing.

    Returns:
        Explanation: scores (N,) in logits (of AttentionRollout shares); details with baseline, n and counted (what n
        counts), explained, chunk (passes at once), halved (how often memory ran out), seconds, peak_memory_mb and
        memory (what that counts), and where there are such convergence_delta, seed and passes (how many were saved).

    Raises:
        DoesNotFit: the method is for other inputs, or has no meaning for this model.
        TooLittleMemory: not even one pass at a time found room.
        ValueError: an unknown method, a reading of several examples, a class or k out of range, a model in train mode.
    """
    subject = subject_of(method, model, reading)
    spec, prediction = METHODS[method], _prediction(subject)
    subject = replace(subject, **_asked(subject, prediction, rate, target, k), seed=seed)
    subject = subject if known is None else replace(subject, known=known)
    with uncollected():  # before the clock runs: the first method would pay for all
        import_module("captum.attr")
    with measured(subject.batch.ids.device) as cost:
        scores, details = _run(spec, subject, Passes(heard))
    details |= {"explained": _explained(spec, subject, details), **cost} | ({"seed": seed} if spec.samples else {})
    return Explanation(
        method=method,
        model=name,
        units=reading.units[0],
        scores=tuple(scores.tolist()),
        mask=tuple(top(scores, subject.k).tolist()),
        rule="top-k",
        target=subject.target,
        prediction=prediction,
        details=details,
    )


def passes(method: str, model, reading: Reading) -> int:
    """Passes that `attribute` makes at most, a backward pass counted as two; order of cost, and a progress bar's total.

    Raises:
        DoesNotFit, ValueError: as `attribute`.
    """
    return METHODS[method].once(subject_of(method, model, reading))


def two_seeds(first: Explanation, other: Explanation) -> Explanation:
    """The first, with iou_two_seeds in its details: how far the mask of the same method under another seed agrees."""
    same = float(iou(torch.tensor(first.mask), torch.tensor(other.mask)))
    return replace(first, details={**first.details, "iou_two_seeds": same})


def subject_of(method: str, model, reading: Reading) -> Subject:
    """One input of one model as a method is given it, checked; target, k and seed are to be set.

    Raises:
        DoesNotFit, ValueError: as `attribute`.
    """
    choose("method", method, tuple(METHODS))
    if len(reading.units) != 1:
        raise ValueError(f"the reading holds {len(reading.units)} examples; attribute one at a time")
    if model.training:
        raise ValueError("the model is in train mode, where dropout makes it random; call model.eval() first")
    modality, fits = model.config.reader.modality, METHODS[method].modalities
    if modality not in fits:
        raise DoesNotFit(f"{method} is for {' and '.join(fits)} inputs, and this model reads {modality}.")
    batch, n = reading.batch.to(next(model.parameters()).device), len(reading.units[0])
    with torch.no_grad():
        features = model.features(batch).detach()
    return Subject(model, batch, n, features, chunk=first_chunk(batch, n))


def _prediction(subject: Subject) -> Prediction:
    def whole(_: int) -> torch.Tensor:
        with torch.no_grad():
            return subject.model.predict_from(subject.batch, subject.features)

    logits, _, _ = halving(whole, 1)  # for its sentence where there is no room
    return Prediction(tuple(logits[0].double().softmax(0).tolist()))


def _asked(subject: Subject, prediction: Prediction, rate: float, target: int | None, k: int | None) -> dict[str, int]:
    k = budget(subject.n_units, rate) if k is None else k
    if not 1 <= k <= subject.n_units:
        raise ValueError(f"k is {k}; it must be between 1 and the {subject.n_units} units of this input")
    target = prediction.label if target is None else target
    if not 0 <= target < len(prediction.probs):
        raise ValueError(f"target is {target}; the model knows classes 0 to {len(prediction.probs) - 1}")
    return {"target": target, "k": k}


def _run(spec: MethodSpec, subject: Subject, told: Passes) -> Result:
    """The method with as large a chunk as memory allows: its scores on the processor, and how it went."""

    def run(chunk: int) -> Result:
        told.again()
        scores, details = spec.run(replace(subject, chunk=chunk, heard=told))
        return scores.cpu(), details  # waits for the device, so that the seconds are whole

    (scores, details), chunk, halved = halving(run, subject.chunk)
    made, asked = told.made, spec.once(subject)
    told.finish(asked)
    details |= {"chunk": chunk, "halved": halved}
    if made < asked:
        details["passes"] = f"{made:,} of {asked:,}, the answers to the others were known"
    return scores, details


def _explained(spec: MethodSpec, subject: Subject, details) -> str:
    config = subject.model.config
    what = f"logit of {config.classes[subject.target]}" if spec.by_class else f"attention read at {details['read_at']}"
    return what + (", every unit visible" if config.selects else "")

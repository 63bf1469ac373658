"""Captum's methods, one function each: scores of the units of one input (captum is imported when a method first runs).

Gradients are taken with respect to the predictor's own input through `predict_from`, without hooks; units are removed
through the mask of `predict`. Nothing on the model changes, and no global random state is read or moved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rekd.measures.agreement import iou
from rekd.types import Batch

STEPS = 50  # Integrated Gradients: Captum's own default
DRAWS = 25  # GradientShap: Captum's default is 5, which ranks units by luck
UNITS_AT_ONCE = 2048
"""Units in one step on a CPU: in an app's threads OpenMP's workers sleep between steps, so that few large steps are
fastest, as long as what they hold stays in the cache (measured on two cores with 64, 134 and 250 units)."""
CHUNK_GPU = 50


@dataclass(frozen=True, eq=False)
class Subject:
    """What a method is given: a model in eval mode, a batch of one example on its device, and the class to explain."""

    model: Any
    batch: Batch
    n_units: int
    target: int
    k: int
    seed: int

    @property
    def chunk(self) -> int:
        """Forward passes at once."""
        if self.batch.ids.device.type != "cpu":
            return CHUNK_GPU
        return min(64, max(8, UNITS_AT_ONCE // self.n_units))

    def rows(self, count: int) -> Batch:
        return self.batch.rows(torch.zeros(count, dtype=torch.long, device=self.batch.ids.device))

    def ends(self) -> tuple[Tensor, Tensor]:
        """The input and the baseline that gradients run between."""
        return self.model.features(self.batch).detach(), self.model.baseline(self.batch).detach()

    def logits(self, features: Tensor) -> Tensor:
        """Label logits (M, K) from differentiable inputs (M, ...)."""
        return self.model.predict_from(self.rows(len(features)), features)

    def kept(self, masks: Tensor) -> Tensor:
        """Label logits (M, K) from the units that masks (M, N) hold."""
        with torch.inference_mode():
            return self.model.predict(self.rows(len(masks)), masks > 0.5)

    def everything(self) -> Tensor:
        return torch.ones(1, self.n_units, device=self.batch.ids.device)

    def to_units(self, attributions: Tensor) -> Tensor:
        return self.model.unit_scores(self.batch, attributions.detach().to(torch.float32))[0]


Result = tuple[Tensor, dict[str, Any]]
"""Scores (N,), and what the panel prints."""


@dataclass(frozen=True)
class MethodSpec:
    """One line of the list that a person picks from. samples: another seed gives other scores."""

    name: str
    run: Callable[[Subject], Result]
    help: str
    cost: str
    default: bool = False
    samples: bool = False


def _integrated_gradients(s: Subject) -> Result:
    from captum.attr import IntegratedGradients

    start, baseline = s.ends()
    given, delta = IntegratedGradients(s.logits).attribute(
        start, baseline, target=s.target, n_steps=STEPS, internal_batch_size=s.chunk, return_convergence_delta=True
    )
    return s.to_units(given), {"n": STEPS, "baseline": s.model.baseline_name, "convergence_delta": float(delta)}


def _gradient_shap(s: Subject) -> Result:
    """Captum's GradientShap without noise on Captum's gradients, with the places on the path drawn here.

    Captum draws them from NumPy's global state, which threads share, and holds all draws in memory at once.
    """
    from captum.attr import Saliency

    start, baseline = s.ends()
    draws = torch.rand(DRAWS, generator=torch.Generator().manual_seed(s.seed)).to(start)
    total = torch.zeros_like(start)
    for part in draws.split(s.chunk):
        places = baseline + part.reshape(-1, *[1] * (start.ndim - 1)) * (start - baseline)
        total += Saliency(s.logits).attribute(places.requires_grad_(), target=s.target, abs=False).sum(0, keepdim=True)
    given = total / DRAWS * (start - baseline)
    with torch.no_grad():
        whole, nothing = s.logits(torch.cat([start, baseline]))[:, s.target].tolist()
    delta = float(given.sum()) - (whole - nothing)
    return s.to_units(given), {"n": DRAWS, "baseline": s.model.baseline_name, "convergence_delta": delta}


def _input_x_gradient(s: Subject) -> Result:
    from captum.attr import InputXGradient

    start = s.ends()[0].requires_grad_()
    return s.to_units(InputXGradient(s.logits).attribute(start, target=s.target)), {"n": 1, "baseline": "zero"}


def _feature_ablation(s: Subject) -> Result:
    from captum.attr import FeatureAblation

    given = FeatureAblation(s.kept).attribute(
        s.everything(), baselines=0, target=s.target, perturbations_per_eval=min(s.chunk, s.n_units)
    )
    return given[0], {"n": s.n_units, "baseline": _removal(s)}


def _kernel_shap(s: Subject) -> Result:
    n = max(200, 4 * s.n_units)
    first, second = (_shapley_values(s, n, seed) for seed in (s.seed, s.seed + 1))
    same = float(iou(top(first, s.k), top(second, s.k)))
    return first, {"n": n, "baseline": _removal(s), "iou_two_seeds": same}


def _shapley_values(s: Subject, n: int, seed: int) -> Tensor:
    from captum.attr import KernelShap

    if s.n_units == 1:  # Captum's distribution of coalition sizes has no member
        ends = torch.cat([s.everything(), 1 - s.everything()])
        return -s.kept(ends)[:, s.target].diff()

    class SeededKernelShap(KernelShap):
        """The same coalitions in distribution, from a generator of our own, and a fit that draws nothing either."""

        def kernel_shap_perturb_generator(self, original_inp, **kwargs):
            yield from _coalitions(s.n_units, seed, original_inp.device)

    method = SeededKernelShap(s.kept)
    method.interpretable_model = _WeightedLeastSquares()
    inputs = s.everything()
    return method.attribute(inputs, baselines=0, target=s.target, n_samples=n, perturbations_per_eval=s.chunk)[0]


def _coalitions(n_units: int, seed: int, device: torch.device):
    """All units, none, then coalitions without end: sizes m by 1 / (m (N - m)), members evenly. Each (1, N) int64."""
    yield torch.ones(1, n_units, dtype=torch.long, device=device)
    yield torch.zeros(1, n_units, dtype=torch.long, device=device)
    generator, sizes = torch.Generator().manual_seed(seed), torch.arange(1, n_units)
    while True:
        size = 1 + int(torch.multinomial(1 / (sizes * (n_units - sizes)), 1, generator=generator))
        members = torch.zeros(1, n_units, dtype=torch.long)
        members[0, torch.randperm(n_units, generator=generator)[:size]] = 1
        yield members.to(device)


class _WeightedLeastSquares:
    """Captum's surrogate in float64: the two end points weigh a million times more, which float32 blurs."""

    def fit(self, loader, **_) -> None:
        x, y, weight = (values.cpu().double() for values in loader.dataset.tensors)
        root = weight.sqrt()[:, None]
        design = torch.cat([x, torch.ones_like(root)], 1)
        # gelsd: a short input has fewer different coalitions than a full rank needs
        self.solution = torch.linalg.lstsq(design * root, y[:, None] * root, driver="gelsd").solution[:-1, 0]

    def representation(self) -> Tensor:
        return self.solution.float()


def _removal(s: Subject) -> str:
    return {"drop": "units leave the attention", "zero": "units set to zero"}.get(
        s.model.config.masking, "mask embedding"
    )


def top(scores: Tensor, k: int) -> Tensor:
    """The k largest signed scores, ties to the earlier unit: (N,) bool."""
    mask = torch.zeros(len(scores), dtype=torch.bool)
    mask[scores.cpu().argsort(descending=True, stable=True)[:k]] = True
    return mask


_SPECS = (
    MethodSpec(
        "IntegratedGradients",
        _integrated_gradients,
        "Gradients summed on the path from a baseline without content; they add up to the change of the logit.",
        f"{STEPS} forward and backward passes",
        default=True,
    ),
    MethodSpec(
        "GradientShap",
        _gradient_shap,
        "Gradients at random places on the path from the baseline: Integrated Gradients by chance, at half the cost.",
        f"{DRAWS} forward and backward passes",
        default=True,
        samples=True,
    ),
    MethodSpec(
        "FeatureAblation",
        _feature_ablation,
        "How much the logit falls when one unit is removed and the others stay.",
        "one forward pass a unit",
        default=True,
    ),
    MethodSpec(
        "InputXGradient",
        _input_x_gradient,
        "Input times gradient at the input itself: fast, and blind to where the model is saturated.",
        "one forward and backward pass",
    ),
    MethodSpec(
        "KernelShap",
        _kernel_shap,
        "Shapley values estimated from coalitions of units; the agreement of two seeds says how far to trust them.",
        "eight forward passes a unit, 400 or more",
        samples=True,
    ),
)
METHODS: dict[str, MethodSpec] = {spec.name: spec for spec in _SPECS}

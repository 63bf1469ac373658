"""Captum's methods that follow gradients, from the predictor's own input to the logit of a class.

The shared model is called and never hooked; the two methods that place hooks do so on a private copy.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import torch
from torch import Tensor, nn

from rekd.errors import reason
from rekd.explanations.cost import out_of_memory
from rekd.explanations.subject import BACKWARD, DoesNotFit, Result, Subject, private

STEPS = 50  # Integrated Gradients: Captum's own default
DRAWS = 12
"""GradientShap, a place in each twelfth of the path: two seeds mark the same units as often as with 25 places drawn
anywhere (IoU .60 of digits, where those have .64; .98 of reviews, where those have .85), for half the time."""
DELTA_BOUND = 0.05
"""DeepLift is refused where its scores miss the change of the logit by this share of it."""

ONE_PASS = 1 + BACKWARD
INTEGRATED_PASSES = STEPS * ONE_PASS + 2  # and the two ends, for the convergence delta
SHAP_PASSES = DRAWS * ONE_PASS + 2
DEEP_LIFT_PASSES = 2 * ONE_PASS + 2


def saliency(s: Subject) -> Result:
    from captum.attr import Saliency

    given = Saliency(s.logits).attribute(s.ends()[0].requires_grad_(), target=s.target, abs=True)
    return s.to_units(given), {"n": 1, "counted": "gradients", "baseline": "none"}


def input_x_gradient(s: Subject) -> Result:
    from captum.attr import InputXGradient

    given = InputXGradient(s.logits).attribute(s.ends()[0].requires_grad_(), target=s.target)
    return s.to_units(given), {"n": 1, "counted": "gradients", "baseline": "zero"}


def integrated_gradients(s: Subject) -> Result:
    from captum.attr import IntegratedGradients

    start, baseline = s.ends()
    given, delta = IntegratedGradients(s.logits).attribute(
        start, baseline, target=s.target, n_steps=STEPS, internal_batch_size=s.chunk, return_convergence_delta=True
    )
    return s.to_units(given), _between(s, STEPS, "steps", float(delta))


def gradient_shap(s: Subject) -> Result:
    """Captum's GradientShap without noise on Captum's gradients, with the places on the path drawn here, in strata.

    Captum draws them from NumPy's global state, which threads share, and holds all draws in memory at once. A draw from
    each stretch of the path has the same expectation as draws from all of it, and less spread.
    """
    from captum.attr import Saliency

    start, baseline = s.ends()
    jitter = torch.rand(DRAWS, generator=torch.Generator().manual_seed(s.seed))
    draws = ((torch.arange(DRAWS) + jitter) / DRAWS).to(start)
    total = torch.zeros_like(start)
    for part in draws.split(s.chunk):
        places = baseline + part.reshape(-1, *[1] * (start.ndim - 1)) * (start - baseline)
        total += Saliency(s.logits).attribute(places.requires_grad_(), target=s.target, abs=False).sum(0, keepdim=True)
    given = total / DRAWS * (start - baseline)
    with torch.no_grad():
        whole, nothing = (float(s.logits(end)[0, s.target]) for end in (start, baseline))
    return s.to_units(given), _between(s, DRAWS, "draws", float(given.sum()) - (whole - nothing))


def _between(s: Subject, n: int, counted: str, delta: float) -> dict:
    return {"n": n, "counted": counted, "baseline": s.model.baseline_name, "convergence_delta": delta}


class _Module(nn.Module):
    """A private copy of a model as Captum hooks it: differentiable inputs to logits."""

    def __init__(self, s: Subject):
        super().__init__()
        self.model = private(s.model)
        self.logits = replace(s, model=self.model).logits

    def forward(self, features: Tensor) -> Tensor:
        return self.logits(features)


def deep_lift(s: Subject) -> Result:
    """Captum's DeepLift where its scores add up to the change of the logit.

    Captum's rules cover modules such as ReLU, and none of those that transformers are made of: through GELU, softmax
    and LayerNorm it falls back to the plain gradient, and the sum tells by how much that is off.

    Raises:
        DoesNotFit: the sum misses the change by DELTA_BOUND of it, or Captum can't follow the model at all.
    """
    try:
        given, delta = _lifted(replace(s, heard=lambda _: None))
    except Exception as error:  # Captum's hooks fail in many ways on what they were not made for
        if out_of_memory(error):
            raise
        raise DoesNotFit(f"DeepLift does not fit this model: Captum can't follow it ({reason(error)}).") from error
    s.heard(DEEP_LIFT_PASSES)
    change = float(given.sum()) - delta
    if not abs(delta) < DELTA_BOUND * abs(change):
        raise DoesNotFit(
            f"DeepLift does not fit this model: its scores should add up to {_signed(change)} logits, the change from "
            f"the baseline to the input, and add up to {_signed(change + delta)}, {abs(delta):.4f} off where less than "
            f"{DELTA_BOUND:.0%} of the change is asked. Captum has no rule for some of the model's layers."
        )
    return s.to_units(given), {**_between(s, 1, "gradients", delta), "change": change}


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


def _lifted(s: Subject) -> tuple[Tensor, float]:
    from captum.attr import DeepLift

    # Said before every use, though nobody else sees the copy; one filter for good, as scoped ones are not thread-safe.
    warnings.filterwarnings("ignore", message="Setting forward, backward hooks", category=UserWarning)
    start, baseline = s.ends()
    given, delta = DeepLift(_Module(s)).attribute(
        start.requires_grad_(), baseline, target=s.target, return_convergence_delta=True
    )
    return given.detach(), float(delta)


class _Maps(nn.Module):
    """A LayerNorm whose patch tokens pass through `maps` as (B, D, rows, columns), and go on as they were."""

    def __init__(self, norm: nn.Module, prefix: int, grid: tuple[int, int]):
        super().__init__()
        self.norm, self.prefix, self.grid = norm, prefix, grid
        self.maps = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        maps = self.maps(x[:, self.prefix :].transpose(1, 2).unflatten(2, self.grid))
        return torch.cat([x[:, : self.prefix], maps.flatten(2).transpose(1, 2)], 1)


def layer_grad_cam(s: Subject) -> Result:
    """Captum's LayerGradCam on what the last block's attention reads, the last place where every patch still counts.

    Behind it a class token alone is read, and the patches' gradients are zero.
    """
    from captum.attr import LayerGradCam

    module = _Module(s)
    tower = module.model.predictor
    block = tower.vit.blocks[-1]
    block.norm1 = _Maps(block.norm1, tower.prefix, s.shape)
    given = LayerGradCam(module, block.norm1.maps).attribute(s.ends()[0].requires_grad_(), target=s.target)
    layer = f"block {len(tower.vit.blocks)}, before its attention"
    return given.detach().flatten().float(), {"n": 1, "counted": "gradients", "baseline": "none", "layer": layer}

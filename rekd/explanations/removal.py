"""Captum's methods that remove units and look at the logit: Captum sees the unit mask as the input.

Each hands all its masks over at once; `Subject.kept` computes them in chunks of like size, and equal ones once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from rekd.explanations.subject import Result, Subject

WINDOW = {1: 3, 2: 2}
"""Side of Occlusion's window: 3 words in a row, 2 x 2 patches."""
LIME_WIDTH, LIME_RIDGE = 0.25, 1.0
"""Kernel width of the cosine distance, and ridge penalty: those of the lime package (its distance is in hundredths)."""


def feature_ablation(s: Subject) -> Result:
    from captum.attr import FeatureAblation

    given = FeatureAblation(s.kept).attribute(
        s.everything(), baselines=0, target=s.target, perturbations_per_eval=s.n_units
    )
    return given[0], {"n": s.n_units, "counted": "units", "baseline": s.removal()}


def occlusion(s: Subject) -> Result:
    """A unit's score is the mean over the windows that hold it."""
    from captum.attr import Occlusion

    given = Occlusion(lambda masks: s.kept(masks.flatten(1))).attribute(
        s.everything().reshape(1, *s.shape),
        sliding_window_shapes=window(s),
        strides=1,
        baselines=0,
        target=s.target,
        perturbations_per_eval=windows(s),
    )
    size = " x ".join(map(str, window(s)))
    return given.flatten(), {"n": windows(s), "counted": "windows", "window": size, "baseline": s.removal()}


def window(s: Subject) -> tuple[int, ...]:
    """Sides of Occlusion's window in units, no larger than the input."""
    return tuple(min(WINDOW[len(s.shape)], side) for side in s.shape)


def windows(s: Subject) -> int:
    """How many places the window has."""
    return math.prod(side - wide + 1 for side, wide in zip(s.shape, window(s), strict=True))


def coalitions(s: Subject) -> int:
    """Coalitions of KernelShap and of Lime."""
    return max(200, 4 * s.n_units)


def permutations(s: Subject) -> int:
    """Orders of ShapleyValueSampling: five, and more of a short input, which then costs 200 passes."""
    return max(5, math.ceil(200 / s.n_units))


def shapley_value_sampling(s: Subject) -> Result:
    from captum.attr import ShapleyValueSampling

    method, n = ShapleyValueSampling(s.kept), permutations(s)
    method.permutation_generator = lambda units, count: _orders(units, count, s.seed)
    given = method.attribute(
        s.everything(), baselines=0, target=s.target, n_samples=n, perturbations_per_eval=s.n_units
    )
    return given[0], {"n": n, "counted": "permutations", "baseline": s.removal()}


def _orders(units: int, count: int, seed: int) -> Iterator[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        yield torch.randperm(units, generator=generator).tolist()


def kernel_shap(s: Subject) -> Result:
    from captum.attr import KernelShap

    class SeededKernelShap(KernelShap):
        """The same coalitions in distribution, from a generator of our own, and a fit that draws nothing either."""

        def kernel_shap_perturb_generator(self, original_inp, **kwargs):
            yield from shapley_coalitions(s.n_units, s.seed, original_inp.device)

    n, method = coalitions(s), SeededKernelShap(s.kept)
    method.interpretable_model = _WeightedLeastSquares()
    details = {"n": n, "counted": "coalitions", "baseline": s.removal()}
    if s.n_units == 1:  # Captum's distribution of coalition sizes has no member
        ends = torch.cat([s.everything(), 1 - s.everything()])
        return -s.kept(ends)[:, s.target].diff(), details
    inputs = s.everything()
    return method.attribute(inputs, baselines=0, target=s.target, n_samples=n, perturbations_per_eval=n)[0], details


def lime(s: Subject) -> Result:
    from captum.attr import Lime
    from captum.attr._core.lime import get_exp_kernel_similarity_function

    def draws(original_inp: Tensor, **_) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(s.seed)
        while True:
            yield (torch.rand(1, s.n_units, generator=generator) < 0.5).long().to(original_inp.device)

    n, near = coalitions(s), get_exp_kernel_similarity_function("cosine", LIME_WIDTH)
    method = Lime(s.kept, interpretable_model=_Ridge(), similarity_func=near, perturb_func=draws)
    given = method.attribute(s.everything(), baselines=0, target=s.target, n_samples=n, perturbations_per_eval=n)
    return given[0], {"n": n, "counted": "draws", "baseline": s.removal()}


def shapley_coalitions(n_units: int, seed: int, device: torch.device) -> Iterator[Tensor]:
    """All units, none, then coalitions without end: sizes m by 1 / (m (N - m)), members evenly. Each (1, N) int64."""
    yield torch.ones(1, n_units, dtype=torch.long, device=device)
    yield torch.zeros(1, n_units, dtype=torch.long, device=device)
    generator, sizes = torch.Generator().manual_seed(seed), torch.arange(1, n_units)
    while True:
        size = 1 + int(torch.multinomial(1 / (sizes * (n_units - sizes)), 1, generator=generator))
        members = torch.zeros(1, n_units, dtype=torch.long)
        members[0, torch.randperm(n_units, generator=generator)[:size]] = 1
        yield members.to(device)


class _Surrogate:
    """A linear model that Captum fits to coalitions (n, N), their logits (n,) and weights (n,), in float64.

    Captum's own go through a data loader, which draws from PyTorch's global random state.
    """

    solution: Tensor

    def fit(self, loader, **_) -> None:
        self.solution = self.solve(*(values.cpu().double() for values in loader.dataset.tensors))

    def representation(self) -> Tensor:
        return self.solution.float()


class _WeightedLeastSquares(_Surrogate):
    """KernelShap's: its two end points weigh a million times more, which float32 blurs."""

    def solve(self, x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        root = weight.sqrt()[:, None]
        design = torch.cat([x, torch.ones_like(root)], 1)
        # gelsd: a short input has fewer different coalitions than a full rank needs
        return torch.linalg.lstsq(design * root, y[:, None] * root, driver="gelsd").solution[:-1, 0]


class _Ridge(_Surrogate):
    """Lime's: Captum's own Lasso sets most of many small scores to exactly 0, which leaves their order to chance."""

    def solve(self, x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        from sklearn.linear_model import Ridge

        return torch.from_numpy(Ridge(alpha=LIME_RIDGE).fit(x.numpy(), y.numpy(), weight.numpy()).coef_)

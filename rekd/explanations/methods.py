"""The list of methods that a person picks from: what each does, for which inputs, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rekd.explanations import gradients, removal
from rekd.explanations.attention import attention_rollout
from rekd.explanations.subject import DoesNotFit, Result, Subject
from rekd.types import Modality

__all__ = ["METHODS", "DoesNotFit", "MethodSpec", "Subject"]

EITHER: tuple[Modality, ...] = ("text", "image")


@dataclass(frozen=True)
class MethodSpec:
    """One line of the list.

    run: scores of a subject under its seed. once: the passes of one run, a backward pass counted as two forward ones.
    samples: another seed gives other scores, so that two seeds are to be compared. by_class: the scores depend on the
    class that is explained.
    """

    name: str
    run: Callable[[Subject], Result]
    once: Callable[[Subject], int]
    help: str
    cost: str
    default: bool = False
    samples: bool = False
    modalities: tuple[Modality, ...] = EITHER
    by_class: bool = True


_SPECS = (
    MethodSpec(
        "IntegratedGradients",
        gradients.integrated_gradients,
        lambda s: gradients.INTEGRATED_PASSES,
        "Gradients summed on the path from a baseline without content; they add up to the change of the logit.",
        f"{gradients.STEPS} forward and backward passes",
        default=True,
    ),
    MethodSpec(
        "GradientShap",
        gradients.gradient_shap,
        lambda s: gradients.SHAP_PASSES,
        "Gradients at random places on the path from the baseline: Integrated Gradients by chance.",
        f"{gradients.DRAWS} forward and backward passes",
        default=True,
        samples=True,
    ),
    MethodSpec(
        "FeatureAblation",
        removal.feature_ablation,
        lambda s: s.n_units + 1,
        "How much the logit falls when one unit is removed and the others stay.",
        "one forward pass a unit",
        default=True,
    ),
    MethodSpec(
        "Saliency",
        gradients.saliency,
        lambda s: gradients.ONE_PASS,
        "Size of the gradient: where a small change would move the logit most, whether up or down.",
        "one forward and backward pass",
    ),
    MethodSpec(
        "InputXGradient",
        gradients.input_x_gradient,
        lambda s: gradients.ONE_PASS,
        "Input times gradient at the input itself: fast, and blind to where the model is saturated.",
        "one forward and backward pass",
    ),
    MethodSpec(
        "DeepLift",
        gradients.deep_lift,
        lambda s: gradients.DEEP_LIFT_PASSES,
        "Differences from a baseline, passed back layer by layer; shown only where they add up to the logit's change.",
        "two forward and backward passes",
    ),
    MethodSpec(
        "LayerGradCam",
        gradients.layer_grad_cam,
        lambda s: gradients.ONE_PASS,
        "What the last block reads, weighted by how much each channel moves the logit on average.",
        "one forward and backward pass",
        modalities=("image",),
    ),
    MethodSpec(
        "AttentionRollout",
        attention_rollout,
        lambda s: 1,
        "Where the attention comes from through all layers; the same for every class, and never below zero.",
        "one forward pass",
        by_class=False,
    ),
    MethodSpec(
        "Occlusion",
        removal.occlusion,
        lambda s: removal.windows(s) + 1,
        "How much the logit falls when a window (3 in a row, or 2 x 2) is removed: the mean over a unit's windows.",
        "about one forward pass a unit",
    ),
    MethodSpec(
        "ShapleyValueSampling",
        removal.shapley_value_sampling,
        lambda s: removal.permutations(s) * s.n_units + 1,
        "What a unit adds to the logit when units arrive one by one, averaged over random orders.",
        "five forward passes a unit, 200 or more",
        samples=True,
    ),
    MethodSpec(
        "KernelShap",
        removal.kernel_shap,
        removal.coalitions,
        "Shapley values estimated from coalitions of units; the agreement of two seeds says how far to trust them.",
        "four forward passes a unit, 200 or more",
        samples=True,
    ),
    MethodSpec(
        "Lime",
        removal.lime,
        removal.coalitions,
        "A linear model of the logit, fitted to inputs of which random halves are removed, the nearest weighing most.",
        "four forward passes a unit, 200 or more",
        samples=True,
    ),
)
METHODS: dict[str, MethodSpec] = {spec.name: spec for spec in _SPECS}

"""Models whose weights are about to be read from a file are built without drawing any."""

from __future__ import annotations

from torch.overrides import TorchFunctionMode

_DRAWS = {"uniform_", "normal_", "trunc_normal_", "kaiming_uniform_", "kaiming_normal_", "xavier_uniform_"}
"""Names that torch's tensors, torch.nn.init and transformers.initialization share. Constants are set as ever, since a
buffer that no file holds may need them."""


class WithoutDraws(TorchFunctionMode):
    """While it lasts, this thread's random initialisers leave their tensors as they are.

    Loading spent half its time on random weights that the file's then replaced. Patching torch's functions, as is
    common, would reach other threads, which may be building a model that needs its draws.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in _DRAWS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)

"""Models whose weights are about to be read from a file are built without drawing any."""

from __future__ import annotations

from torch import Tensor
from torch.overrides import TorchFunctionMode

_DRAWS = (Tensor.uniform_, Tensor.normal_)
_INITIALISERS = ("torch.nn.init", "transformers.initialization")


class WithoutDraws(TorchFunctionMode):
    """While it lasts, this thread's initialisers leave their tensors as they are.

    Loading spent half its time on random weights that the file's then replaced. Patching torch's functions, as is
    common, would reach other threads, which may be building a model that needs its draws.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in _DRAWS or getattr(func, "__module__", "") in _INITIALISERS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)

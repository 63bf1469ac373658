"""What a process of a run loads before its first step; see `warm`."""

from __future__ import annotations

from importlib import import_module

from rekd.data.demo import digits

for name in ("rekd.cli.train", "rekd.models.vision", "rekd.training.fit", "rekd.training.worker", "torch._dynamo"):
    import_module(name)  # the last is what an optimizer's first use loads
for split in ("train", "dev"):
    digits(split)

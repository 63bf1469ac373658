"""What a process of a run loads before its first step; see `warm`."""

from __future__ import annotations

import torch._dynamo  # noqa: F401  (an optimizer's first use loads it)

import rekd.cli.train  # noqa: F401
import rekd.models.vision  # noqa: F401
import rekd.training.fit  # noqa: F401
import rekd.training.worker  # noqa: F401
from rekd.data.demo import digits

for split in ("train", "dev"):
    digits(split)

"""What the tests of runs in processes share: a run that takes seconds, and a way to wait for it."""

from __future__ import annotations

import time
from pathlib import Path

from rekd.config import TrainConfig

ROOT = Path(__file__).parents[1]
SMALL = {"embed_dim": 24, "depth": 1, "num_heads": 2, "img_size": 64, "patch_size": 8}
QUICK = {"backbone_args": SMALL, "batch_size": 8, "dev_limit": 16, "log_every": 5, "evaluate_every": 20}
STEPS = 100


def small(kind="cls", **values) -> TrainConfig:
    return TrainConfig("digits", kind, **QUICK | {"steps": STEPS} | values)


def until(true, seconds=120, what="it"):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} seconds in vain for {what}"
        time.sleep(0.05)

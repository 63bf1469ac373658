"""Two processes reach the numbers of one at the same global batch: nothing that is drawn knows of processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import same

ROOT = Path(__file__).parents[2]
TINY = json.dumps({"img_size": 64, "patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2})
TRAIN = ["train", "--task", "digits", "--kind", "re", "--backbone", "vit_tiny_patch16_224", "--backbone-args", TINY]
TRAIN += ["--steps", "4", "--batch-size", "16", "--evaluate-every", "4", "--dev-limit", "20", "--log-every", "1"]
TRAIN += ["--cpu", "--dropout", "0"]
LAUNCH = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node"]  # accelerate's own starts one on a CPU
COUNTED = """
import sys
from accelerate import Accelerator
from rekd.cli import main
assert Accelerator(cpu=True).num_processes == int(sys.argv[1])
sys.exit(main(sys.argv[2:]))
"""


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.skipif(sys.platform == "win32", reason="gloo between processes is not tested on Windows")
def test_two_processes_give_the_numbers_of_one(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    script = tmp_path / "counted.py"
    script.write_text(COUNTED)
    for count in ("1", "2"):
        command = [sys.executable, *LAUNCH, count, str(script), count, *TRAIN, "--out", str(tmp_path / count)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
    for one, two in zip(lines(tmp_path / "1"), lines(tmp_path / "2"), strict=True):
        for name in ("total", "task", "rate", "r", "dual", "accuracy"):
            same(two[name], one[name], atol=1e-4, what=f"{name} at step {one['step']}")

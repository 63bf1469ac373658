"""Two processes reach the numbers of one at the same global batch: nothing that is drawn knows of processes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import torch
from helpers import same, tiny_checkpoints
from safetensors.torch import load_file
from warm import warm_starts

from rekd.cli import main
from rekd.training import worker

ROOT = Path(__file__).parents[2]
TINY = json.dumps({"img_size": 64, "patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2})
TRAIN = ["train", "--task", "digits", "--kind", "re", "--backbone", "vit_tiny_patch16_224", "--backbone-args", TINY]
TRAIN += ["--steps", "4", "--batch-size", "16", "--evaluate-every", "4", "--dev-limit", "20", "--log-every", "1"]
TRAIN += ["--cpu", "--dropout", "0"]
LAUNCH = ["torch.distributed.run", "--standalone", "--nproc_per_node"]  # accelerate's own starts one on a CPU


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.skipif(sys.platform == "win32", reason="gloo between processes is not tested on Windows")
def test_two_processes_give_the_numbers_of_one(tmp_path):
    assert main([*TRAIN, "--out", str(tmp_path / "1")]) == 0
    together(2, [*TRAIN, "--out", str(tmp_path / "2")], tmp_path / "log.txt")
    for one, two in zip(lines(tmp_path / "1"), lines(tmp_path / "2"), strict=True):
        for name in ("total", "task", "rate", "r", "dual", "accuracy"):
            same(two[name], one[name], atol=1e-4, what=f"{name} at step {one['step']}")


def together(count: int, train: list[str], log: Path) -> None:
    """Train in processes that find each other by what `torch.distributed.run` tells each of those it starts."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
    told |= {"LOCAL_WORLD_SIZE": str(count), "PYTHONPATH": str(ROOT / "tests")}
    with warm_starts(), log.open("ab") as output:
        started = [
            worker.start_module(
                ["counted", str(count), *train],
                told | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            for rank in range(count)
        ]
        assert [child.wait(300) for child in started] == [0] * count, log.read_text(encoding="utf-8")[-2000:]


def started(launcher: list[str], folder: Path, *more: str, train: list[str] = TRAIN, **settings: str) -> None:
    """Train in processes that a launcher starts, which `python -m` runs with these words, as a person types them."""
    arguments = [*launcher, "-m", "rekd", *train, *more, "--out", str(folder)]
    log = folder.with_suffix(".txt")
    with warm_starts(), log.open("ab") as output:
        told = {"PYTHONPATH": str(ROOT)} | settings
        launched = worker.start_module(arguments, told, stdout=output, stderr=subprocess.STDOUT)
        assert launched.wait(300) == 0, log.read_text(encoding="utf-8")[-2000:]


@pytest.mark.skipif(sys.platform == "win32", reason="gloo between processes is not tested on Windows")
def test_a_student_of_two_processes_has_the_weights_of_one_that_accelerate_launched(tmp_path):
    tiny_checkpoints(tmp_path / "taught", task="digits", roles=("teacher",))
    learns = ["--kind", "rekd", "--teacher", "digits-teacher", "--accumulation", "2", "--precision", "fp32"]
    taught = {"REKD_CHECKPOINTS": str(tmp_path / "taught")}
    started(["accelerate.commands.launch", "--cpu"], tmp_path / "one", *learns, **taught)
    started([*LAUNCH, "2"], tmp_path / "two", *learns, **taught)
    agree(tmp_path / "two", tmp_path / "one", ("total", "task", "rate", "r", "dual", "rationale", "prediction"))
    assert (tmp_path / "two.txt").read_text(encoding="utf-8").count("Checkpoint: ") == 1, "said by one process"


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus_give_the_numbers_of_one(tmp_path):
    plain = ["--precision", "fp32", "--no-augment"]
    for count in ("1", "2"):
        several = ["--multi_gpu"] if count == "2" else []
        launcher = ["accelerate.commands.launch", "--num_processes", count, *several]
        command = [each for each in TRAIN if each != "--cpu"]
        started(launcher, tmp_path / count, *plain, train=command)
    agree(tmp_path / "2", tmp_path / "1", ("total", "task", "rate", "r", "dual", "accuracy"))


def agree(two: Path, one: Path, names: tuple[str, ...]) -> None:
    """Assert that two runs logged the same numbers and ended with the same weights."""
    for first, second in zip(lines(one), lines(two), strict=True):
        for name in names:
            same(second[name], first[name], atol=1e-4, what=f"{name} at step {first['step']}")
    weights = [load_file(folder / "state" / "00000004" / "weights.safetensors") for folder in (two, one)]
    for name, value in weights[1].items():
        same(weights[0][name], value, atol=1e-4, what=name)

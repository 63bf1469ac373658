"""The command line on the built-in digits: train, resume, evaluate, explain, and sentences for what goes wrong."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers import tiny_checkpoints
from PIL import Image

from rekd.cli import main

TINY = json.dumps({"img_size": 64, "patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2})
TRAIN = ["train", "--task", "digits", "--kind", "re", "--backbone", "vit_tiny_patch16_224", "--backbone-args", TINY]
TRAIN += [
    "--steps",
    "4",
    "--batch-size",
    "8",
    "--evaluate-every",
    "2",
    "--dev-limit",
    "20",
    "--log-every",
    "1",
    "--cpu",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "run"
    assert main([*TRAIN, "--out", str(folder)]) == 0
    return folder


def test_a_run_leaves_its_configuration_metrics_state_and_checkpoint(run):
    config = json.loads((run / "config.json").read_text())
    assert config["training"]["rate"] == 0.15 and config["versions"]["torch"]
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 4
    assert (run / "state" / "latest").read_text() == "00000004"
    stored = json.loads((run / "checkpoint" / "config.json").read_text())
    assert stored["role"] == "re" and stored["model"]["cut"] != 0.0
    assert "vit_tiny_patch16_224" in (run / "checkpoint" / "README.md").read_text()


def test_resuming_a_finished_run_gives_the_same_checkpoint(run):
    before = (run / "checkpoint" / "model.safetensors").read_bytes()
    assert main(["train", "--resume", str(run), "--cpu"]) == 0
    assert (run / "checkpoint" / "model.safetensors").read_bytes() == before


def test_another_run_is_not_written_over_this_one(run, capsys):
    assert main([*TRAIN, "--seed", "7", "--out", str(run)]) == 2
    assert "differs in seed" in capsys.readouterr().err


def test_evaluate_prints_a_table_and_writes_a_row_an_example(run, tmp_path, capsys):
    out = tmp_path / "rows.parquet"
    arguments = ["evaluate", str(run / "checkpoint"), "--limit", "30", "--draws", "2", "--out", str(out)]
    assert main([*arguments, "--device", "cpu", "--json", str(tmp_path / "numbers.json")]) == 0
    printed = capsys.readouterr().out
    for word in (
        "threshold",
        "calibrated",
        "top-k",
        "sampled, mean of 2",
        "random mask (control)",
        "leaks",
        "30 examples",
    ):
        assert word in printed
    rows = pq.read_table(out)
    assert rows.column_names == ["id", "label", "predicted", "confidence", "count", "mask"] and len(rows) == 30
    assert all(
        sum(mask) == count for mask, count in zip(rows["mask"].to_pylist(), rows["count"].to_pylist(), strict=True)
    )
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert next(iter(numbers.values()))["rules"]["top-k"]["rate"] == pytest.approx(10 / 64)


def test_explain_draws_a_text_and_an_image(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("REKD_CHECKPOINTS", str(tiny_checkpoints(tmp_path / "models")))
    text = "a lovely film \x1b[31m[SEP] <b>great</b>"
    assert (
        main(["explain", "--model", "imdb-re", "--model", str(tmp_path / "models" / "imdb-cls"), "--text", text]) == 0
    )
    printed = capsys.readouterr().out
    assert "imdb-re: " in printed and "\x1b" not in printed and "SEP" in printed
    path = tmp_path / "image.png"
    Image.fromarray(np.full((70, 90, 3), 200, np.uint8)).save(path)
    assert main(["explain", "--model", str(run / "checkpoint"), "--image", str(path)]) == 0
    assert "██" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "--task", "digits"], "--kind must be given"),
        (["train", "--task", "novels", "--kind", "re"], "it must be one of"),
        (["train", "--task", "digits", "--kind", "rekd"], "name the teacher's checkpoint"),
        (["train", "--resume", "nowhere"], "holds no run"),
        (["evaluate", "nobody"], "There is no checkpoint 'nobody'"),
        (["explain", "--model", "nobody", "--text", "hi"], "There is no checkpoint"),
        (["explain", "--task", "novels", "--text", "hi"], "no model of task 'novels'"),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence(arguments, said, capsys):
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_an_image_that_is_none_is_refused(run, tmp_path, capsys):
    path = tmp_path / "image.png"
    path.write_text("not an image")
    assert main(["explain", "--model", str(run / "checkpoint"), "--image", str(path)]) == 2
    assert "is no picture that can be read" in capsys.readouterr().err
    assert main(["explain", "--model", str(run / "checkpoint"), "--text", "hi"]) == 2
    assert "give it --image instead" in capsys.readouterr().err

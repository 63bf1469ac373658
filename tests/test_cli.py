"""The command line on the built-in digits: train, resume, evaluate, explain, and sentences for what goes wrong."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers import tiny_checkpoints
from PIL import Image

from rekd.cli import main
from rekd.data import load_split
from rekd.training.about import called

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


def test_a_run_in_the_foreground_says_at_once_where_it_writes_and_then_how_far_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("rekd.training.progress.EVERY", 0.0)
    assert main([*TRAIN, "--out", str(tmp_path / "run")]) == 0
    first, *lines, _, _ = capsys.readouterr().out.splitlines()
    assert first == f"Trains re on digits for 4 steps, in {tmp_path / 'run'}."
    assert [line.split(",")[0] for line in lines] == [f"step {step} of 4" for step in range(5)]
    assert "loss" in lines[-1] and "best dev accuracy" in lines[-1] and "left" in lines[-2]
    assert called(tmp_path / "run") == "RE · digits · seed 2026"


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


@pytest.mark.parametrize("again", [["train", "--resume"], [*TRAIN, "--out"]])
def test_a_finished_run_is_said_to_be_so_and_stays_as_it_is(run, again, capsys):
    before = (run / "checkpoint" / "model.safetensors").stat().st_mtime_ns
    assert main([*again, str(run)]) == 0
    printed = capsys.readouterr().out
    assert f"{run} is finished at step 4; nothing was trained.\nCheckpoint: {run / 'checkpoint'}\n" in printed
    assert (run / "checkpoint" / "model.safetensors").stat().st_mtime_ns == before


def test_a_finished_run_without_its_checkpoint_gets_the_same_one_again(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "copy")
    shutil.rmtree(copy / "checkpoint")
    assert main(["train", "--resume", str(copy), "--cpu"]) == 0
    weights = [folder / "checkpoint" / "model.safetensors" for folder in (copy, run)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--steps", "40"], "--steps"),
        (["--epochs", "2", "--recipe", "digits-re", "--out", "x", "--no-augment"], "--recipe, --epochs, --out, --augm"),
    ],
)
def test_a_resumed_run_keeps_its_configuration(run, given, said, capsys):
    assert main(["train", "--resume", str(run), *given]) == 2
    assert f"--resume was given with {said}" in capsys.readouterr().err


def test_a_run_is_resumed_by_the_name_that_the_list_has(run, monkeypatch, capsys):
    monkeypatch.setenv("REKD_RUNS", str(run.parent))
    assert main(["train", "--resume", run.name]) == 0
    assert f"{run} is finished" in capsys.readouterr().out
    assert main(["train", "--resume", "nobody"]) == 2
    assert "nobody holds no run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["sweep", "--colour", "red"], "python -m rekd sweep: error: unrecognized arguments: --colour red"),
        (["evaluate"], "python -m rekd evaluate: error: the following arguments are required: checkpoint"),
    ],
)
def test_a_mistake_is_one_line_of_the_command_that_was_meant_and_no_screen_of_usage(given, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(given)
    command = f"python -m rekd {given[0]}"
    assert ended.value.code == 2 and capsys.readouterr().err == f"{said}\nWhat it takes: {command} --help\n"


def test_an_interrupt_before_the_command_is_read_ends_it_like_one_after(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("rekd.cli._parser", interrupted)
    assert main(["results"]) == 130
    assert capsys.readouterr().err == "Stopped.\n"


def test_a_checkpoint_and_its_run_are_not_mistaken_for_each_other(run, capsys):
    assert main(["train", "--resume", str(run / "checkpoint")]) == 2
    assert f"is a checkpoint and no run; its run is {run}." in capsys.readouterr().err
    assert main(["evaluate", str(run)]) == 2
    assert f"did you mean {run / 'checkpoint'}?" in capsys.readouterr().err


@pytest.mark.parametrize("broken", ["config.json", "state/latest", "state/00000004/progress.json"])
def test_a_broken_file_of_a_run_is_named(run, tmp_path, broken, capsys):
    copy = shutil.copytree(run, tmp_path / "copy")
    (copy / broken).write_text('{"half')
    assert main(["train", "--resume", str(copy)]) == 2
    named = copy / broken.replace("latest", '{"half')
    assert str(named) in capsys.readouterr().err


def test_broken_weights_of_a_state_are_named(run, tmp_path, capsys):
    copy = shutil.copytree(run, tmp_path / "copy", ignore=shutil.ignore_patterns("checkpoint"))
    (copy / "state" / "00000004" / "best.safetensors").write_bytes(b"cut short")
    assert main(["train", "--resume", str(copy), "--cpu"]) == 2
    assert "best.safetensors can't be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--task", "imdb", "--kind", "re"], "pretrained weights 'sentence-transformers/all-MiniLM-L6-v2'"),
        (["--task", "imdb", "--kind", "re", "--backbone", "/nowhere"], "There is no folder /nowhere here"),
        (["--task", "digits", "--kind", "re", "--backbone", "nope"], "'nope' is no model that timm knows"),
        (["--task", "digits", "--kind", "re", "--backbone", "resnet18"], "resnet18 is a ResNet"),
        ([*TRAIN[1:], "--backbone-args", '{"foo": 1}'], "can't be made with foo; give what shapes the model"),
    ],
)
def test_a_run_that_never_began_leaves_no_folder(given, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert main(["train", *given, "--cpu", "--out", str(tmp_path / "new")]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "new").exists()
    (tmp_path / "old").mkdir()
    assert main(["train", *given, "--cpu", "--out", str(tmp_path / "old")]) == 2
    assert (tmp_path / "old" / "config.json").is_file()


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
    labels = load_split("digits", "test").labels
    held = zip(rows["id"].to_pylist(), rows["label"].to_pylist(), strict=True)
    assert all(int(label) == labels[row] for row, label in held), "an id is the row in the whole split"
    assert max(rows["id"].to_pylist()) > 30
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert next(iter(numbers.values()))["rules"]["top-k"]["rate"] == pytest.approx(10 / 64)
    assert "from 30 examples: too few to judge a leak" in printed


def test_files_that_cannot_be_written_are_refused_before_any_work(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    for path, said in (
        (tmp_path, "a folder; name a file in it"),
        (tmp_path / "no" / "x", f"{tmp_path / 'no'} does not exist"),
        (tmp_path / "file" / "x", f"{tmp_path / 'file'} is a file and no folder"),
    ):
        for option in ("--json", "--out"):
            assert main(["evaluate", "nobody", option, str(path)]) == 2
            assert f"{option} is {path}, " in (printed := capsys.readouterr().err) and said in printed
    assert main([*TRAIN, "--out", str(tmp_path / "file")]) == 2
    assert "is a file; a run needs a folder of its own" in capsys.readouterr().err

    def closed(dir):
        raise PermissionError(13, "Permission denied", f"{dir}/tmp123")

    monkeypatch.setattr("tempfile.TemporaryFile", closed)
    assert main(["evaluate", "nobody", "--out", str(tmp_path / "rows")]) == 2
    printed = capsys.readouterr().err
    assert f"nothing can be written in {tmp_path} (Permission denied)" in printed and "tmp123" not in printed


def test_reviews_without_a_dev_split_are_evaluated_without_leaks(tmp_path, capsys):
    models = tiny_checkpoints(tmp_path / "models", roles=("re",))
    assert main(["evaluate", str(models / "imdb-re"), "--task", "reviews", "--draws", "1", "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "top-k" in printed and "leaks: not measured, for reviews has no dev split" in printed


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
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stdout", narrow)
    assert main(["explain", "--model", str(run / "checkpoint"), "--image", str(path)]) == 0
    assert main(["explain", "--model", "imdb-re", "--text", "good 映画"]) == 0
    narrow.flush()
    printed = narrow.buffer.getvalue().decode("cp1252")
    assert "################\n" in printed and "good" in printed and "??" in printed


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
        (["explain", "--text", "hi"], "give one that reads texts. Tasks: imdb. Models: imdb-cls,"),
        (["explain", "--model", "digits-re", "--image", "."], ". is a folder; give the path of a picture"),
        (["train", "--task", "digits", "--kind", "re", "--steps", "9", "--epochs", "2"], "give one of them"),
        (["train", "--task", "digits", "--kind", "re", "--epochs", "0"], "--epochs is 0.0; it must be"),
        (["evaluate", "nobody", "--limit", "0"], "--limit is 0; it must be"),
        (["evaluate", "nobody", "--limit", "-3"], "--limit is -3; it must be"),
        (["evaluate", "nobody", "--limit", "1"], "--limit is 1; it must be"),
        (["evaluate", "nobody", "--draws", "0"], "--draws is 0; it must be"),
        (["evaluate", "nobody", "--device", "tpu"], "no such device is here; choose from "),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence(arguments, said, capsys):
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{bad", "[0, 5]"])
def test_what_must_be_json_is_asked_for_with_an_example(text, capsys):
    with pytest.raises(SystemExit):
        main(["train", "--task", "digits", "--kind", "re", "--backbone-args", text])
    assert "write it such as '{\"layers\": [0, 5]}'" in capsys.readouterr().err


def test_help_says_what_options_are_for_and_their_defaults(capsys):
    for command, said in (
        ("train", "0: the task's own (default: 0.0)"),
        ("evaluate", "masks an example (default: 10)"),
    ):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert said in " ".join(capsys.readouterr().out.split())


def test_an_image_that_is_none_is_refused(run, tmp_path, capsys):
    path = tmp_path / "image.png"
    path.write_text("not an image")
    assert main(["explain", "--model", str(run / "checkpoint"), "--image", str(path)]) == 2
    assert "is no picture that can be read" in capsys.readouterr().err
    assert main(["explain", "--model", str(run / "checkpoint"), "--text", "hi"]) == 2
    assert "give it --image instead" in capsys.readouterr().err

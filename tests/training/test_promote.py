"""Promotion publishes the median seed with its numbers, its card and its words; weights stay byte for byte."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from helpers import tiny_checkpoints

from rekd import checkpoints
from rekd.cli import main
from rekd.training import promotion
from rekd.training.promote import EVALUATION, headline, promote
from rekd.training.promotion import read_promotion, start_promotion

SAID = b"usage: rekd promote\nrekd promote: error: unknown role\n"


def run_of(root, source, seed, accuracy, **training):
    """A run folder with a checkpoint and an evaluation that says `accuracy`."""
    run = root / f"run-{seed}"
    shutil.copytree(source, run / "checkpoint")
    for words in source.parent.glob("words-*"):
        shutil.copytree(words, run / words.name)
    path = run / "checkpoint" / "config.json"
    values = json.loads(path.read_text())
    values["training"] = {"seed": seed, "steps": 10, "backbone": "made up", **training}
    path.write_text(json.dumps(values))
    rule = {"accuracy": accuracy, "rate": 0.2, "rate_sd": 0.01, "repaired": 0.0}
    leaks = {
        **{
            "rule": "calibrated",
            "classes": ["neg", "pos"],
            "examples": 9,
            "count": 0.5,
            "mask_only": 0.5,
            "swap": 0.01,
        },
        **{"rates": [0.2, 0.2], "empty": [0.0, 0.0], "mask_reference": None, "honest": True},
    }
    report = {"kind": "re", "examples": 9, "target_rate": 0.2, "rules": {"top-k": rule}, "leaks": leaks}
    report |= {"random": {"accuracy": 0.4}, "whole_input": {"accuracy": 0.6}}
    (run / EVALUATION).write_text(json.dumps(report))
    return run


def test_the_median_seed_is_published_with_all_seeds_in_its_numbers(tmp_path):
    tiny_checkpoints(tmp_path / "all")
    source = tmp_path / "all" / "imdb-re"
    runs = [run_of(tmp_path, source, seed, score) for seed, score in ((1, 0.9), (2, 0.7), (3, 0.8))]
    info = promote(runs, tmp_path / "out" / "imdb-re", "re", reference=0.55, notes=["A word of its maker."])
    assert [seed["shipped"] for seed in info.metrics["seeds"]] == [False, False, True]
    assert headline(info.metrics) == 0.8 and info.metrics["leaks"]["mask_reference"] == 0.55
    card = (info.folder / "README.md").read_text()
    for said in ("0.800", "made up", "A word of its maker.", "| 2 | 0.700 |", "honest masks 55.0%"):
        assert said in card
    weights = [folder.read_bytes() for folder in (info.folder / "model.safetensors", source / "model.safetensors")]
    assert weights[0] == weights[1]
    assert checkpoints.load(info.folder).info.role == "re"  # strict: the word table came along


def test_runs_that_differ_in_more_than_the_seed_have_no_median(tmp_path):
    tiny_checkpoints(tmp_path / "all")
    source = tmp_path / "all" / "imdb-re"
    runs = [run_of(tmp_path, source, 1, 0.9), run_of(tmp_path, source, 2, 0.8, steps=20)]
    with pytest.raises(ValueError, match="run-2 differs from .*run-1 in steps"):
        promote(runs, tmp_path / "out" / "imdb-re", "re")
    assert not (tmp_path / "out").exists()


def test_the_first_runs_folder_tells_how_a_promotion_ended(tmp_path):
    tiny_checkpoints(tmp_path / "all")
    source = tmp_path / "all" / "imdb-re"
    run, other = run_of(tmp_path, source, 1, 0.9), run_of(tmp_path, source, 2, 0.8, steps=20)
    assert read_promotion(run) is None
    with pytest.raises(ValueError, match="in steps"):
        promote([run, other], tmp_path / "out" / "mine")
    told = read_promotion(run)
    assert told.state == "failed" and "differs from" in told.said
    promote([run], tmp_path / "out" / "mine", reference=0.5)
    told = read_promotion(run)
    assert (told.name, told.state) == ("mine", "done") and "accuracy 0.900" in told.said


@pytest.mark.parametrize("name", ["words-mine", ".mine"])
def test_a_name_that_is_never_listed_is_refused(tmp_path, name):
    tiny_checkpoints(tmp_path / "all")
    run = run_of(tmp_path, tmp_path / "all" / "imdb-re", 1, 0.9)
    with pytest.raises(ValueError, match="Choose another name"):
        promote([run], tmp_path / "out" / name)
    with pytest.raises(ValueError, match="Choose another name"):
        start_promotion([run], name)
    assert not (tmp_path / "out").exists()


class Child:
    """What `start_module` gives back; alive as long as the test is."""

    pid = os.getpid()

    def wait(self):
        return 0


def test_a_promotion_is_a_process_of_its_own_and_one_at_a_time(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(
        promotion, "start_module", lambda *given, **streams: started.append((given, streams)) or Child()
    )
    start_promotion([tmp_path, tmp_path / "b"], "mine", "re", "A note; it's mine.")
    (arguments, settings), streams = started[0]
    runs = [str(tmp_path), str(tmp_path / "b")]
    assert arguments == ["rekd", "promote", *runs, "--name=mine", "--role=re", "--note=A note; it's mine."]
    assert not settings and "cwd" not in streams, "relative paths of the environment mean what they did"
    assert read_promotion(tmp_path).state == "working"
    with pytest.raises(ValueError, match="being promoted as mine"):
        start_promotion([tmp_path], "other")
    assert len(started) == 1


def test_a_promotion_that_ended_without_a_word_has_failed_with_the_last_line_of_its_log(tmp_path, monkeypatch):
    monkeypatch.setattr(promotion, "start_module", lambda *given, stdout, **streams: stdout.write(SAID) and Child())
    monkeypatch.setattr(promotion, "process_of", lambda status: None)
    start_promotion([tmp_path], "mine")
    told = read_promotion(tmp_path)
    assert told.state == "failed" and "error: unknown role" in told.said


def test_the_command_publishes_and_says_where(tmp_path, capsys):
    tiny_checkpoints(tmp_path / "all")
    run = run_of(tmp_path, tmp_path / "all" / "imdb-re", 1, 0.9)
    to = ["--name", "mine", "--role", "exhibit", "--to", str(tmp_path / "out")]
    assert main(["promote", str(run), *to, "--reference", "0.5"]) == 0
    assert "accuracy 0.900" in capsys.readouterr().out
    assert "An exhibit" in (tmp_path / "out" / "mine" / "README.md").read_text()

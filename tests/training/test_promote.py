"""Promotion publishes the median seed with its numbers, its card and its words; weights stay byte for byte."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest
from helpers import tiny_checkpoints

from rekd import checkpoints
from rekd.cli import main
from rekd.config import TrainConfig
from rekd.data import DataMissing
from rekd.files import write_json
from rekd.training import promotion
from rekd.training.promote import headline, promote
from rekd.training.promotion import read_promotion, start_promotion
from rekd.training.runs import EVALUATION
from rekd.training.status import Status, write_status

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
    said = {"reference": 0.55, "notes": ["A word of its maker."]}
    info = promote(runs, "imdb-re", "re", to=tmp_path / "out", **said)
    assert [seed["shipped"] for seed in info.metrics["seeds"]] == [False, False, True]
    assert headline(info.metrics) == 0.8 and info.metrics["leaks"]["mask_reference"] == 0.55
    card = (info.folder / "README.md").read_text()
    for said in ("0.800", "made up", "A word of its maker.", "| 2 | 0.700 |", "honest masks 55.0%"):
        assert said in card
    weights = [folder.read_bytes() for folder in (info.folder / "model.safetensors", source / "model.safetensors")]
    assert weights[0] == weights[1]
    assert checkpoints.load(info.folder).info.role == "re"  # strict: the word table came along


@pytest.mark.parametrize(("gone", "shipped"), [([], 2), ([2], 3), ([1, 4], 2)])
def test_of_two_runs_in_the_middle_one_that_has_its_weights_is_published(tmp_path, gone, shipped):
    tiny_checkpoints(tmp_path / "all")
    scores = {1: 0.6, 2: 0.7, 3: 0.8, 4: 0.9}
    runs = [run_of(tmp_path, tmp_path / "all" / "imdb-re", seed, score) for seed, score in scores.items()]
    for seed in gone:
        (runs[seed - 1] / "checkpoint" / "model.safetensors").unlink()
    info = promote(runs, "imdb-re", "re", to=tmp_path / "out", reference=0.55)
    assert [seed["seed"] for seed in info.metrics["seeds"] if seed["shipped"]] == [shipped]
    assert info.training["seed"] == shipped and checkpoints.load(info.folder)


def test_a_teacher_is_told_by_the_name_that_it_has_among_the_checkpoints(tmp_path):
    tiny_checkpoints(tmp_path / "shelf")
    taught = checkpoints.read_info(tmp_path / "shelf" / "imdb-teacher").hash
    elsewhere = {"teacher": "/elsewhere/run-7/checkpoint", "teacher_name": "run-7"}
    run = run_of(tmp_path, tmp_path / "shelf" / "imdb-re", 1, 0.8, teacher_hash=taught, **elsewhere)
    told = promote([run], "imdb-mine", to=tmp_path / "shelf", reference=0.5)
    assert (told.training["teacher"], told.training["teacher_name"]) == ("imdb-teacher", "imdb-teacher")
    assert "| teacher_name | imdb-teacher |" in (told.folder / "README.md").read_text()
    away = promote([run], "imdb-mine", to=tmp_path / "out", reference=0.5)
    assert away.training["teacher_name"] == "run-7"


def test_the_card_says_what_the_model_selects(tmp_path, monkeypatch):
    tiny_checkpoints(tmp_path / "all")
    run = run_of(tmp_path, tmp_path / "all" / "imdb-re", 1, 0.8, best_step=20)
    lines = [{"step": 10}, {"step": 20, "dev_accuracy": 0.8, "dev_certainty": 0.9, "dev_marks": 0.01}]
    lines[1]["dev_marks_base"] = 0.12
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr("rekd.training.promote.measured_habits", missing)
    promote([run], "imdb-re", to=tmp_path / "out", reference=0.5)
    card = (tmp_path / "out" / "imdb-re" / "README.md").read_text()
    assert (
        "on dev, 1.0% are punctuation (of all units 12.0%)." in card
        and "is 0.900: 0 is a coin, 1 leaves nothing to chance." in card
    )
    counted = {"selected_stop words": 0.2, "all_stop words": 0.5}
    monkeypatch.setattr("rekd.training.promote.measured_habits", lambda checkpoint, device: counted)
    info = promote([run], "imdb-mine", to=tmp_path / "out", reference=0.5)
    assert "and 20.0% are stop words (of all units 50.0%)." in (info.folder / "README.md").read_text()
    assert info.metrics["habits"]["all_stop words"] == 0.5


def missing(checkpoint, device):
    raise DataMissing("dev is not here")


def test_runs_that_differ_in_more_than_the_seed_have_no_median(tmp_path):
    tiny_checkpoints(tmp_path / "all")
    source = tmp_path / "all" / "imdb-re"
    runs = [run_of(tmp_path, source, 1, 0.9), run_of(tmp_path, source, 2, 0.8, steps=20)]
    with pytest.raises(ValueError, match="run-2 differs from .*run-1 in steps"):
        promote(runs, "imdb-re", "re", to=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_first_runs_folder_tells_how_a_promotion_ended(tmp_path):
    tiny_checkpoints(tmp_path / "all")
    source = tmp_path / "all" / "imdb-re"
    run, other = run_of(tmp_path, source, 1, 0.9), run_of(tmp_path, source, 2, 0.8, steps=20)
    assert read_promotion(run) is None
    with pytest.raises(ValueError, match="in steps"):
        promote([run, other], "mine", to=tmp_path / "out")
    told = read_promotion(run)
    assert told.state == "failed" and "differs from" in told.said
    promote([run], "mine", to=tmp_path / "out", reference=0.5)
    told = read_promotion(run)
    assert (told.name, told.state) == ("mine", "done") and "accuracy 0.900" in told.said


REFUSED = {
    "words-mine": "Choose another name",
    ".mine": "Choose another name",
    "../mine": "begins with a dot",
    "a/../../mine": "letters, digits, dots",
    "": "letters, digits, dots",
    "imdb-re": "There is a checkpoint imdb-re already; choose another name",
}


def untouched(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if "run-" not in str(path)}


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_is_taken_or_that_nobody_would_find_is_refused_wherever_it_is_given(tmp_path, monkeypatch, name):
    shelf = tiny_checkpoints(tmp_path / "all")
    run = run_of(tmp_path, shelf / "imdb-re", 1, 0.9)
    monkeypatch.setattr("rekd.checkpoints.shipped", lambda: shelf)
    before = untouched(tmp_path)
    for attempt in (promote, start_promotion):
        with pytest.raises(ValueError, match=REFUSED[name]):
            attempt([run], name)
    assert untouched(tmp_path) == before


def test_a_role_that_does_not_exist_is_refused_before_anything_is_written(tmp_path):
    tiny_checkpoints(tmp_path / "all")
    run = run_of(tmp_path, tmp_path / "all" / "imdb-re", 1, 0.9)
    for attempt in (
        lambda: promote([run], "mine", "nobody", to=tmp_path / "out"),
        lambda: start_promotion([run], "mine", "nobody"),
    ):
        with pytest.raises(ValueError, match="role is 'nobody'; it must be one of 'teacher', 'cls'"):
            attempt()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("state", "said"),
    [("stopped", "it is stopped. Go on with it: `python -m rekd runs resume"), ("queued", "is queued. Wait until")],
)
def test_a_run_that_has_no_checkpoint_says_how_it_stands_and_what_to_do(tmp_path, state, said):
    (tmp_path / "run").mkdir()
    write_status(tmp_path / "run", Status(state, 3, 9, arrived=time.time()))
    with pytest.raises(ValueError, match=said):
        promote([tmp_path / "run"], "mine", to=tmp_path / "out")


@pytest.mark.parametrize("shipped", [False, True])
def test_what_a_person_promoted_stands_behind_what_was_there(tmp_path, shipped):
    shelf = tiny_checkpoints(tmp_path / "all")
    run = run_of(tmp_path, shelf / "imdb-re", 1, 0.9)
    promote([run], "a-first-name", to=shelf, reference=0.5, shipped=shipped)
    names = [info.name for info in checkpoints.available(shelf)]
    assert names.index("a-first-name") == (0 if shipped else len(names) - 1)


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


def test_the_command_publishes_and_says_where(tmp_path, monkeypatch, capsys):
    tiny_checkpoints(tmp_path / "all")
    run = run_of(tmp_path, tmp_path / "all" / "imdb-re", 1, 0.9)
    write_json(run / "config.json", {"training": TrainConfig("imdb", "re").to_dict()})
    monkeypatch.setenv("REKD_RUNS", str(tmp_path))
    to = ["--name", "mine", "--role", "exhibit", "--to", str(tmp_path / "out")]
    assert main(["promote", "run-1", *to, "--reference", "0.5"]) == 0, "a run's name will do, as for `runs show`"
    assert "accuracy 0.900" in capsys.readouterr().out
    assert "An exhibit" in (tmp_path / "out" / "mine" / "README.md").read_text()
    before = untouched(tmp_path / "out")
    assert main(["promote", str(run), *to]) == 2
    assert "There is a checkpoint mine already; choose another name." in capsys.readouterr().err
    assert main(["promote", "nobody", "--name", "other"]) == 2
    assert "has no run 'nobody'" in capsys.readouterr().err and untouched(tmp_path / "out") == before

"""`python -m rekd results`: what it prints and writes, what it says where nothing is, and collecting run folders."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from helpers import tiny_checkpoints
from results.made import made, some, written
from workers import small

from rekd import checkpoints
from rekd.cli import latency, main
from rekd.cli import results as command
from rekd.files import write_json
from rekd.results.record import read_results, write_results
from rekd.training.runs import EVALUATION
from rekd.training.setup import resolve
from rekd.training.status import Status, write_status


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "results.parquet"
    path.write_bytes(written())
    return path


def run_of(root, name, kind="re", state="done", seed=2026):
    """A digits run's folder as training leaves it, with a tiny checkpoint."""
    run = root / name
    tiny_checkpoints(run, task="digits", roles=(kind,))
    (run / f"digits-{kind}").rename(run / "checkpoint")
    training = resolve(small(kind, seed=seed, steps=50)).to_dict()
    write_json(run / "config.json", {"training": training, "versions": {"torch": "2"}})
    line = {"step": 50, "dev_accuracy": 0.5, "dev_mean_probability": 0.2, "examples_per_second": 100.0}
    (run / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    write_status(run, Status(state, 50, 50, device="cpu"))
    write_json(run / EVALUATION, dict(made("imdb-2-layers-re", accuracy=0.7).report))
    return run


def test_without_a_file_one_sentence_says_how_to_make_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(checkpoints, "shipped", lambda: tmp_path)
    assert main(["results"]) == 0
    told = capsys.readouterr().out
    assert told.count("\n") == 1 and f"{tmp_path / 'results.parquet'} does not exist" in told
    assert "`python -m rekd results run headline`" in told and "`python -m rekd results collect RUNS`" in told


def test_the_shipped_file_is_shown_with_and_without_the_word_show(file, monkeypatch, capsys):
    monkeypatch.setattr(checkpoints, "shipped", lambda: file.parent)
    outputs = []
    for words in ([], ["show"]):
        assert main(["results", *words]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] and "0.868 ± " in outputs[0]
    assert "Published by the paper, not ours" in outputs[0] and "Runs whose masks code the label" in outputs[0]


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_task_and_a_part_are_shown_alone(file, capsys, place):
    given = ["--from", str(file), "--task", "imdb", "--part", "headline"]
    assert main(["results", *given, "show"] if place == "before" else ["results", "show", *given]) == 0
    told = capsys.readouterr().out
    assert "imdb-2-layers-rekd " in told
    assert not any(other in told for other in ("cifar10", "alpha-0", "imdb-teacher ", "own-seed-1", "ViT"))
    assert "0.0176" in told, "Holm is over all tasks, whichever is shown"


def test_own_runs_are_shown_alone(file, capsys):
    assert main(["results", "--from", str(file), "--part", "own"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("Own runs") and "own-seed-1" in told and "imdb-2-layers-re " not in told


@pytest.mark.parametrize("given", [["--task", "digits", "run", "--dry-run"], ["--json", "x.json", "collect", "runs"]])
def test_what_chooses_tables_is_refused_before_another_word(given, capsys):
    assert main(["results", *given]) == 2
    told = capsys.readouterr()
    assert f"{given[0]} chooses what the tables show" in told.err and not told.out


def test_a_folder_of_runs_that_is_a_file_is_refused(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["results", "run", "digits-48x2-re", "--out", str(tmp_path / "file"), "--dry-run"]) == 2
    assert "file, a file; the runs need a folder" in capsys.readouterr().err


def test_a_task_without_rows_is_refused_with_those_that_have_some(file, capsys):
    assert main(["results", "--from", str(file), "--task", "imbd"]) == 2
    assert (
        "no row is of task 'imbd'; tasks of the results are imdb, cifar10, cifar100, digits" in capsys.readouterr().err
    )


def test_a_task_and_a_part_that_do_not_meet_are_told_where_they_have_rows(file, tmp_path, capsys):
    assert main(["results", "--from", str(file), "--task", "cifar100", "--part", "headline"]) == 2
    said = "no row of task cifar100 is in part headline; those of that task are in teachers, sizes"
    assert said in capsys.readouterr().err
    assert main(["results", "--from", str(file), "--task", "imbd", "--part", "headline"]) == 2
    assert "tasks of part headline are imdb, cifar10\n" in capsys.readouterr().err
    write_results(file, [made()])
    assert main(["results", "--from", str(file), "--part", "own"]) == 2
    assert "no own run is among these results" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "said"), [("none.parquet", "there is no such file"), ("", "a folder")])
def test_a_named_file_that_is_none_is_refused(tmp_path, capsys, name, said):
    assert main(["results", "--from", str(tmp_path / name)]) == 2
    told = capsys.readouterr()
    assert not told.out and f"--from is {tmp_path / name}" in told.err and said in told.err


def test_everything_is_written_as_json(file, tmp_path, capsys):
    out = tmp_path / "all.json"
    assert main(["results", "--from", str(file), "--json", str(out)]) == 0
    values = json.loads(out.read_text())
    assert set(values) == {"rows", "comparisons", "leaks", "results", "published"}
    assert len(values["results"]) == len(some()) and len(values["published"]) == 19
    assert next(row for row in values["rows"] if row["name"] == "imdb-2-layers-re")["leaky"] == [2029]
    assert values["leaks"][0] == {"group": "re", "leaky": 1, "of": 37, "title": "RE", "share": 1 / 37}


def test_a_json_file_that_can_not_be_written_is_refused_before_any_work(file, tmp_path, capsys):
    assert main(["results", "--from", str(file), "--json", str(tmp_path / "none" / "all.json")]) == 2
    told = capsys.readouterr()
    assert not told.out and "--json" in told.err


def test_collecting_adds_replaces_and_says_what_it_passed_over(file, tmp_path, capsys):
    runs = tmp_path / "runs"
    run_of(runs, "own-seed-1")
    run_of(runs, "mine", seed=3)
    run_of(runs, "at-work", state="stopped")
    assert main(["results", "collect", str(runs), "--to", str(file)]) == 0
    told = capsys.readouterr().out
    assert f"Passed over: {runs / 'at-work'} is stopped" in told
    assert f"{file} holds {len(some()) + 1} results; 2 were read from these folders, 2 of them of own runs." in told
    kept = {(result.row, result.name): result for result in read_results(file)}
    assert kept["", "own-seed-1"].task == "digits" and kept["", "own-seed-2"].task == "imdb"
    assert kept["", "mine"].accuracy() == 0.7 and kept["", "mine"].seconds == pytest.approx(50 * 8 / 100)
    assert not list(file.parent.glob(".results*")), "nothing is left of the writing"
    main(["results", "--from", str(file), "--task", "digits"])
    assert "of yours: mine" in capsys.readouterr().out


def test_collecting_makes_the_file_where_there_is_none(tmp_path, capsys):
    run, to = run_of(tmp_path, "one"), tmp_path / "new.parquet"
    assert main(["results", "collect", str(run), "--to", str(to)]) == 0
    assert [result.name for result in read_results(to)] == ["one"]
    assert f"{to} holds 1 result; 1 was read" in capsys.readouterr().out


def test_where_no_run_is_done_nothing_is_written(tmp_path, capsys):
    run, to = run_of(tmp_path, "one", state="stopped"), tmp_path / "new.parquet"
    assert main(["results", "collect", str(run), "--to", str(to)]) == 1
    told = capsys.readouterr()
    assert f"Passed over: {run} is stopped" in told.out and "No result was read" in told.err and not to.exists()


def test_a_file_that_is_no_results_file_is_left_alone(tmp_path, capsys):
    run, to = run_of(tmp_path, "one"), tmp_path / "notes.txt"
    to.write_text("my notes")
    assert main(["results", "collect", str(run), "--to", str(to)]) == 2
    assert to.read_text() == "my notes" and "holds no results that can be read" in capsys.readouterr().err


def test_folders_without_runs_change_nothing(file, tmp_path, capsys):
    before = file.read_bytes()
    assert main(["results", "collect", str(tmp_path / "nowhere"), "--to", str(file)]) == 2
    assert "is no folder" in capsys.readouterr().err and file.read_bytes() == before


def test_latency_is_measured_of_every_kind_in_turns(tmp_path, monkeypatch):
    monkeypatch.setattr(latency, "ROUNDS", 2)
    monkeypatch.setattr(latency, "TURN", 0.001)
    order, turn = [], latency._turn
    monkeypatch.setattr(latency, "_turn", lambda answer: order.append(answer) or turn(answer))
    runs, to = [run_of(tmp_path, kind, kind) for kind in ("cls", "re", "random")], tmp_path / "new.parquet"
    assert main(["results", "collect", *map(str, runs), "--to", str(to), "--latency"]) == 0
    assert all(0 < result.cpu_ms < 1000 for result in read_results(to))
    assert len(order) == 6 and order[:3] == order[3:] and len(set(order)) == 3


def test_runs_that_answer_alike_share_one_measurement(tmp_path, monkeypatch):
    timed = []
    monkeypatch.setattr(latency, "latencies", lambda found: timed.append(found) or dict.fromkeys(found, 4.0))
    runs = [tmp_path / f"{number}-{kind}" for number, kind in enumerate(("re", "rekd", "re", "cls"))]
    for run in runs:
        tiny_checkpoints(run, task="digits", roles=(kind := run.name[2:],))
        (run / f"digits-{kind}").rename(run / "checkpoint")
    found = command._with_latency([(run, replace(made("", 1), cpu_ms=None)) for run in runs])
    assert sorted(folder.parent.name for folder in timed[0].values()) == ["0-re", "3-cls"]
    assert [result.cpu_ms for result in found] == [4.0] * 4


def _given(**values):
    import argparse

    return argparse.Namespace(**{"device": "cpu", "habits": False} | values)


def test_habits_are_measured_where_they_are_asked_for(tmp_path, monkeypatch):
    from rekd.training import habits

    monkeypatch.setattr(habits, "measured_habits", lambda folder, device: {"selected_stop words": 0.1})
    result = command._measuring(_given(habits=True))(tmp_path, made(habits={"certainty": 0.9}))
    assert result.habits == {"certainty": 0.9, "selected_stop words": 0.1}
    assert command._measuring(_given())(tmp_path, made(habits={})).habits == {}

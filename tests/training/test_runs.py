"""Runs as their folders tell them, and the command that lists them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from warm import warm_starts
from workers import until

from rekd.cli import main
from rekd.config import TrainConfig
from rekd.files import write_json
from rekd.training import worker
from rekd.training.about import write_about
from rekd.training.runs import all_runs, find, home, read_run, stop
from rekd.training.stopping import WISH


def made(root, name, lines=(), **status):
    folder = root / name
    folder.mkdir(parents=True)
    write_json(folder / "config.json", {"training": TrainConfig("digits", "re", steps=40).to_dict()})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if status:
        write_json(folder / "status.json", {"steps": 40} | status)
    return folder


LINES = (
    {"step": 10, "total": 2.5},
    {"step": 20, "total": 2.25, "dev_accuracy": 0.5},
    {"step": 30, "total": 2.0, "dev_accuracy": 0.625},
    {"step": 40, "total": 1.75, "dev_accuracy": 0.625},
)


def test_runs_are_where_the_environment_says(monkeypatch):
    monkeypatch.delenv("REKD_RUNS", raising=False)
    assert home() == Path.cwd() / "runs"
    monkeypatch.setenv("REKD_RUNS", "~/kept")
    assert home().is_absolute() and home().name == "kept"


def test_a_run_is_read_with_its_best_line_and_without_a_half_written_one(tmp_path):
    folder = made(tmp_path, "one", LINES, state="done", step=40)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 50, "to')
    run = read_run(folder)
    assert len(run.metrics) == 4 and run.best["step"] == 40 and run.status.state == "done"


def test_a_run_without_a_status_is_judged_by_its_folder(tmp_path):
    folder = made(tmp_path, "old", LINES[:2])
    assert (read_run(folder).status.state, read_run(folder).status.step) == ("stopped", 20)
    (folder / "checkpoint").mkdir()
    (folder / "checkpoint" / "README.md").write_text("a card")
    assert read_run(folder).status.state == "done"


def test_the_list_says_how_each_run_stands_newest_first_and_what_cannot_be_read(tmp_path, capsys):
    for age, (name, state) in enumerate({"third": "stopped", "second": "failed", "first": "done"}.items()):
        folder = made(tmp_path, name, LINES[: 4 - age], state=state, step=40 - 10 * age)
        os.utime(folder / "config.json", (1e9 + age, 1e9 + age))
    for name in ("bad", "model"):  # the second may be anybody's
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{")
    (tmp_path / "bad" / "metrics.jsonl").touch()
    assert main(["runs", "list", "--at", str(tmp_path)]) == 0
    first, second, third, bad = capsys.readouterr().out.splitlines()
    assert first.split()[:7] == ["first", "RE", "done", "20", "of", "40", "steps"] and first.endswith("0.500")
    assert second.split()[:4] == ["second", "RE", "failed", "30"] and third.endswith("best dev accuracy 0.625")
    assert bad.startswith("bad: ") and "is no readable JSON" in bad
    assert len(all_runs(tmp_path)[0]) == 3


def test_list_and_show_tell_a_teacher_from_a_student_and_say_the_names(tmp_path, capsys):
    write_about(made(tmp_path, "a", state="done"), "The large one", role="teacher")
    made(tmp_path, "b", state="done")
    assert main(["runs", "list", "--at", str(tmp_path)]) == 0
    told = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "Teacher" in told["a"] and told["a"].endswith("The large one") and "Teacher" not in told["b"]
    assert main(["runs", "show", "a", "--at", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith(f"The large one\n{tmp_path / 'a'}: Teacher (re) on digits")


def test_several_runs_are_stopped_and_one_that_has_ended_keeps_none_of_them_going(tmp_path, monkeypatch, capsys):
    for name in ("a", "b", "c"):
        made(tmp_path, name, state="stopped", step=3)
    asked = []

    def stop(run, *_):
        asked.append(run.folder.name)
        if run.folder.name == "b":
            raise ValueError("b is done and not at work")

    monkeypatch.setattr("rekd.training.runs.stop", stop)
    assert main(["runs", "stop", "a", "b", "c", "--at", str(tmp_path)]) == 2
    assert asked == ["a", "b", "c"] and "b is done" in capsys.readouterr().err
    assert main(["runs", "stop", "a", "nobody", "--at", str(tmp_path)]) == 2
    assert asked == ["a", "b", "c"], "a name that is wrong is told before any is stopped"


def test_no_run_yet_names_the_way_to_the_first(tmp_path, capsys):
    assert main(["runs", "list", "--at", str(tmp_path / "none")]) == 0
    assert "python -m rekd train" in capsys.readouterr().out


def test_one_run_is_told_in_full(tmp_path, capsys):
    made(tmp_path, "mine", LINES, state="failed", step=40, message="The disk is full.")
    assert main(["runs", "show", "mine", "--at", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    for part in ("re on digits, seed", "failed: 40 of 40 steps. The disk is full.", "0.6250 at step 40", "total 1.75"):
        assert part in told
    assert f"--resume {tmp_path / 'mine'}" in told
    assert find(str(tmp_path / "mine"), tmp_path / "elsewhere").folder == tmp_path / "mine"


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"format": 1, "training": {"seed": 1}}, "is a checkpoint and no run"),
        ({"size": 3}, "holds no run's configuration"),
    ],
)
def test_a_folder_of_something_else_is_not_taken_for_a_run(tmp_path, capsys, held, said):
    (tmp_path / "model").mkdir()
    write_json(tmp_path / "model" / "config.json", held)
    assert main(["runs", "show", "model", "--at", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_a_run_that_is_not_there_is_a_sentence_with_those_that_are(tmp_path, capsys):
    made(tmp_path, "mine")
    assert main(["runs", "show", "yours", "--at", str(tmp_path)]) == 2
    assert "no run 'yours'" in (said := capsys.readouterr().err) and "runs there: mine" in said


def test_a_run_on_another_machine_is_asked_by_a_file_and_never_by_a_signal(tmp_path, monkeypatch):
    me = {"pid": os.getpid(), "heartbeat": time.time(), "host": "node-7"}
    folder = made(tmp_path, "far", state="running", **me)
    with pytest.raises(ValueError, match="trains on node-7, and can be ended at once there alone"):
        stop(read_run(folder), now=True)

    def there(seconds):  # what that machine does as soon as it finds the file
        if (folder / WISH).exists():
            write_json(folder / "status.json", {"state": "stopped", "step": 7, "steps": 40, "host": "node-7"})

    monkeypatch.setattr("rekd.training.runs.time.sleep", there)
    assert stop(read_run(folder)).state == "stopped"
    with pytest.raises(ValueError, match="is stopped and not at work"):
        stop(read_run(folder))


def test_what_is_not_at_work_is_not_stopped(tmp_path, capsys):
    made(tmp_path, "mine", state="done", step=40)
    assert main(["runs", "stop", "mine", "--at", str(tmp_path)]) == 2
    assert "is done and not at work" in capsys.readouterr().err


SMALL = '{"embed_dim": 24, "depth": 1, "num_heads": 2, "img_size": 64, "patch_size": 8}'


@pytest.fixture
def started(tmp_path):
    """A small run that was started in the foreground and has written its first lines: folder, process, its output."""
    run, log = tmp_path / "run", tmp_path / "said.txt"
    settings = ["--task=digits", "--kind=cls", "--steps=4000", "--batch-size=8", "--log-every=1", "--dev-limit=16"]
    arguments = ["rekd", "train", "--cpu", *settings, f"--backbone-args={SMALL}", f"--out={run}"]
    with warm_starts(), log.open("wb") as output:
        child = worker.start_module(arguments, {}, stdout=output, stderr=subprocess.STDOUT)
        until(lambda: (run / "metrics.jsonl").is_file(), what="its first line")
        yield run, child, log
        child.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="there a signal reaches no single process of a console")
def test_a_run_that_is_stopped_saves_its_state_and_says_how_to_go_on(started, capsys):
    run, child, log = started
    assert main(["runs", "stop", str(run)]) == 0
    assert "stopped: " in (told := capsys.readouterr().out) and f"--resume {run}" in told
    assert child.wait(60) == 130 and f"--resume {run}" in log.read_text(encoding="utf-8")
    found = read_run(run)
    assert found.status.state == "stopped" and 0 < found.status.step == found.metrics[-1]["step"] < 4000
    assert (run / "state" / f"{found.status.step:08d}").is_dir()


def test_a_run_that_is_ended_at_once_says_so(started, capsys):
    run, child, _ = started
    assert main(["runs", "stop", "--now", str(run)]) == 0
    assert "stopped: " in (told := capsys.readouterr().out) and "since its last state is lost" in told
    assert child.wait(60) not in (None, 0)

"""`python -m rekd runs`: what would be passed over is refused before anything is queued, and hints can be followed."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from rekd.cli import main, runs
from rekd.config import TrainConfig
from rekd.files import write_json, write_text
from rekd.training import worker
from rekd.training.lineups import LINEUPS
from rekd.training.runs import read_run


@pytest.fixture
def queued(monkeypatch):
    """What was launched or resumed; no process is started."""
    calls = []
    monkeypatch.setattr(worker, "launch", calls.extend)
    monkeypatch.setattr(worker, "resume", lambda *given: calls.append(given))
    return calls


def made(root, name, **status):
    folder = root / name
    folder.mkdir(parents=True)
    write_json(folder / "config.json", {"training": TrainConfig("digits", "re", steps=40).to_dict()})
    write_json(folder / "status.json", {"state": "stopped", "step": 10, "steps": 40} | status)
    return folder


def test_the_line_ups_that_can_be_named_are_those_there_are():
    parser = argparse.ArgumentParser()
    runs._add_start(parser)
    (option,) = [action for action in parser._actions if action.dest == "lineup"]
    assert option.choices == tuple(LINEUPS)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["--steps", "9", "--rate", "0.3"], "--steps, --rate"),
        (["--recipe", "digits-re", "--epochs", "2"], "--recipe, --epochs"),
        (["--seed", "3", "--task", "digits"], "--seed"),
        (["--preset", "paper", "--batch-size", "8"], "--preset, --batch-size"),
    ],
)
def test_a_line_up_refuses_settings_that_it_would_pass_over(given, named, queued, tmp_path, capsys):
    assert main(["runs", "start", "--lineup", "laptop", *given, "--at", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert all(f"{option}" in said.split(";")[0] for option in named.split(", ")) and "--task" not in said.split(";")[0]
    assert "start runs without --lineup." in said and not queued


def test_a_line_up_takes_members_seeds_task_and_device(queued, tmp_path):
    given = ["--members", "cls,re", "--seeds", "4,5", "--task", "digits", "--device", "cpu", "--at", str(tmp_path)]
    assert main(["runs", "start", "--lineup", "laptop", *given]) == 0
    assert [(plan.config.kind, plan.config.seed, plan.device) for plan in queued] == [
        ("cls", 4, "cpu"),
        ("re", 4, "cpu"),
        ("re", 5, "cpu"),
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--lineup", "laptop", "--members", "foo"], "no member 'foo'; its members are cls, teacher, re, rekd"),
        (["--lineup", "laptop", "--members", ""], "--members is empty; name some of cls,teacher,re,rekd"),
        (["--task", "digits", "--kind", "rekd", "--teacher", "nope"], "There is no checkpoint 'nope'"),
        (
            ["--task", "digits", "--kind", "rekd", "--teacher", "/no/run/checkpoint"],
            "no checkpoint '/no/run/checkpoint'",
        ),
        (["--task", "digits", "--kind", "re", "--start", "nope"], "There is no checkpoint 'nope'"),
    ],
)
def test_what_could_only_fail_in_its_turn_is_refused_at_once(given, told, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(worker, "_spawn", lambda run, device: pytest.fail("nothing may be started"))
    assert main(["runs", "start", *given, "--at", str(tmp_path)]) == 2
    assert told in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_the_teacher_that_is_taken_from_the_shelf_is_named(queued, tmp_path, capsys):
    given = ["--lineup", "laptop", "--members", "re,rekd", "--at", str(tmp_path)]
    assert main(["runs", "start", *given]) == 0
    assert "REKD learns from digits-teacher, which is at hand" in capsys.readouterr().out
    assert main(["runs", "start", "--lineup", "laptop", "--at", str(tmp_path)]) == 0
    assert "at hand" not in capsys.readouterr().out


def test_runs_started_one_by_one_have_names_and_the_teachers_recipe_its_role(queued, tmp_path):
    for given in (["--recipe", "digits-teacher"], ["--task", "digits", "--kind", "re", "--seeds", "4,5"]):
        assert main(["runs", "start", *given, "--at", str(tmp_path)]) == 0
    assert [(plan.name, plan.role) for plan in queued] == [
        ("Teacher · digits · seed 2026", "teacher"),
        ("RE · digits · seed 4", ""),
        ("RE · digits · seed 5", ""),
    ]


def test_seeds_are_written_as_in_the_form_and_each_is_queued_once(queued, tmp_path, capsys):
    given = ["runs", "start", "--task", "digits", "--kind", "re", "--at", str(tmp_path), "--seeds"]
    assert main([*given, "2026-2028,2026"]) == 0
    assert [plan.config.seed for plan in queued] == [2026, 2027, 2028]
    assert main([*given, "five"]) == 2
    assert "--seeds is 'five'; write seeds as whole numbers" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["runs", "data"])
def test_a_command_alone_says_which_it_has(command, capsys):
    assert main([command]) == 2
    told = capsys.readouterr().err
    assert "Say what to do: " in told and f"python -m rekd {command} list" in told and "required: what" not in told


def test_a_deleted_run_that_is_not_there_is_told_with_those_that_are(tmp_path, capsys):
    made(tmp_path, "mine")
    assert main(["runs", "delete", "mine", "--at", str(tmp_path)]) == 0
    assert main(["runs", "restore", "nonsense", "--at", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "nonsense is not in the trash" in told and told.rstrip().endswith("mine.") and "/nonsense" not in told


def test_a_reader_that_has_seen_enough_ends_a_command_quietly(tmp_path):
    for number in range(300):
        made(tmp_path, f"a-run-with-a-long-name-to-fill-what-a-pipe-holds-{number:03d}-{'x' * 100}")
    command = [sys.executable, "-m", "rekd", "runs", "list", "--at", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        assert child.stderr.read() == b"" and child.wait(120) == 141


def test_members_of_no_line_up_are_refused(queued, tmp_path, capsys):
    given = ["--members", "re", "--task", "digits", "--kind", "re", "--at", str(tmp_path)]
    assert main(["runs", "start", *given]) == 2
    assert "--members was given without --lineup" in capsys.readouterr().err and not queued


@pytest.mark.parametrize(("given", "ran_on"), [(["--device", "cuda:97"], "cpu"), ([], "cuda:97")])
def test_a_run_is_not_queued_on_a_device_that_is_not_here(given, ran_on, queued, tmp_path, capsys):
    made(tmp_path, "mine", device=ran_on)
    assert main(["runs", "resume", "mine", *given, "--at", str(tmp_path)]) == 2
    assert "'cuda:97', and no such device is here; choose from" in capsys.readouterr().err
    assert not queued


@pytest.mark.parametrize("given", [["--device", "cpu"], []])
def test_a_run_is_queued_again_on_the_device_it_is_given_or_ran_on(given, queued, tmp_path):
    folder = made(tmp_path, "mine", device="cpu")
    assert main(["runs", "resume", "mine", *given, "--at", str(tmp_path)]) == 0
    assert queued == [(folder, "cpu")]


def test_a_run_that_goes_on_says_from_which_saved_step(queued, tmp_path, capsys):
    folder = made(tmp_path, "mine", device="cpu", step=167)
    (folder / "state").mkdir()
    write_text(folder / "state" / "latest", "00000090")
    assert main(["runs", "resume", "mine", "--at", str(tmp_path)]) == 0
    assert "queued again, from step 90." in capsys.readouterr().out


@pytest.mark.parametrize("named", [True, False])
def test_the_hint_after_a_deletion_brings_that_very_run_back(named, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("REKD_RUNS", str(tmp_path / "home"))
    root = tmp_path / ("elsewhere" if named else "home")
    at = ["--at", str(root)] if named else []
    for step in (1, 2):
        made(root, "mine", step=step)
        assert main(["runs", "delete", "mine", *at]) == 0
    hint = capsys.readouterr().out.splitlines()[-1].split("python -m rekd ")[1]
    assert main(hint.split()) == 0
    assert capsys.readouterr().out == f"{root / 'mine'} is back.\n"
    assert read_run(root / "mine").status.step == 2

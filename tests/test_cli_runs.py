"""`python -m rekd runs`: what would be passed over is refused before anything is queued, and hints can be followed."""

from __future__ import annotations

import argparse

import pytest

from rekd.cli import main, runs
from rekd.config import TrainConfig
from rekd.files import write_json
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

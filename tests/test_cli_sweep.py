"""`python -m rekd sweep`: the grid it makes of its options, what it refuses, how it ends, and that it goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from warm import warm_starts
from workers import QUICK, ROOT, until

from rekd.cli import main
from rekd.files import write_json
from rekd.training import sweep_local
from rekd.training.status import Status, read_status, write_status

BASE = ["sweep", "--task", "digits", "--kind", "re"]


@pytest.fixture
def trained(monkeypatch):
    """The runs that a sweep was about to train; none is started, and those that `faults` names fail."""
    calls = {"runs": [], "devices": [], "faults": (), "stopped": False}

    def sweep_here(root, devices, course):
        calls["devices"] = list(devices)
        for trial in course.todo:
            calls["runs"].append(trial)
            course.begins(trial, devices[0], "begins")
            if trial.folder.name in calls["faults"]:
                course.ends(trial, Status("failed", message="The disk is full."))
                continue
            trial.folder.mkdir(parents=True)
            write_json(trial.folder / "config.json", {"training": trial.config.to_dict()})
            line = {"step": 9, "dev_accuracy": 0.5 + trial.config.rate, "dev_mean_probability": trial.config.rate}
            (trial.folder / "metrics.jsonl").write_text(json.dumps(line) + "\n")
            write_status(trial.folder, Status("done", 9, 9))
            course.ends(trial, read_status(trial.folder))
        return calls["stopped"]

    monkeypatch.setattr(sweep_local, "sweep_here", sweep_here)
    return calls


def listed(capsys) -> list[str]:
    """The folders' names that a dry run lists."""
    return [line.split()[0] for line in capsys.readouterr().out.splitlines() if " steps  " in line]


def test_a_dry_run_lists_every_combination_and_starts_nothing(trained, tmp_path, capsys):
    given = ["--seed", "1", "2", "3", "--rate", "0.1", "0.15", "--alpha", "0.3", "--out", str(tmp_path / "mine")]
    assert main([*BASE, *given, "--dry-run"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 7 and told[0].split()[0] == "rate-0.1-seed-1" and told[0].endswith("1,000 steps  begins")
    assert told[-1] == f"6 runs; one at a time on cpu; in {tmp_path / 'mine'}."
    assert not trained["runs"] and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["--no-shared-noise", "--shared-noise"], ["shared-noise-no-seed-2026", "shared-noise-yes-seed-2026"]),
        (["--no-shared-noise"], ["seed-2026"]),
        (["--seed", "4", "4", "--rate", "0.1", "0.10"], ["seed-4"]),
        (["--learning-rate", "1e-3", "3e-4"], ["learning-rate-0.001-seed-2026", "learning-rate-0.0003-seed-2026"]),
        (["--epochs", "1", "2", "--seed", "1"], ["epochs-1-seed-1", "epochs-2-seed-1"]),
        (
            ["--backbone-args", '{"depth": 1}', '{"depth": 2}'],
            ["backbone-args-depth-1-seed-2026", "backbone-args-depth-2-seed-2026"],
        ),
    ],
)
def test_an_option_takes_several_values(given, names, tmp_path, capsys):
    assert main([*BASE, *given, "--out", str(tmp_path / "mine"), "--dry-run"]) == 0
    assert listed(capsys) == names


def test_recipes_are_compared_with_the_settings_of_each(trained, tmp_path):
    given = ["--recipe", "digits-re", "digits-rekd", "--seed", "7", "--steps", "9", "--out", str(tmp_path / "mine")]
    assert main(["sweep", *given]) == 0
    assert [(each.config.kind, each.config.teacher, each.config.steps) for each in trained["runs"]] == [
        ("re", "", 9),
        ("rekd", "digits-teacher", 9),
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--rate", "0.1", "1.5"], "rate is 1.5; it must be a number between 0 and 1"),
        (["--seed", "1", "-1"], "seed is -1; it must be"),
        (["--kind", "re", "rekd"], "name the teacher's checkpoint with --teacher"),
        (["--teacher", "nobody", "--kind", "rekd"], "There is no checkpoint 'nobody'"),
        (["--steps", "9", "--epochs", "1"], "--epochs and --steps both say how long"),
        (["--device", "cpu", "cuda:97"], "--device is 'cuda:97', and no such device is here"),
        (["--ray", "auto"], "the package ray is not installed"),
    ],
)
def test_a_wrong_value_is_told_before_anything_is_started(given, told, trained, tmp_path, monkeypatch, capsys):
    from rekd.training import sweep_ray

    monkeypatch.setattr(sweep_ray, "find_spec", lambda name: None)
    assert main([*BASE, *given, "--out", str(tmp_path / "mine")]) == 2
    assert told in capsys.readouterr().err and not trained["runs"] and not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", [["--rat", "0.1"], ["--alhpa", "0.3", "0.5"], ["--rate", "x"]])
def test_an_option_that_is_none_is_refused(given, trained, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*BASE, *given])
    assert ended.value.code == 2 and given[0] in capsys.readouterr().err and not trained["runs"]


def test_a_folder_that_is_a_file_is_refused(trained, tmp_path, capsys):
    (tmp_path / "mine").write_text("")
    assert main([*BASE, "--out", str(tmp_path / "mine")]) == 2
    assert "mine, a file; a sweep needs a folder" in capsys.readouterr().err and not trained["runs"]


def test_a_table_stands_at_the_end_and_the_same_command_trains_nothing_again(trained, tmp_path, capsys):
    given = [*BASE, "--seed", "1", "2", "--rate", "0.1", "0.2", "--out", str(tmp_path / "mine")]
    given += ["--json", str(tmp_path / "found.json")]
    assert main(given) == 0 and len(trained["runs"]) == 4
    first = capsys.readouterr().out
    assert "rate 0.1  0.600 ± 0.000  0.100 ± 0.000  2" in first
    (low, high) = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert low["dev_accuracy"] == {"mean": 0.6, "sd": 0.0} and high["seeds"] == [1, 2]
    assert main(given) == 0 and len(trained["runs"]) == 4
    again = capsys.readouterr().out
    assert "4 runs, 4 of them done" in again and again.splitlines()[2:] == first.splitlines()[-4:]


def test_a_failed_run_is_named_last_with_its_cause(trained, tmp_path, capsys):
    trained["faults"] = ("seed-2",)
    assert main([*BASE, "--seed", "1", "2", "3", "--out", str(tmp_path / "mine")]) == 1
    told = capsys.readouterr()
    assert told.err.strip().splitlines()[-1] == f"{tmp_path / 'mine' / 'seed-2'} failed: The disk is full."
    assert "1 of 3 runs not done. The same command goes on" in told.err and " 2 of 3 " in told.out


def test_a_sweep_without_a_folder_is_found_again_and_grows(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("REKD_RUNS", str(tmp_path))
    assert main([*BASE, "--seed", "1"]) == main([*BASE, "--seed", "1", "2"]) == 0
    assert sorted(path.name for path in (tmp_path / "sweep-digits-re").glob("seed-*")) == ["seed-1", "seed-2"]
    assert len(trained["runs"]) == 2 and "2 runs, 1 of them done" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="no Ctrl+C can be sent to one process there")
def test_ctrl_c_saves_states_and_the_same_command_goes_on(tmp_path, monkeypatch, capsys):
    runs, values = tmp_path / "mine", QUICK | {"steps": 160, "evaluate_every": 160}
    options = [f"--{name.replace('_', '-')}={_written(value)}" for name, value in values.items()]
    given = [*BASE, *options, "--seed", "1", "2", "--device", "cpu", "--out", str(runs)]
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("REKD_RUNS", str(tmp_path / "app"))
    with subprocess.Popen([sys.executable, "-m", "rekd", *given], stdout=subprocess.PIPE, text=True) as child:
        begun = runs / "seed-1" / "metrics.jsonl"  # a status tells of steps every few seconds, and the run takes few
        until(begun.is_file, what="its first steps")
        child.send_signal(signal.SIGINT)
        told, _ = child.communicate(timeout=120)
    assert child.returncode == 130 and "[1/2] seed-1 is stopped, its state saved at step " in told
    with warm_starts():
        assert main(given) == 0
    done = capsys.readouterr().out
    assert "[1/2] seed-1 goes on from step " in done and "[2/2] seed-2 begins" in done
    assert all((runs / f"seed-{seed}" / "checkpoint" / "README.md").is_file() for seed in (1, 2))
    assert "± " in done.split("setting")[1] and not is_left(runs)


def _written(value) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value)


def is_left(runs: Path) -> list[str]:
    """Runs that are not done."""
    return [path.name for path in runs.glob("seed-*") if read_status(path).state != "done"]

"""Runs as processes: queued, started, stopped, killed, resumed to the same numbers."""

from __future__ import annotations

import errno
import json
import os
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest
from warm import warm_starts
from workers import QUICK, SMALL, STEPS, small, until

from rekd.cli import main
from rekd.config import TrainConfig
from rekd.training import status, worker
from rekd.training.about import read_about
from rekd.training.status import ACTIVE, Status, read_status, standing, write_status
from rekd.training.worker import Plan, launch, resume


@pytest.fixture(scope="module", autouse=True)
def warm():
    with warm_starts():
        yield


def ended(folder) -> Status:
    until(lambda: standing(folder).state not in ACTIVE, what=f"{folder.name} to end")
    return standing(folder)


def numbers(folder) -> list[dict]:
    """The lines of metrics.jsonl but for what depends on the clock."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "examples_per_second"} for line in lines]


def hash_of(folder) -> str:
    return json.loads((folder / "checkpoint" / "config.json").read_text(encoding="utf-8"))["hash"]


@pytest.fixture(scope="module")
def unbroken(warm, tmp_path_factory):
    """A run that was queued behind another and trained to its end in its turn; both, as launched together."""
    root = tmp_path_factory.mktemp("queue")
    plans = [
        Plan(root / "first", small("re", steps=20), name="The first", note="by hand"),
        Plan(root / "second", small("re"), name="The second"),
    ]
    launch(plans)
    seen = []
    while (states := [standing(plan.folder).state for plan in plans]) != ["done", "done"]:
        assert "failed" not in states, [standing(plan.folder).message for plan in plans]
        seen.append(tuple(states))
        time.sleep(0.02)
    return root, seen


def test_two_runs_of_one_device_train_one_after_the_other(unbroken):
    root, seen = unbroken
    assert ("running", "queued") in seen and ("done", "running") in seen
    assert not [states for states in seen if states.count("running") > 1]
    assert read_about(root / "first").name == "The first" and read_about(root / "first").note == "by hand"
    assert len(numbers(root / "second")) == STEPS // 5 and (root / "second" / "checkpoint" / "README.md").is_file()
    assert "Checkpoint: " in (root / "second" / "log.txt").read_text(encoding="utf-8")


def test_a_run_in_a_process_gives_the_numbers_of_one_here(unbroken, tmp_path):
    root, _ = unbroken
    assert (
        main(["train", "--task", "digits", "--kind", "re", "--cpu", "--out", str(tmp_path / "here"), *_options()]) == 0
    )
    assert numbers(tmp_path / "here") == numbers(root / "second") and hash_of(tmp_path / "here") == hash_of(
        root / "second"
    )


def _options() -> list[str]:
    values = QUICK | {"steps": STEPS, "backbone_args": json.dumps(SMALL)}
    return [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]


def _lines(folder: Path) -> int:
    path = folder / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def killed_often(folder: Path, config: TrainConfig, times: int, dice: random.Random) -> None:
    """Launch a run and kill it, with no chance to say a word, at random moments; resume it each time."""
    launch([Plan(folder, config)])
    killed = 0
    for _ in range(times):
        until(lambda: (read_status(folder) or Status("")).pid, what="its process")
        lines = dice.randint(0, STEPS // 5 - 6)  # a moment of its training, not its last; 0: before its first line
        until(lambda lines=lines: _lines(folder) >= lines or standing(folder).state not in ACTIVE)
        if (process := status.process_of(read_status(folder))) is None:
            break  # it was faster
        process.kill()
        killed += 1
        until(lambda: standing(folder).state == "failed")
        resume(folder)
    assert killed and ended(folder).state == "done", standing(folder).message


def test_a_run_that_is_killed_at_three_moments_ends_with_the_same_numbers(unbroken, tmp_path):
    folder = tmp_path / "killed"
    killed_often(folder, small("re"), 3, random.Random(3))
    assert numbers(folder) == numbers(unbroken[0] / "second") and hash_of(folder) == hash_of(unbroken[0] / "second")


@pytest.mark.soak
def test_a_run_that_is_killed_at_twenty_moments_ends_with_the_same_numbers(unbroken, tmp_path):
    folder = tmp_path / "killed"
    killed_often(folder, small("re"), 20, random.Random(20))
    assert numbers(folder) == numbers(unbroken[0] / "second") and hash_of(folder) == hash_of(unbroken[0] / "second")


def test_a_full_disk_ends_the_run_with_its_cause_and_it_goes_on_when_there_is_room(unbroken, tmp_path, monkeypatch):
    from rekd.training import loop

    folder, save = tmp_path / "full", loop.save_state

    def full(run, weights, best, optimizer, progress, keep):
        if progress.step > STEPS // 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(run, weights, best, optimizer, progress, keep)

    monkeypatch.setattr(loop, "save_state", full)
    command = ["train", "--task", "digits", "--kind", "re", "--cpu", *_options(), "--out", str(folder)]
    assert main(command) == 2
    told = standing(folder)
    assert told.state == "failed" and "The disk is full" in told.message
    monkeypatch.setattr(loop, "save_state", save)
    assert main(["train", "--cpu", "--resume", str(folder)]) == 0
    assert numbers(folder) == numbers(unbroken[0] / "second")


def test_a_student_whose_teacher_has_not_ended_well_says_so(tmp_path):
    teacher = tmp_path / "teacher"
    teacher.mkdir()
    write_status(teacher, Status("failed", 3, 9))
    launch([Plan(tmp_path / "student", small("rekd", teacher=str(teacher / "checkpoint")))])
    told = ended(tmp_path / "student")
    assert (
        told.state == "failed"
        and "needs the checkpoint of teacher as its teacher, and that run is failed" in told.message
    )


def test_nothing_is_started_where_one_of_several_plans_is_wrong(tmp_path):
    plans = [Plan(tmp_path / "fine", small()), Plan(tmp_path / "wrong", replace(small(), task="reviews"))]
    with pytest.raises(ValueError, match="task is 'reviews'"):
        launch(plans)
    assert not list(tmp_path.iterdir())


def test_nothing_is_started_where_a_note_is_too_long(tmp_path):
    plans = [Plan(tmp_path / "fine", small()), Plan(tmp_path / "long", small(), note="a" * 5000)]
    with pytest.raises(ValueError, match="note has 5,000 characters"):
        launch(plans)
    assert not list(tmp_path.iterdir())


def test_runs_whose_process_could_not_be_started_say_why(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(worker, "_detached", none)
    with pytest.raises(OSError):
        launch([Plan(tmp_path / name, small()) for name in ("one", "two")])
    for name in ("one", "two"):
        told = standing(tmp_path / name)
        assert told.state == "failed" and "allocate memory" in told.message


def test_what_is_done_is_not_resumed(unbroken):
    with pytest.raises(ValueError, match="is done"):
        resume(unbroken[0] / "first")

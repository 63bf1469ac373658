"""Runs as processes: queued, started, stopped, killed, resumed; and trainers that do all that a trainer should not."""

from __future__ import annotations

import errno
import json
import os
import random
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from rekd.cli import main
from rekd.config import TrainConfig
from rekd.files import write_json
from rekd.training import runs, status, worker
from rekd.training.about import read_about
from rekd.training.runs import read_run, stop
from rekd.training.status import ACTIVE, Status, alive, birth, read_status, standing, write_status
from rekd.training.worker import Plan, launch, resume

ROOT = Path(__file__).parents[2]
SMALL = {"embed_dim": 24, "depth": 1, "num_heads": 2, "img_size": 64, "patch_size": 8}
QUICK = {"backbone_args": SMALL, "batch_size": 8, "dev_limit": 16, "log_every": 5, "evaluate_every": 50}
STEPS = 300


def small(kind="cls", **values) -> TrainConfig:
    return TrainConfig("digits", kind, **QUICK | {"steps": STEPS} | values)


def until(true, seconds=120, what="it"):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} seconds in vain for {what}"
        time.sleep(0.05)


def ended(folder) -> Status:
    until(lambda: standing(folder).state not in ACTIVE, what=f"{folder.name} to end")
    return standing(folder)


def numbers(folder) -> list[dict]:
    """The lines of metrics.jsonl but for what depends on the clock."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "examples_per_second"} for line in lines]


def hash_of(folder) -> str:
    return json.loads((folder / "checkpoint" / "config.json").read_text(encoding="utf-8"))["hash"]


# A trainer that says it is at work and then does as it is told: its own words follow.
FAKE = """
import os, signal, subprocess, sys, time
from pathlib import Path
import psutil
from rekd.training.status import Status, birth, write_status
run = Path(sys.argv[1])
write_status(run, Status("running", 7, 40, "", os.getpid(), birth(psutil.Process()), time.time()))
"""
CRASHES = FAKE + "os._exit(3)"
HANGS = FAKE + "time.sleep(600)"
IGNORES = FAKE + (
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "(run / 'child').write_text(str(child.pid))\n"
    "time.sleep(600)"
)
HALF = FAKE + "file = (run / 'metrics.jsonl').open('a'); file.write('{\"step\": 50, \"tot'); file.flush(); os._exit(1)"


@pytest.fixture
def fake(tmp_path):
    """Starts a fake trainer on a run's folder, and ends it after the test."""
    started = []

    def begin(script, ready="status.json"):
        folder = tmp_path / f"run{len(started)}"
        folder.mkdir()
        write_json(folder / "config.json", {"training": small().to_dict()})
        (folder / "metrics.jsonl").write_text('{"step": 5, "total": 2.0}\n')
        started.append(subprocess.Popen([sys.executable, "-c", script, str(folder)], cwd=ROOT))
        until(lambda: (folder / ready).is_file(), 30)
        return folder, started[-1]

    yield begin
    for child in started:
        child.kill()
        child.wait()


def test_a_trainer_that_crashes_is_told_as_failed_and_a_half_line_is_not_read(fake):
    for script in (CRASHES, HALF):
        folder, child = fake(script)
        child.wait()
        run = read_run(folder)
        assert run.status.state == "failed" and "killed from outside" in run.status.message
        assert [line["step"] for line in run.metrics] == [5]
        with pytest.raises(ValueError, match="not at work"):
            stop(run)


def test_a_trainer_that_hangs_is_told_as_failed_when_it_gives_no_sign_of_life(fake, monkeypatch):
    folder, child = fake(HANGS)
    assert read_run(folder).status.state == "running"
    monkeypatch.setattr(status, "STALE", -1.0)
    told = read_run(folder).status
    assert told.state == "failed" and "no sign of life" in told.message and child.poll() is None
    assert stop(read_run(folder), now=True).state == "stopped", "what hangs can still be ended"
    assert child.wait(20) != 0


@pytest.mark.skipif(sys.platform == "win32", reason="there a wish to stop is a file, which a process can't ignore so")
def test_a_trainer_that_ignores_the_polite_signal_is_ended_with_all_that_it_started(fake):
    folder, child = fake(IGNORES, "child")
    grandchild = psutil.Process(int((folder / "child").read_text()))
    told = stop(read_run(folder), seconds=0.5)
    assert told.state == "stopped" and "did not stop in time" in told.message
    assert child.wait(20) != 0
    until(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE, 20)


def test_a_process_that_has_taken_over_the_number_of_a_run_is_never_signalled(tmp_path, monkeypatch):
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        folder = tmp_path / "run"
        folder.mkdir()
        write_json(folder / "config.json", {"training": small().to_dict()})
        begun = birth(psutil.Process(innocent.pid))
        write_status(folder, Status("running", 7, 40, "", innocent.pid, begun - 50, time.time()))
        for name in ("send_signal", "kill", "terminate"):
            monkeypatch.setattr(psutil.Process, name, lambda *_: pytest.fail("a stranger was signalled"))
        assert standing(folder).state == "failed"
        for now in (False, True):
            with pytest.raises(ValueError, match="not at work"):
                stop(read_run(folder), 1, now=now)
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_where_no_signal_crosses_consoles_the_wish_is_a_file(fake, monkeypatch):
    monkeypatch.setattr(runs, "BY_FILE", True)
    watches = FAKE + (
        "from rekd.training.stopping import stop_on_signal\n"
        "with stop_on_signal(lambda: None, run) as stop:\n"
        "    (run / 'ready').touch()\n"
        "    while not stop(): time.sleep(0.02)\n"
        "write_status(run, Status('stopped', 7, 40))"
    )
    folder, child = fake(watches, "ready")
    assert stop(read_run(folder), 30).state == "stopped" and child.wait(20) == 0
    assert not (folder / "stop.wish").exists()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
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
    for _ in range(times):
        until(lambda: (read_status(folder) or Status("")).pid, what="its process")
        lines = dice.randint(0, STEPS // 5 - 1)  # a moment of its training; 0: before its first line
        until(lambda lines=lines: _lines(folder) >= lines or standing(folder).state not in ACTIVE)
        if (process := status.process_of(read_status(folder))) is None:
            break  # it was faster
        process.kill()
        until(lambda: standing(folder).state == "failed")
        resume(folder)
    assert ended(folder).state == "done", standing(folder).message


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
        if progress.step > 100:
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


def test_a_silent_process_is_not_given_a_second_beside_it(fake, monkeypatch):
    folder, child = fake(HANGS)
    monkeypatch.setattr(status, "STALE", -1.0)
    assert read_run(folder).status.state == "failed" and alive(folder)
    with pytest.raises(ValueError, match="stop it, then resume it"):
        resume(folder)
    assert read_status(folder).pid == child.pid, "the process that is there can still be stopped"


SAVES = FAKE + (
    "from rekd.training.stopping import stop_on_signal\n"
    "with stop_on_signal(lambda: None, run) as stop:\n"
    "    (run / 'child').write_text('')\n"
    "    while not stop(): time.sleep(.05)\n"
    "    write_status(run, Status('stopping', 8, 40, '', os.getpid(), birth(psutil.Process()), time.time()))\n"
    "    time.sleep(1.5)\n"
    "    write_status(run, Status('stopped', 8, 40, 'Its state is saved.'))\n"
)


def test_a_run_that_says_it_is_stopping_is_given_the_time_its_step_takes(fake, monkeypatch):
    monkeypatch.setattr(runs, "GRACE", 0.4)
    folder, child = fake(SAVES, "child")
    asked = [threading.Thread(target=stop, args=(read_run(folder),)) for _ in range(2)]  # two pages at once
    for thread in asked:
        thread.start()
    for thread in asked:
        thread.join(30)
    assert read_run(folder).status.message == "Its state is saved." and child.wait(20) == 0


def test_what_is_done_or_at_work_is_not_resumed(unbroken, fake):
    with pytest.raises(ValueError, match="is done"):
        resume(unbroken[0] / "first")
    folder, _ = fake(HANGS)
    with pytest.raises(ValueError, match="is running"):
        resume(folder)

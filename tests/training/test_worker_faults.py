"""Trainers that do all that a trainer should not: they crash, hang, ignore what they are asked, write half a line."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import psutil
import pytest
from workers import ROOT, small, until

from rekd.files import write_json
from rekd.training import runs, status
from rekd.training.runs import read_run, stop
from rekd.training.status import Status, alive, birth, read_status, standing, write_status
from rekd.training.worker import resume

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


def test_what_is_at_work_is_not_resumed(fake):
    folder, _ = fake(HANGS)
    with pytest.raises(ValueError, match="is running"):
        resume(folder)

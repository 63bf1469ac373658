"""A run followed while it trains: only new lines are read, a run that went back is read anew, the time left is told."""

from __future__ import annotations

import json
import os

import pytest

from rekd.config import TrainConfig
from rekd.files import write_json
from rekd.training import follow
from rekd.training.follow import Follower, left_of
from rekd.training.lines import Lines
from rekd.training.state import cut_metrics
from rekd.training.status import Status, write_status


def written(path, *steps, end="\n"):
    with path.open("a", encoding="utf-8") as file:
        file.write("\n".join(json.dumps({"step": step, "examples_per_second": 80.0}) for step in steps) + end)


def steps(lines):
    return [line["step"] for line in lines]


def test_only_new_whole_lines_are_read(tmp_path, monkeypatch):
    path = tmp_path / "metrics.jsonl"
    lines = Lines(path)
    assert lines.read() == ()
    written(path, 10, 20)
    assert steps(lines.read()) == [10, 20]
    written(path, 30, end="")
    assert steps(lines.read()) == [10, 20], "a line that is being written is not there yet"
    with path.open("a") as file:
        file.write("\n")
    parsed = []
    monkeypatch.setattr("rekd.training.lines.json.loads", lambda line: parsed.append(line) or {"step": 30})
    assert steps(lines.read()) == [10, 20, 30]
    assert len(parsed) == 1, "lines that were read are not read again"


def test_a_run_that_went_back_is_read_from_its_start(tmp_path):
    path = tmp_path / "metrics.jsonl"
    written(path, 10, 20, 30, 40)
    lines = Lines(path)
    lines.read()
    cut_metrics(path, 20)
    written(path, 30, 40, 50)
    assert steps(lines.read()) == [10, 20, 30, 40, 50]
    path.unlink()
    assert lines.read() == ()


def test_a_half_line_that_a_kill_left_is_passed(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 10}\n{"step": 2\n{"step": 30}\n\xff\xfe\n')
    assert steps(Lines(path).read()) == [10, 30]


@pytest.fixture
def run(tmp_path):
    config = TrainConfig("digits", "cls", steps=100, batch_size=8)
    write_json(tmp_path / "config.json", {"training": config.to_dict()})
    return tmp_path


def test_a_follower_tells_how_the_run_stands_and_that_it_is_gone(run):
    write_status(run, Status("done", 100, 100))
    written(run / "metrics.jsonl", 50, 100)
    follower = Follower(run)
    seen = follower.look()
    assert seen.status.state == "done" and steps(seen.metrics) == [50, 100]
    os.remove(run / "config.json")
    with pytest.raises(FileNotFoundError, match="is gone"):
        follower.look()


def test_another_run_in_the_same_folder_is_read_anew(run):
    written(run / "metrics.jsonl", 10, 20)
    follower = Follower(run)
    assert steps(follower.look().metrics) == [10, 20]
    for name in ("config.json", "metrics.jsonl"):
        os.remove(run / name)
    written(run / "metrics.jsonl", 11, 22, 33)  # longer: by its size alone it could be the old file, grown
    write_json(run / "config.json", {"training": TrainConfig("imdb", "re", steps=50).to_dict()})
    seen = follower.look()
    assert (seen.config.task, seen.config.kind, steps(seen.metrics)) == ("imdb", "re", [11, 22, 33])
    (run / "config.json").write_text("{")
    for _ in range(2):  # never the one before, however often it is looked at
        with pytest.raises(ValueError, match="no readable JSON"):
            follower.look()


def test_the_time_left_is_told_from_the_speed_then_from_the_pace_that_was_watched(run, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(follow.time, "monotonic", lambda: clock[0])
    follower = Follower(run)
    assert follower.seconds_left(follower.look()) is None
    for step in (20, 30, 40):
        written(run / "metrics.jsonl", step)
        clock[0] += 10
        seen = follower.look()
        if step == 20:  # 80 examples a second are ten steps
            assert follower.seconds_left(seen) == pytest.approx(8.0)
    assert follower.seconds_left(seen) == pytest.approx(60.0), "evaluations count: a step took one second"
    assert left_of(seen.config, 40, 0.0, 0.0) is None

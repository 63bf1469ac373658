"""Deleted runs: out of the list, back again whole, and never while something may still write to them."""

from __future__ import annotations

import time

import psutil
import pytest

from rekd.config import TrainConfig
from rekd.files import write_json
from rekd.training import trash
from rekd.training.about import read_about, write_about
from rekd.training.runs import Run, all_runs, read_run
from rekd.training.status import birth


def made(root, name, state="done", **config) -> Run:
    folder = root / name
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "checkpoint" / "model.safetensors").write_bytes(b"weights")
    write_json(folder / "config.json", {"training": TrainConfig("digits", **{"kind": "re", **config}).to_dict()})
    (folder / "metrics.jsonl").write_text('{"step": 10, "total": 2.5}\n')
    alive = {"pid": psutil.Process().pid, "started": birth(psutil.Process())}
    write_json(folder / "status.json", {"state": state, "step": 10, "steps": 10, "heartbeat": time.time(), **alive})
    return read_run(folder)


def names(root) -> list[str]:
    return sorted(run.folder.name for run in all_runs(root)[0])


def content(folder) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_deleted_run_leaves_the_list_and_comes_back_whole(tmp_path):
    run, other = made(tmp_path, "one"), made(tmp_path, "two")
    write_about(run.folder, name="Mine", note="kept")
    before = content(run.folder)
    gone = trash.delete(run)
    assert not run.folder.exists() and names(tmp_path) == ["two"] and all_runs(tmp_path)[1] == []
    (held,) = trash.trashed(tmp_path)
    assert (held.folder, held.name) == (gone, "one") and abs(held.deleted - time.time()) < 60
    assert held.bytes == sum(map(len, content(gone).values())) and read_about(gone).note == "kept"
    assert trash.restore(gone) == run.folder and content(run.folder) == before
    assert trash.trashed(tmp_path) == [] and names(tmp_path) == ["one", other.folder.name]


def test_names_that_are_taken_get_a_number_on_both_ways(tmp_path):
    first = trash.delete(made(tmp_path, "one", seed=1))
    second = trash.delete(made(tmp_path, "one", seed=2))
    made(tmp_path, "one", seed=3)
    assert [first.name, second.name] == ["one", "one-2"]
    assert [held.name for held in trash.trashed(tmp_path)] == ["one", "one"]
    back = trash.restore(second)
    assert back.name == "one-2" and read_run(back).config.seed == 2
    assert read_run(tmp_path / "one").config.seed == 3 and trash.restore(first).name == "one-3"


def test_the_last_deleted_stands_first(tmp_path):
    for age, name in enumerate(("a", "c", "b")):
        write_json(trash.delete(made(tmp_path, name)) / trash.LABEL, {"name": name, "deleted": 1e9 + age})
    assert [held.name for held in trash.trashed(tmp_path)] == ["b", "c", "a"]


@pytest.mark.parametrize("state", ["queued", "running", "stopping"])
def test_a_run_that_waits_or_works_is_not_deleted(tmp_path, state):
    run = made(tmp_path, "one", state)
    with pytest.raises(ValueError, match=f"one is {state}; stop it, then delete it"):
        trash.delete(run)
    assert names(tmp_path) == ["one"] and trash.trashed(tmp_path) == []


def test_the_folder_is_asked_and_not_what_a_page_read_a_minute_ago(tmp_path):
    run = made(tmp_path, "one", "stopped")
    made(tmp_path / "now", "one", "running").folder.joinpath("status.json").replace(run.folder / "status.json")
    with pytest.raises(ValueError, match="one is running"):
        trash.delete(run)


def test_a_run_that_hangs_is_not_deleted_under_its_process(tmp_path):
    run = made(tmp_path, "one", "running")
    values = {"state": "running", "pid": psutil.Process().pid, "started": birth(psutil.Process())}
    write_json(run.folder / "status.json", {**values, "heartbeat": time.time() - 1000})
    with pytest.raises(ValueError, match="its process is there; stop it"):
        trash.delete(run)


def test_a_run_that_is_being_promoted_is_not_taken_from_under_it(tmp_path):
    run = made(tmp_path, "one")
    values = {"name": "mine", "state": "working", "pid": psutil.Process().pid, "started": birth(psutil.Process())}
    write_json(run.folder / "promotion.json", values)
    with pytest.raises(ValueError, match="one is being promoted as mine; delete it when that has ended"):
        trash.delete(run)
    write_json(run.folder / "promotion.json", {**values, "state": "done"})
    assert trash.delete(run).is_dir()


def test_a_failed_run_whose_process_went_on_to_other_things_is_deleted(tmp_path):
    assert trash.delete(made(tmp_path, "one", "failed")).is_dir()


def test_a_run_is_deleted_once_and_the_trash_is_no_place_to_delete_from(tmp_path):
    run = made(tmp_path, "one")
    gone = trash.delete(run)
    with pytest.raises(FileNotFoundError, match="deleted or moved already"):
        trash.delete(run)
    with pytest.raises(ValueError, match="in the trash already"):
        trash.delete(read_run(gone))
    trash.restore(gone)
    for folder in (gone, run.folder):
        with pytest.raises(FileNotFoundError, match="not in the trash"):
            trash.restore(folder)


@pytest.mark.parametrize("label", [None, "{", '{"name": "../../x", "deleted": 1}', '{"name": 3}'])
def test_a_label_that_is_lost_or_foreign_leads_nowhere_else(tmp_path, label):
    gone = trash.delete(made(tmp_path / "runs", "one"))
    (gone / trash.LABEL).unlink() if label is None else (gone / trash.LABEL).write_text(label)
    assert [(held.name, held.deleted) for held in trash.trashed(tmp_path / "runs")] == [("one", 0.0)]
    assert trash.restore(gone) == tmp_path / "runs" / "one"


def test_the_trash_is_emptied_of_all_and_of_nothing_else(tmp_path):
    kept = made(tmp_path, "kept")
    for name in ("one", "two"):
        trash.delete(made(tmp_path, name))
    size = sum(held.bytes for held in trash.trashed(tmp_path))
    assert trash.empty(tmp_path) == size > 0
    assert trash.trashed(tmp_path) == [] and kept.folder.is_dir() and trash.empty(tmp_path / "nowhere") == 0


def test_a_run_that_cannot_be_removed_is_named_and_the_others_go(tmp_path, monkeypatch):
    stuck = trash.delete(made(tmp_path, "stuck"))
    trash.delete(made(tmp_path, "loose"))
    remove = trash.shutil.rmtree

    def refuse(folder):
        if folder == stuck:
            raise PermissionError("in use")
        remove(folder)

    monkeypatch.setattr(trash.shutil, "rmtree", refuse)
    with pytest.raises(OSError, match=r"still holds .*stuck \(in use\)"):
        trash.empty(tmp_path)
    assert [held.name for held in trash.trashed(tmp_path)] == ["stuck"]


def test_a_folder_that_cannot_be_moved_stays_as_it_was(tmp_path, monkeypatch):
    run = made(tmp_path, "one")
    before = content(run.folder)

    def refuse(*_):
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(trash.os, "rename", refuse)
    with pytest.raises(OSError, match="could not be moved to .*Close whatever has a file of it open"):
        trash.delete(run)
    assert content(run.folder) == before


def test_who_needs_a_run_s_checkpoint_is_named_before_it_goes(tmp_path, monkeypatch):
    teacher = made(tmp_path, "teacher")
    weights = str(teacher.folder / "checkpoint")
    monkeypatch.chdir(tmp_path)
    others = [
        made(tmp_path, "taught", kind="rekd", teacher=weights),
        made(tmp_path, "waits", "stopped", kind="rekd", teacher="teacher/checkpoint", start=weights),
        made(tmp_path, "free", kind="rekd", teacher="digits-teacher"),
        made(tmp_path, "alike", start=str(tmp_path / "teacher-2" / "checkpoint")),
    ]
    taught, waits = trash.dependants(teacher, [teacher, *others])
    assert taught == "taught has this run's checkpoint as its teacher; it keeps what it learnt."
    assert waits == (
        "waits has this run's checkpoint as its teacher and its start; without it that run can't start or go on."
    )

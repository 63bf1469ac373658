"""The film of a run as it is read back: when frames are taken, what they hold, what a resumed run drops."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from rekd.training import snapshots
from rekd.training.snapshots import (
    Shot,
    Snapshot,
    Watched,
    WatchedExample,
    compact,
    cut_snapshots,
    moments,
    read_snapshot,
    read_watched,
)

SHOT = Shot((0.1, 0.9), (1,), (0.25, 0.75))
EXAMPLE = {
    "row": 7,
    "label": 1,
    "text": "an ÄÖÜ \U0001f600",
    "image": None,
    "places": [[0, 2], [3, 6]],
    "units": "words",
}


def write(run, step, shot=SHOT):
    folder = run / snapshots.FOLDER
    folder.mkdir(exist_ok=True)
    snapshots.path_of(run, step).write_text(compact(asdict(Snapshot(step, 5.0, (shot,)))), encoding="utf-8")


def test_frames_lie_closer_at_the_start_and_hold_the_first_and_the_last_step():
    found = moments(1000)
    assert found[0] == 0 and found[-1] == 1000 and 35 <= len(found) <= 41
    gaps = [second - first for first, second in zip(found, found[1:], strict=False)]
    assert gaps[0] < gaps[len(gaps) // 2] < gaps[-1] and min(gaps) > 0
    assert moments(1) == (0, 1) and moments(3) == (0, 1, 2, 3)


def test_a_frame_is_read_back_as_it_was_written(tmp_path):
    other = Shot((), (0, 1), (1.0,), ((0, 4), (5, 9)))
    write(tmp_path, 30), write(tmp_path, 4, other)
    assert snapshots.steps(tmp_path) == (4, 30)
    assert read_snapshot(tmp_path, 30) == Snapshot(30, 5.0, (SHOT,))
    assert read_snapshot(tmp_path, 4).shots[0] == other


def test_what_is_watched_is_read_back_with_texts_of_any_script(tmp_path):
    assert read_watched(tmp_path) is None and snapshots.steps(tmp_path) == ()
    (tmp_path / snapshots.FOLDER).mkdir()
    values = {"classes": ["bad", "good"], "examples": [{**EXAMPLE, "stop": 9}], "teacher": [asdict(SHOT)]}
    (tmp_path / snapshots.FOLDER / "watched.json").write_text(compact(values), encoding="utf-8")
    watched = read_watched(tmp_path)
    assert watched.rows == (7,) and watched.classes == ("bad", "good") and watched.teacher == (SHOT,)
    assert watched.examples[0].text == EXAMPLE["text"] and watched.examples[0].places == ((0, 2), (3, 6))


def test_a_picture_is_looked_for_in_the_runs_own_folder_alone(tmp_path):
    (tmp_path / snapshots.FOLDER).mkdir()
    values = {
        "classes": ["a"],
        "teacher": [],
        "examples": [{**EXAMPLE, "text": None, "image": "../../x.png", "stop": 0}],
    }
    (tmp_path / snapshots.FOLDER / "watched.json").write_text(compact(values), encoding="utf-8")
    assert read_watched(tmp_path).examples[0].image == tmp_path / snapshots.FOLDER / "x.png"


def test_what_lies_beyond_the_step_that_a_run_goes_on_from_is_dropped(tmp_path):
    for step in (0, 4, 9, 16):
        write(tmp_path, step)
    cut_snapshots(tmp_path, 9)
    assert snapshots.steps(tmp_path) == (0, 4, 9)
    cut_snapshots(tmp_path / "none", 9)  # a run that has none is left in peace


@pytest.mark.parametrize("text", ["{", "[]", '{"step": 3}', '{"step": 3, "tau": 1, "shots": [{"scores": 1}]}'])
def test_a_damaged_frame_is_named(tmp_path, text):
    write(tmp_path, 3)
    snapshots.path_of(tmp_path, 3).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="00000003.json"):
        read_snapshot(tmp_path, 3)


@pytest.mark.parametrize("name", ["10.json", "+0000010.json", "\uff11\uff10.json", "000000010.json", "notes.json"])
def test_a_file_that_no_run_would_name_so_is_no_frame(tmp_path, name):
    write(tmp_path, 4)
    (tmp_path / snapshots.FOLDER / name).write_text("{}", encoding="utf-8")
    assert snapshots.steps(tmp_path) == (4,)


@pytest.mark.parametrize(
    "shots",
    [(), (SHOT, SHOT), (Shot((0.1,), (0,), (0.5, 0.5)),), (Shot((), (0,), (1.0,)),)],
    ids=["none", "more", "units", "classes"],
)
def test_a_frame_of_other_examples_than_the_watched_is_named(tmp_path, shots):
    example = WatchedExample(7, 1, "an a", None, ((0, 2), (3, 4)), "words", 4)
    seen = Watched((7,), ("bad", "good"), (example,))
    write(tmp_path, 3)
    assert read_snapshot(tmp_path, 3, seen).shots == (SHOT,)
    snapshots.path_of(tmp_path, 3).write_text(compact(asdict(Snapshot(3, 5.0, shots))), encoding="utf-8")
    with pytest.raises(ValueError, match="00000003.json"):
        read_snapshot(tmp_path, 3, seen)


def test_a_frame_that_is_not_there_is_no_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_snapshot(tmp_path, 5)

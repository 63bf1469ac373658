"""The page Train where something goes wrong: a run that hangs, a file that vanishes, another tab that was faster."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace

import pytest
from explore import blocks, picked, said, sound
from trained import filmed, lines, made, train_page

from rekd.files import write_json
from rekd.training import snapshots, trash, worker
from rekd.training.about import write_about
from rekd.training.runs import read_run
from rekd.training.status import read_status, write_status
from rekd.ui.state import View


@pytest.fixture
def stops(monkeypatch):
    """The requests to stop that the page sends, each (run's name, at once); none reaches a process."""
    asked = []
    monkeypatch.setattr(worker, "stop_aside", lambda folder, now: asked.append((folder.name, now)))
    return asked


def buttons(at):
    return [button.label for button in at.button]


def expanders(at):
    return [each.label for each in at.expander]


def film(at):
    return next(block for block in blocks(at) if "rk-film" in block)


def stands(folder, **values):
    write_status(folder, replace(read_status(folder), **values))


def test_a_run_that_hangs_is_ended_and_neither_resumed_nor_deleted(root, stops):
    folder = made(root, "mine", "running", last=30)
    stands(folder, heartbeat=time.time() - 300)
    at = train_page(root, run="mine")
    assert "no sign of life" in said(at) and "End it now" in buttons(at)
    assert not {"Stop", "Resume", "Move to the trash"} & {*buttons(at)}
    picked(at, "v_end").click()
    sound(at.run())
    assert stops == [("mine", True)]
    stands(folder, pid=0, arrived=0)  # its process is gone
    assert {"Resume", "Move to the trash"} <= {*buttons(sound(at.run()))} and "End it now" not in buttons(at)


def test_a_run_that_was_asked_to_stop_is_not_asked_again_until_it_stands_otherwise(root, stops):
    folder = made(root, "mine", "running", last=30)
    at = train_page(root, run="mine")
    assert not picked(at, "v_stop").disabled
    picked(at, "v_stop").click()
    for _ in range(2):  # it trains on until its next line of metrics
        assert picked(sound(at.run()), "v_stop").disabled
    assert stops == [("mine", False)]
    stands(folder, state="stopping")
    assert "End it now" in buttons(sound(at.run())) and "Stop" not in buttons(at)
    stands(folder, state="queued", arrived=time.time() + 1)  # it has stopped, and was resumed
    at.run()
    assert not picked(at, "v_stop").disabled and "queue" in picked(at, "v_stop").help
    stands(folder, state="running")
    assert "saves its state" in picked(sound(at.run()), "v_stop").help


def test_the_last_run_can_be_brought_back_from_the_trash(root):
    made(root, "mine")
    at = train_page(root, run="mine")
    picked(at, "v_delete").click()
    sound(at.run())
    assert "Trash (1)" in expanders(at) and "mine is in the trash" in said(at)
    picked(at, "t_back_mine").click()
    assert "mine is back" in said(sound(at.run())) and (root / "mine").is_dir()


def test_what_a_callback_left_word_of_is_shown_beside_the_form_too(root):
    at = train_page(root, new="1")
    at.session_state["t_said"] = ("It could not be done.", ":material/error:")
    assert [toast.value for toast in sound(at.run()).toast] == ["It could not be done."]


def test_two_tabs_restore_one_run_and_the_second_is_told(root):
    trash.delete(read_run(made(root, "mine")))
    at = train_page(root)
    trash.restore(root / trash.TRASH / "mine")
    picked(at, "t_back_mine").click()
    assert "it was restored" in said(sound(at.run()))


def test_a_trash_that_can_not_be_emptied_is_said(root, monkeypatch):
    def full(folder):
        raise OSError("The trash still holds mine. Close what uses it.")

    trash.delete(read_run(made(root, "mine")))
    at = train_page(root)
    monkeypatch.setattr(trash, "empty", full)
    picked(at, "t_empty").click()
    assert "The trash still holds mine" in said(sound(at.run()))
    monkeypatch.undo()
    trash.empty(root)


def test_each_run_is_named_by_its_box_and_its_way_back(root):
    for name in ("first", "second"):
        made(root, name)
        trash.delete(read_run(made(root, f"{name}_gone")))
    at = train_page(root)
    assert sorted(box.label for box in at.checkbox) == ["Compare first", "Compare second"]
    assert {r"Restore first\_gone", r"Restore second\_gone"} <= {*buttons(at)}


@pytest.fixture
def trained(root, house):
    """A run that is done, its checkpoint of the task digits."""
    folder = made(root, "mine")
    shutil.copytree(house / "digits-re", folder / "checkpoint")
    return folder


def test_a_checkpoint_with_damaged_weights_is_said_and_the_page_stays(root, trained):
    weights = trained / "checkpoint" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-50])
    at = train_page(root, run="mine")
    picked(at, "v_explore").click()
    assert "cut short" in said(sound(at.run())) and at.title[0].value == "mine"


def test_explore_opens_on_a_run_of_another_task_without_a_warning(root, trained):
    at = train_page(root, run="mine")
    slots = {slot: f"imdb-{slot}" for slot in ("teacher", "cls", "re", "rekd")}
    at.session_state["view"] = View(task="imdb", data="imdb", judge="imdb-cls", target="negative", example=3, **slots)
    picked(at, "v_explore").click()
    sound(at.run())
    view = at.session_state["view"]
    assert (view.task, view.re, view.target) == ("digits", "mine", "")
    assert not at.warning, [each.value for each in at.warning]


def checkpoint_of(folder, source, **training):
    """The run's checkpoint: a tiny model with what training wrote of it."""
    shutil.copytree(source, folder / "checkpoint")
    values = json.loads((folder / "checkpoint" / "config.json").read_text())
    write_json(folder / "checkpoint" / "config.json", {**values, "training": training})
    return values["hash"]


def test_a_teacher_opens_in_its_own_column_by_its_own_name(root, house):
    folder = made(root, "mine")
    checkpoint_of(folder, house / "digits-re")
    write_about(folder, "Teacher · digits · seed 2026", role="teacher")
    at = train_page(root, run="mine")
    assert "Teacher (RE) · digits" in said(at).replace("\\", "")
    picked(at, "v_explore").click()
    view = sound(at.run()).session_state["view"]
    assert (view.teacher, view.re) == ("Teacher · digits · seed 2026", "digits-re")


@pytest.mark.parametrize("there", [True, False])
def test_a_student_opens_beside_the_very_teacher_that_taught_it_where_that_is_still_there(root, house, there):
    teacher, student = made(root, "big"), root / "small"
    taught = checkpoint_of(teacher, house / "digits-re")  # not what the shelf has as its teacher
    made(root, "small", kind="rekd", teacher=str(teacher / "checkpoint"))
    checkpoint_of(student, house / "digits-rekd", teacher_hash=taught if there else "another")
    at = train_page(root, run="small")
    picked(at, "v_explore").click()
    view = sound(at.run()).session_state["view"]
    assert view.rekd == "small" and view.teacher == ("big" if there else "digits-teacher")
    assert not at.warning, [each.value for each in at.warning]


@pytest.mark.parametrize("live", ["running", "done"])
def test_a_snapshot_that_vanishes_leaves_the_rest_of_the_page(root, monkeypatch, live):
    filmed(made(root, "mine", live))
    monkeypatch.setattr(snapshots, "steps", lambda run: (0, 10, 99))
    at = train_page(root, run="mine")
    assert "after step 99 is gone" in said(at) and {"Settings", "Log"} <= {*expanders(at)}


def fewer(home):
    path = home / "00000040.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"shots": values["shots"][:1]}))


DAMAGES = {
    "holds no snapshot": fewer,
    "3.png can't be read": lambda home: (home / "3.png").unlink(),
    "cut short": lambda home: (home / "3.png").write_bytes((home / "3.png").read_bytes()[:45]),
}


@pytest.mark.parametrize("told", DAMAGES)
def test_a_damaged_film_is_told_and_the_rest_of_the_page_stands(root, told):
    DAMAGES[told](filmed(made(root, "mine"), text=False) / snapshots.FOLDER)
    at = train_page(root, run="mine")
    assert told in "".join(each.value.replace("\\", "") for each in at.warning)
    assert {"Settings", "Log"} <= {*expanders(at)}


def test_another_run_in_the_folder_of_one_that_was_shown_is_shown_itself(root):
    def shown():
        return film(at), [chart.proto.spec for chart in at.get("plotly_chart")][:2]

    folder = filmed(made(root, "mine", "running", last=20, kind="re"), text=False, steps=(0,))
    at = train_page(root, run="mine")
    before = shown()
    shutil.rmtree(folder)
    made(root, "mine", "running", last=20, kind="cls", seed=77)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line | {"accuracy": 0.1}) + "\n" for line in lines(20)))
    filmed(folder, text=False, steps=(0,), grey=200)
    sound(at.run())
    assert "CLS · digits · seed 77" in said(at).replace("\\", "")
    after = shown()
    assert after[0].split("<img")[1] != before[0].split("<img")[1]
    assert all(new != old for new, old in zip(after[1], before[1], strict=True))


def test_the_charts_stand_when_a_redraw_overtakes_the_browser_which_has_no_choice_yet(root):
    made(root, "mine", "running", last=30)
    at = train_page(root, run="mine")
    at.session_state["v_more"] = None
    assert len(sound(at.run()).get("plotly_chart")) == 3


@pytest.mark.parametrize("kind", ["cls", "rekd"])
def test_a_picture_of_the_film_says_whose_it_is(root, kind):
    filmed(made(root, "mine", kind=kind), text=False, teacher=kind == "rekd")
    drawn = film(train_page(root, run="mine"))
    assert f"{kind.upper()}, dev row 3" in drawn and "student, dev" not in drawn
    assert ("teacher, dev row 3" in drawn) is (kind == "rekd")


@pytest.mark.parametrize("name", ["x" * 300, "", "..", ".", "a/../../b"])
def test_an_address_that_can_name_no_run_is_said(root, tmp_path, name):
    for folder in (root, root.parent):  # where an address that leads elsewhere would arrive at a run
        shutil.copytree(made(tmp_path / "elsewhere", folder.name), folder, dirs_exist_ok=True)
    at = train_page(root, run=name)
    assert "can't be shown" in at.title[0].value and at.error and "Errno" not in at.error[0].value

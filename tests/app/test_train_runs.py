"""The page Train: the list of runs, what is compared, the trash, and one run in each of its states."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace

import pytest
from explore import blocks, picked, said, sound, text_of
from trained import filmed, lines, made, train_page

from rekd.files import read_json, write_json
from rekd.training.about import read_about, write_about
from rekd.training.runs import read_run
from rekd.training.status import read_status, write_status
from rekd.training.trash import TRASH, trashed
from rekd.ui import runs


def rows(at):
    return [text_of(block) for block in blocks(at) if "rk-run" in block]


def buttons(at):
    return [button.label for button in at.button]


def test_the_list_tells_how_each_run_stands_and_opens_it(root):
    for age, (name, state) in enumerate({"first": "done", "second": "running", "third": "failed"}.items()):
        folder = made(root, name, state, last=40 - 10 * age)
        os.utime(folder / "config.json", (1e9 + age, 1e9 + age))
    at = train_page(root)
    assert [row.split()[0] for row in rows(at)] == ["failed", "trains", "done"], "the newest first"
    assert "step 30 of 40 · best dev accuracy 0.520" in rows(at)[1]
    picked(at, "t_open_second").click()
    assert dict(sound(at.run()).query_params) == {"run": "second"} and at.title[0].value == "second"


@pytest.mark.parametrize("created", [1.7e9, None, "yesterday"])
def test_a_run_that_waited_in_no_queue_says_when_its_folder_was_made(root, created):
    folder = made(root, "direct")
    write_json(folder / "config.json", {**read_json(folder / "config.json"), "created": created})
    write_status(folder, replace(read_status(folder), arrived=0.0))
    begun = time.strftime("%d %b, %H:%M", time.localtime(1.7e9))
    told = runs.arrived(read_run(folder))
    assert told == (f"cpu · {begun}" if created == 1.7e9 else "cpu")


def test_a_damaged_run_is_told_and_the_others_are_listed(root):
    made(root, "fine")
    bad = made(root, "bad")
    (bad / "config.json").write_text("{")
    at = train_page(root)
    assert len(rows(at)) == 1 and "no readable JSON" in said(at)


def test_marked_runs_are_compared_on_one_chart_that_a_link_opens_again(root):
    for seed in (1, 2):
        made(root, f"seed{seed}", seed=seed)
    made(root, "other")
    other = read_run(root / "other").config.to_dict() | {"task": "imdb"}
    write_json(root / "other" / "config.json", {"training": other})
    at = train_page(root)
    assert not at.get("plotly_chart")
    for name in ("seed1", "seed2"):
        at.checkbox(f"t_mark_{name}").check()
        sound(at.run())
    assert at.query_params["runs"] == "seed1,seed2" and len(at.get("plotly_chart")) == 1
    again = train_page(root, runs="seed2,other,gone")
    assert again.checkbox("t_mark_seed2").value and not again.get("plotly_chart")
    assert "several tasks" in said(again)


def test_a_run_is_deleted_to_the_trash_and_comes_back(root):
    made(root, "mine", "stopped")
    made(root, "student", kind="rekd", teacher=str(root / "mine" / "checkpoint"))
    at = train_page(root, run="mine")
    assert "student has this run" in said(at), "what depends on it is told before"
    picked(at, "v_delete").click()
    sound(at.run())
    assert not (root / "mine").exists() and [each.name for each in trashed(root)] == ["mine"]
    assert [each for each in rows(at) if "step" in each] and "Trash (1)" in [each.label for each in at.expander]
    picked(at, "t_back_mine").click()
    sound(at.run())
    assert (root / "mine" / "metrics.jsonl").is_file() and not list((root / TRASH).iterdir())


STATES = {
    "queued": (["Stop", "Duplicate"], "It waits"),
    "running": (["Stop", "Duplicate"], "64 examples a second"),
    "stopping": (["End it now", "Duplicate"], "saves its state"),
    "stopped": (["Resume", "Duplicate"], "Its state is saved"),
    "failed": (["Resume", "Duplicate"], "Out of memory"),
    "done": (["Duplicate"], "done"),
}


@pytest.mark.parametrize("state", STATES)
def test_a_run_in_each_state_says_how_it_stands_and_offers_what_can_be_done(root, state):
    offered, told = STATES[state]
    message = {"failed": "Out of memory: a batch did not fit.", "stopped": "Its state is saved.", "queued": "It waits."}
    made(root, "mine", state, message=message.get(state, ""), last=30)
    at = train_page(root, run="mine")
    named = [label for label in buttons(at) if label in ("Stop", "End it now", "Resume", "Duplicate")]
    assert named == offered and told in said(at) + " ".join(rows(at))
    assert ("Move to the trash" in buttons(at)) is (state in ("stopped", "failed", "done"))
    if state == "failed":
        (log,) = [each for each in at.expander if each.label == "Log"]
        assert "what the run said" in log.code[0].value and len(at.code) == 1, "the cause first; its log on demand"


def test_a_run_that_ends_while_it_is_watched_is_drawn_anew(root):
    folder = made(root, "mine", "running", last=30)
    at = train_page(root, run="mine")
    assert "Stop" in buttons(at)
    write_status(folder, read_status(folder).__class__("stopped", 30, 40, "Its state is saved."))
    sound(at.run())
    assert "Resume" in buttons(at) and "Stop" not in buttons(at)


def test_the_buttons_stop_and_resume_reach_the_run(root, monkeypatch):
    from rekd.training import worker

    asked = []
    monkeypatch.setattr(worker, "stop_aside", lambda folder, now: asked.append(("stop", folder.name, now)))
    monkeypatch.setattr(worker, "resume", lambda folder: asked.append(("resume", folder.name)))
    for name, state, key in (("a", "running", "v_stop"), ("b", "stopping", "v_end"), ("c", "stopped", "v_resume")):
        made(root, name, state)
        at = train_page(root, run=name)
        picked(at, key).click()
        sound(at.run())
    assert asked == [("stop", "a", False), ("stop", "b", True), ("resume", "c")]


def test_a_run_that_is_not_there_is_said(root):
    made(root, "mine")
    at = train_page(root, run="yours")
    assert "There is no run 'yours' here (any more)" in said(at).replace("\\", "")
    made(root.parent / "elsewhere", "theirs")
    assert "no name of a run" in said(train_page(root, run="../elsewhere/theirs")), "the address leads out of no folder"


def test_the_film_shows_each_snapshot_and_follows_the_run_until_the_scrubber_is_moved(root):
    folder = filmed(made(root, "mine", "running", last=30), steps=(0, 10))
    at = train_page(root, run="mine")
    film = next(block for block in blocks(at) if "rk-film" in block)
    assert "&lt;b&gt;" in film and "<b>good" not in film, "a text is text"
    assert "after 10 of 40 steps" in said(at) and "0 of 2 right" in said(at)
    filmed_on = folder / "snapshots" / "00000040.json"
    filmed_on.write_text((folder / "snapshots" / "00000010.json").read_text().replace('"step":10', '"step":40'))
    assert "after 40 of 40 steps" in said(sound(at.run())), "the latest is shown as it comes"
    next(each for each in at.select_slider).set_value(0)
    assert "after 0 of 40 steps" in said(sound(at.run()))
    assert "after 0 of 40 steps" in said(sound(at.run())), "what was chosen stays"
    picked(at, "m_latest").click()
    assert "after 40 of 40 steps" in said(sound(at.run()))


def test_the_film_plays_to_its_end_and_stops(root):
    filmed(made(root, "mine"), steps=(0, 10, 40))
    at = train_page(root, run="mine")
    picked(at, "m_play").click()
    seen = [said(sound(at.run()))]
    while picked(at, "m_play").label == "Pause" and len(seen) < 9:
        seen.append(said(sound(at.run())))
    assert [next(step for step in (0, 10, 40) if f"after {step} of" in page) for page in seen][-1] == 40
    assert len(seen) <= 5 and picked(at, "m_play").label == "Play"


def test_the_teachers_mask_stands_beside_and_the_difference_can_be_shown(root):
    filmed(made(root, "mine", kind="rekd"), text=False, teacher=True)
    at = train_page(root, run="mine")
    film = next(block for block in blocks(at) if "rk-film" in block)
    assert film.count("Teacher: positive, 90") == 2 and film.count("<img") == 4
    picked(at, "m_show").set_value("difference")
    film = next(block for block in blocks(sound(at.run())) if "rk-film" in block)
    assert "1 patches agreed with the teacher, 1 only the teacher" in film


def test_while_a_run_trains_one_chart_is_drawn_at_a_time_and_at_its_end_all(root):
    def specs():
        return [chart.proto.spec for chart in at.run().get("plotly_chart")]

    def changed():
        old, new = seen[-1], specs()
        seen.append(new)
        return [place for place in range(3) if old[place] != new[place]]

    def log(last):
        (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines(last)))

    folder = made(root, "mine", "running", last=20)
    at = train_page(root, run="mine")
    seen = [specs()]
    log(30)
    assert sorted(changed() + changed() + changed()) == [0, 1, 2] and not changed()
    assert "Step 30 of 40" in said(at)
    log(40)
    assert len(changed()) == 1
    write_status(folder, replace(read_status(folder), state="done", step=40))
    assert len(changed()) == 2


@pytest.mark.parametrize(
    ("state", "told"), [("queued", "first values come at step"), ("failed", "before its first line")]
)
def test_without_a_line_of_metrics_no_empty_chart_is_drawn(root, state, told):
    made(root, "mine", state, last=0)
    at = train_page(root, run="mine")
    assert not at.get("plotly_chart") and told in said(at)


def test_runs_of_one_name_are_told_apart_where_they_are_compared(root):
    for number in (1, 2):
        folder = made(root, f"digits-re-2026-{number}", seed=number, steps=40 + number)
        write_about(folder, "My run")
    at = train_page(root, runs="digits-re-2026-1,digits-re-2026-2")
    spec = at.get("plotly_chart")[0].proto.spec
    assert "My run \\u00b7 2026-1" in spec and "My run \\u00b7 2026-2" in spec


def test_of_the_other_charts_one_is_shown(root):
    made(root, "mine")
    at = train_page(root, run="mine")
    assert len(at.get("plotly_chart")) == 3 and "Gradient norm" in at.get("plotly_chart")[2].proto.spec
    picked(at, "v_more").set_value("speed")
    assert "examples a second" in sound(at.run()).get("plotly_chart")[2].proto.spec


def test_a_name_and_a_note_are_kept(root):
    folder = made(root, "mine")
    at = train_page(root, run="mine")
    at.text_input("v_name_mine").set_value("A *bold* name")
    sound(at.run())
    at.text_area("v_note_mine").set_value("two\nlines")
    sound(at.run())
    assert read_about(folder).name == "A *bold* name" and read_about(folder).note == "two\nlines"
    assert at.title[0].value == r"A \*bold\* name"


def test_looking_at_a_run_that_trains_takes_little_time(root):
    folder = filmed(made(root, "mine", "running", last=40))
    with (folder / "metrics.jsonl").open("a") as file:
        file.write((folder / "metrics.jsonl").read_text() * 500)
    at = train_page(root, run="mine")
    began = time.process_time()  # of this process: what else the machine does is not counted
    sound(at.run())
    assert time.process_time() - began < 3

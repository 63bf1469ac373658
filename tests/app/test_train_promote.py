"""Promotion on the page Train: started aside, followed from the run's folder, told when it has ended."""

from __future__ import annotations

import os
import shutil

import pytest
from explore import picked, said, sound
from trained import made, train_page

from rekd.training import promotion
from rekd.training.promotion import telling


@pytest.fixture(autouse=True)
def none_shipped(tmp_path, monkeypatch):
    monkeypatch.setattr("rekd.checkpoints.shipped", lambda: tmp_path / "none")
    return tmp_path / "none"


@pytest.fixture
def started(monkeypatch):
    """The commands that would be started; the process of each is this one."""
    commands = []

    class Child:
        pid = os.getpid()
        wait = staticmethod(lambda: 0)

    monkeypatch.setattr(promotion, "start_module", lambda given, *_, **streams: commands.append(given) or Child())
    return commands


@pytest.fixture
def run(root, house):
    """Makes a finished run with a checkpoint."""

    def finished(name, seed=0, age=0):
        folder = made(root, name, seed=seed)
        os.utime(folder / "config.json", (1e9 - age, 1e9 - age))
        shutil.copytree(house / "digits-re", folder / "checkpoint")
        return folder

    return finished


def keys(at):
    return [button.key for button in at.button]


def test_a_promotion_is_followed_until_it_has_ended(root, run, started, none_shipped):
    folder = run("mine")
    at = train_page(root, run="mine")
    picked(at, "p_name").set_value("better")
    picked(at, "p_note").set_value("A note.")
    picked(at, "p_go").click()
    sound(at.run())
    assert started == [["rekd", "promote", str(folder), "--name=better", "--note=A note."]]
    for seen in (at, train_page(root, run="mine")):  # whoever opens the run sees it
        assert "better** is measured" in said(seen) and "p_go" not in keys(seen)
    with telling(folder, "better") as tell:
        sound(at.run())
        tell("better is among the checkpoints, accuracy 0.9.")
    sound(at.run())
    assert "better is among" in at.success[0].value and "p_go" in keys(at)
    (none_shipped / "better").mkdir(parents=True)
    assert picked(sound(at.run()), "p_go").disabled and "already" not in said(at), "success, and nothing against it"
    picked(at, "p_name").set_value("better-2")
    assert not picked(sound(at.run()), "p_go").disabled
    picked(at, "p_name").set_value("another")
    (none_shipped / "another").mkdir()
    assert "There is a checkpoint another already" in said(sound(at.run()))


def test_a_promotion_that_failed_says_why_and_can_be_tried_again(root, run, started):
    folder = run("mine")
    with pytest.raises(ValueError), telling(folder, "better"):
        raise ValueError("The data of digits are missing.")
    at = train_page(root, run="mine")
    assert "The data of digits are missing" in "".join(each.value.replace("\\", "") for each in at.error)
    picked(at, "p_go").click()
    assert "is measured" in said(sound(at.run())) and len(started) == 1


def test_of_each_other_seed_the_newest_run_counts(root, run, started):
    mine, _, new = run("mine", 1), run("old", 2, age=50), run("new", 2, age=10)
    third, _ = run("third", 3, age=30), run("again", 1, age=20)
    at = train_page(root, run="mine")
    assert "With 2 more of other seeds" in at.checkbox("p_all").label
    picked(at, "p_go").click()
    sound(at.run())
    assert started[0][2:-1] == [str(mine), str(new), str(third)]


@pytest.mark.parametrize("name", ["words-mine", "a/b", ".mine", ""])
def test_a_name_under_which_nothing_would_be_found_is_refused(root, run, started, name):
    run("mine")
    at = train_page(root, run="mine")
    picked(at, "p_name").set_value(name)
    picked(at, "p_go").click()
    assert "name" in "".join(each.value for each in sound(at.run()).toast) and not started

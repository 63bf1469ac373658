"""The states that a run leaves on disk: which are kept, and which the next start goes on from."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from looping import CONFIG, small_digits, trainer

from rekd.training.state import load_state
from rekd.training.stopping import Stopped


@pytest.fixture(scope="module")
def data():
    return small_digits()


def test_two_states_are_kept_and_latest_names_the_newest(tmp_path, data):
    trainer(tmp_path / "run", data).train()
    state = tmp_path / "run" / "state"
    assert sorted(path.name for path in state.iterdir() if path.is_dir()) == ["00000008", "00000012"]
    assert (state / "latest").read_text() == "00000012"
    assert not list(state.rglob("*.bin")) + list(state.rglob("*.pt")) + list(state.rglob("*.pkl"))


def folders(state):
    return sorted(path.name for path in state.iterdir() if path.is_dir())


def test_a_run_killed_before_its_newest_state_was_named_goes_on_from_the_one_before_and_clears_up(tmp_path, data):
    config, state = replace(CONFIG, keep_states=1), tmp_path / "run" / "state"
    trainer(tmp_path / "run", data, replace(config, steps=4)).train()
    for left in ("00000008", ".00000008-half", ".00000004-old-123"):
        shutil.copytree(state / "00000004", state / left)
    again = trainer(tmp_path / "run", data, config, stop=lambda: again.progress.step == 6)
    assert folders(state) == ["00000004"] and again.progress.step == 4
    with pytest.raises(Stopped):
        again.train()
    assert folders(state) == ["00000006"] and load_state(tmp_path / "run")[-1].step == 6


def test_the_state_just_saved_stays_whatever_lies_beside_it(tmp_path, data):
    run, state = trainer(tmp_path / "run", data, replace(CONFIG, keep_states=2)), tmp_path / "run" / "state"
    for name in ("00000003", "00000300", "00000400"):
        (state / name).mkdir(parents=True)
    run.progress.step = 6
    run._save()
    assert folders(state) == ["00000006", "00000400"] and (state / "latest").read_text() == "00000006"

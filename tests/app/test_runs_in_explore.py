"""Own runs in Explore: by links that outlive the server, and told apart where they have one name."""

from __future__ import annotations

import shutil

import pytest
from explore import opened, picked, said, sound
from trained import made, train_page

from rekd.training.about import write_about
from rekd.ui import cache

NAME = "RE · digits · seed 2026"


@pytest.fixture
def named(root, house):
    """Runs that are done, all of one name."""

    def make(*folders: str) -> None:
        for folder in folders:
            run = made(root, folder)
            shutil.copytree(house / "digits-re", run / "checkpoint")
            write_about(run, NAME)

    return make


@pytest.mark.parametrize("link", [NAME, "first"])
def test_a_link_to_a_run_is_good_after_the_server_was_started_anew(named, link):
    named("first")
    at = opened(task="digits", re=link, methods="-")
    assert at.session_state["view"].re == link and not at.warning, [each.value for each in at.warning]
    assert [*cache.added()] == [link], "on the list once"
    assert at.query_params["re"] == link


def test_runs_of_one_name_are_in_the_address_by_their_folders(named, root):
    named("first", "second")
    at = opened(task="digits", re=NAME, methods="-")
    assert at.session_state["view"].re == "digits-re", "which of the two nobody knows"
    assert "Open it from the page Train if it is a run of yours" in said(at)
    for folder in ("second", "first"):
        at = train_page(root, run=folder)
        picked(at, "v_explore").click()
        assert sound(at.run()).session_state["view"].re == folder


def test_a_link_to_a_run_whose_weights_are_damaged_says_that_it_is_not_here(named, root):
    named("first")
    (root / "first" / "checkpoint" / "model.safetensors").write_bytes(b"cut")
    at = opened(task="digits", re="first", methods="-")
    assert "“first” is not here" in said(at) and at.session_state["view"].re == "digits-re"

"""The form in a test: opened by an address, worked like a person does; nothing is timed and no run is started."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from helpers import tiny_checkpoints
from streamlit.testing.v1 import AppTest

from rekd.config import TrainConfig
from rekd.training.estimate import Estimate
from rekd.training.suggested import suggested
from rekd.ui import cache, form_cost

TINY = {"img_size": 64, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}


class Told:
    """Stands in for the child that times steps."""

    asked: list[dict] = []
    cancelled = 0
    busy = False
    fault = ""

    def __init__(self, requests):
        Told.asked += requests
        self.results = (
            [] if Told.busy else [Estimate(minutes=3.0, memory=2**30, free=2**33, fault=Told.fault)] * len(requests)
        )

    def poll(self):
        return not Told.busy

    def cancel(self):
        Told.cancelled += 1


@pytest.fixture
def form_house(tmp_path, monkeypatch):
    """Tiny models of digits, no data but the built in, and no child that times anything."""
    monkeypatch.setattr("rekd.checkpoints.folders.shipped", lambda: tmp_path / "none")
    monkeypatch.setenv(
        "REKD_CHECKPOINTS", str(tiny_checkpoints(tmp_path / "shelf", task="digits", roles=("teacher", "cls")))
    )
    for name in ("REKD_RUNS", "REKD_OWN", "REKD_CACHE", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("REKD_DATA", raising=False)
    monkeypatch.setattr(form_cost, "Measuring", Told)
    monkeypatch.setattr("rekd.ui.form_fields.devices", lambda: ["cpu"])
    Told.asked, Told.cancelled, Told.busy, Told.fault = [], 0, False, ""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def started(monkeypatch):
    plans = []
    monkeypatch.setattr("rekd.ui.form_check.launch", plans.extend)
    return plans


def run_of(task: str = "digits", **more) -> Path:
    """The folder of a run that was stopped, "mine"; more: fields of its configuration."""
    folder = Path(os.environ["REKD_RUNS"]) / "mine"
    folder.mkdir(parents=True)
    own = {**suggested(task, "re"), "seed": 7} | ({"backbone_args": TINY} if task == "digits" else {})
    config = TrainConfig(**{**own, **more})
    (folder / "config.json").write_text(json.dumps({"training": config.to_dict()}), encoding="utf-8")
    (folder / "status.json").write_text(json.dumps({"state": "stopped", "step": 3, "steps": 9}), encoding="utf-8")
    return folder


def page():
    import os  # the function is run as a script of its own
    import pathlib

    import streamlit as st

    from rekd.ui.form import form

    if "run" in st.query_params:
        st.markdown(f"run {st.query_params['run']}")
    else:
        form(pathlib.Path(os.environ["REKD_RUNS"]))


def opened(**address: str) -> AppTest:
    at = AppTest.from_function(page, default_timeout=60)
    for name, value in address.items():
        at.query_params[name] = value
    return sound(at.run())


def sound(at: AppTest) -> AppTest:
    assert not at.exception, [error.value for error in at.exception]
    return at


def named(at: AppTest, key: str):
    kinds = ("selectbox", "number_input", "button", "text_input", "toggle", "button_group", "pills")
    return next(w for kind in kinds for w in getattr(at, kind, at.get(kind)) if w.key == key)


def has(at: AppTest, key: str) -> bool:
    try:
        return bool(named(at, key))
    except StopIteration:
        return False


def pressed(at: AppTest, key: str) -> AppTest:
    named(at, key).click()
    return sound(at.run())


def given(at: AppTest, key: str, value) -> AppTest:
    named(at, key).set_value(value)
    return sound(at.run())


def said(at: AppTest) -> str:
    kinds = ("info", "warning", "error", "caption", "markdown")
    return "\n".join(each.value.replace("\\", "") for kind in kinds for each in getattr(at, kind))


def table(at: AppTest) -> str:
    return next(each.proto.body for each in at.main.get("html") if "rk-plan" in each.proto.body)


def address(at: AppTest) -> dict[str, str]:
    return {name: value[0] if isinstance(value, list) else value for name, value in at.query_params.items()}

"""What the page hands out under Take away, what the command line writes of the same input, and a file given back."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace

import explore
import pytest
from explore import sound

from rekd.explanations.record import Record, to_json


@pytest.fixture
def taken(monkeypatch) -> list[Record]:
    """The records that the page hands out, the last one last."""
    from rekd.ui import deeper_take

    held, files = [], deeper_take._files
    monkeypatch.setattr(deeper_take, "_files", lambda record: (held.append(record), files(record)))
    return held


def said(at) -> str:
    """Every sentence on the page, without the signs that switch Markdown off."""
    return explore.said(at).replace("\\", "")


def give(at, content: str | bytes):
    data = content if isinstance(content, bytes) else content.encode()
    at.file_uploader(key="w_record").set_value(("view.json", data, "application/json"))
    return sound(at.run())


def alike(record: Record) -> dict:
    """A record without what two computations of the same never share."""
    held = json.loads(to_json(replace(record, date="", address="")))
    for item in (*held["models"], *held["methods"]):
        for name in ("seconds", "peak_memory_mb", "chunk", "halved"):
            item["shown"]["details"].pop(name, None)
    return held


def command(**options) -> Record:
    """What `explain` writes with these options."""
    from rekd.cli.explain import record_of
    from rekd.explanations.terminal import example_of
    from rekd.ui import cache

    cache.clear()  # computed once more, not found where the page left it

    usual = {"task": None, "model": None, "rule": "calibrated", "seed": 0, "methods": "FeatureAblation", "more": None}
    given = usual | {"draws": 100, "painted": "", "text": None, "image": None} | options
    return record_of(example_of(given["text"], given["image"]), Namespace(**given))

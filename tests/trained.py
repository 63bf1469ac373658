"""Runs as folders that no training wrote, and the page Train opened on them."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import psutil
from explore import APP, sound
from PIL import Image
from streamlit.testing.v1 import AppTest

from rekd.config import TrainConfig
from rekd.files import write_json
from rekd.training.snapshots import FOLDER, Shot, Snapshot, compact, path_of
from rekd.training.status import Status, birth, write_status

TEXTS = ("A <b>good</b> film", "A dull film")
CLASSES = ("negative", "positive")


def lines(last=40):
    """Metrics that learn nothing in particular."""
    return [
        {
            "step": step,
            "task": 2.0 - step / 50,
            "rate": 0.01,
            "total": 2.1 - step / 50,
            "accuracy": 0.4 + step / 200,
            "r": 0.15,
            "gradient_norm": 1.0,
            "examples_per_second": 64.0,
            "learning_rate": 1e-3,
            "alpha": 0.3,
            "tau": 5.0 - step / 20,
            **({"dev_accuracy": 0.5 + step / 1000} if step % 20 == 0 else {}),
        }
        for step in range(10, last + 1, 10)
    ]


def made(root: Path, name: str, state: str = "done", kind: str = "re", last: int = 40, message: str = "", **values):
    """A run's folder in some state; one that is at work is, as far as anybody can see, this very process."""
    folder = root / name
    folder.mkdir(parents=True)
    if kind == "rekd":
        values = {"teacher": "some-teacher"} | values
    write_json(folder / "config.json", {"training": TrainConfig("digits", kind, **{"steps": 40} | values).to_dict()})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines(last)))
    me = psutil.Process()
    life = {"pid": os.getpid(), "started": birth(me), "heartbeat": time.time(), "arrived": time.time()}
    write_status(folder, Status(state, last, 40, message, device="cpu", **life))
    (folder / "log.txt").write_text("what the run said\n")
    return folder


def filmed(folder: Path, steps=(0, 10, 40), text=True, teacher=False, grey=90) -> Path:
    """Snapshots in which a run's two watched examples turn from the first class to the second."""
    home = folder / FOLDER
    home.mkdir()
    places = ((0, 1), (5, 9), (14, 18)) if text else tuple((x, y, x + 8, y + 8) for y in (0, 8) for x in (0, 8))
    examples = []
    for row in (3, 14):
        image = None if text else f"{row}.png"
        if image:
            Image.fromarray(np.full((16, 16, 3), grey, np.uint8)).save(home / image)
        content = {"text": TEXTS[row > 3] if text else None, "image": image}
        stop, units = (len(TEXTS[row > 3]) if text else 0), "words" if text else "patches"
        here = places if row == 3 or not text else ((0, 1), (2, 6), (7, 11))
        examples.append({"row": row, "label": 1, **content, "places": here, "units": units, "stop": stop})
    scores = (0.1, 0.9, 0.2, 0.3)[: len(places)]
    taught = [asdict(Shot(scores, (1, 2), (0.1, 0.9)))] * 2 if teacher else []
    (home / "watched.json").write_text(compact({"classes": CLASSES, "examples": examples, "teacher": taught}))
    for step in steps:
        sure = 0.2 + 0.6 * step / 40
        shots = (Shot(scores, (0,) if step < 40 else (1,), (1 - sure, sure)),) * 2
        path_of(folder, step).write_text(compact(asdict(Snapshot(step, 1.0, shots))))
    return folder


def train_page(root: Path, **address: str) -> AppTest:
    """The page Train as an address shows it, its runs in `root`."""
    at = AppTest.from_file(APP, default_timeout=60)
    at.switch_page("pages/train.py")
    for name, value in address.items():
        at.query_params[name] = value
    return sound(at.run())

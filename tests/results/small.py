"""A small protocol of the digits for tests, and runs of it as training leaves them."""

from __future__ import annotations

import json
from dataclasses import replace

from workers import QUICK

from rekd.files import write_json
from rekd.results.items import Item
from rekd.results.row import FIRST, SAME, Row
from rekd.training.runs import EVALUATION
from rekd.training.status import Status, write_status

TINY = {**QUICK, "steps": 4, "evaluate_every": 2, "augment": False}
TEACHER = Row("digits-teacher", "teachers", "digits", "teacher, tiny", "re", seeds=(1, 2), settings=TINY)
WEAK = replace(TEACHER, name="digits-teacher-weak", seeds=(1,), half_way="digits-teacher")
STUDENT = Row("digits-tiny-rekd", "headline", "digits", "tiny", "rekd", seeds=(1, 2), settings=TINY)
TAUGHT = replace(STUDENT, learns={"teacher": ("digits-teacher", FIRST)})
BROKEN = replace(STUDENT, name="digits-broken-re", kind="re", settings={**TINY, "backbone": "no_such_backbone"})
AFTER = replace(STUDENT, name="digits-after-rekd", learns={"teacher": ("digits-broken-re", SAME)})
ROWS = (TEACHER, WEAK, TAUGHT, BROKEN, AFTER)


def names(found) -> list[str]:
    return [item.name for item in found]


def trained(item: Item, best: float = 0.5, done: bool = True) -> None:
    """A run's folder as training, and measuring where `done`, leave it."""
    (item.folder / "checkpoint").mkdir(parents=True)
    (item.folder / "checkpoint" / "README.md").write_text("card")
    config = item.row.config(item.seed, {"teacher": "t"} if item.row.kind == "rekd" else {})
    write_json(item.folder / "config.json", {"training": config.to_dict()})
    (item.folder / "metrics.jsonl").write_text(json.dumps({"step": 4, "dev_accuracy": best}) + "\n")
    write_status(item.folder, Status("done", 4, 4))
    if done:
        write_json(item.folder / EVALUATION, {})

"""The help of the command line knows every field of a run, in their order and once."""

from __future__ import annotations

import ast
import dataclasses
import inspect

from rekd.config import TrainConfig
from rekd.data import TASKS
from rekd.training import options


def test_every_field_has_one_line_of_help():
    names = [field.name for field in dataclasses.fields(TrainConfig)]
    assert list(options.HELP) == names
    assert all(len(said) < 140 and "\n" not in said for said in options.HELP.values())
    tables = [node for node in ast.walk(ast.parse(inspect.getsource(options))) if isinstance(node, ast.Dict)]
    assert [len(table.keys) for table in tables] == [len(names)]  # a name written twice would silently win


def test_the_data_sets_named_are_those_that_can_be_learnt():
    *names, last = options.HELP["task"].split(": ")[1].split(", ")
    last, own = last.split(" or ")
    assert [*names, last] == [name for name, spec in TASKS.items() if "train" in spec.splits] and own == "own-<name>"

"""The command explain: rationales of one input in the terminal, or the files that Take away gives."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rekd.files import check_writable, write_text

if TYPE_CHECKING:
    from rekd.checkpoints import Info
    from rekd.explanations.record import Record
    from rekd.types import Example, Explanation
    from rekd.ui.frame import Desk

FORMATS = ("text", "html", "json")
USUAL_DRAWS = 100
"""As on the page."""


def add_explain(commands) -> None:
    """The command explain."""
    parser = commands.add_parser("explain", help="show the rationales of one input, or write them to a file")
    parser.add_argument("--task", help="task of the models, where --model names none")
    parser.add_argument(
        "--model", action="append", help="checkpoint: name, folder, zip or Hub id; several may be given"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", help="a text to read")
    what.add_argument("--image", type=Path, help="an image file to read")
    parser.add_argument("--rule", default="calibrated", help="threshold, calibrated, top-k or sampled")
    parser.add_argument("--seed", type=int, default=0, help="of sampled masks and of methods that sample")
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: %(default)s, marks in the terminal")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write; html needs it")
    about = "html, json: attribution methods, with a comma between them, or none (default: those that Explore shows)"
    parser.add_argument("--methods", help=about)
    about = "html, json: what the scores hold beyond the usual: aopc, curves, infidelity, with a comma between them"
    parser.add_argument("--more", help=about)
    about = "html, json: inputs that are scrambled for the proof: 20, 100 or 500 (default: %(default)s)"
    parser.add_argument("--draws", type=int, default=USUAL_DRAWS, help=about)
    about = "html, json: a mask of your own, as Explore's address has it after painted=, such as 12-a3f"
    parser.add_argument("--painted", metavar="MASK", default="", help=about)
    parser.set_defaults(run=_explain)


def _explain(arguments: argparse.Namespace) -> int:
    from rekd.explanations.terminal import example_of, explain_lines, models_of

    _check(arguments)
    example = example_of(arguments.text, arguments.image)
    if arguments.format != "text":
        return _file(arguments, example)
    if arguments.model and arguments.task:
        _check_task(arguments.task, _named(arguments.model))
    models = arguments.model or models_of(arguments.task, example.modality)
    blocks = explain_lines(example, models, rule=arguments.rule, seed=arguments.seed)
    if arguments.out:
        write_text(arguments.out, "\n".join(blocks) + "\n")
    else:
        for lines in blocks:
            print(lines)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Refuse, before any work, what can't be done."""
    if arguments.out:
        check_writable("--out", arguments.out)
    elif arguments.format == "html":
        raise ValueError("--format html needs --out FILE: a page is no text for a terminal")
    ours = arguments.methods or arguments.more or arguments.painted or arguments.draws != USUAL_DRAWS
    if arguments.format == "text" and ours:
        raise ValueError("--methods, --more, --draws and --painted are of files; add --format html or json")


def _check_task(task: str, named: Sequence[Info]) -> None:
    """Refuse a task that a model named is not of: which of the two was meant, only the person knows."""
    if other := next((info for info in named if info.task != task), None):
        raise ValueError(
            f"--task is {task} and {other.name} is of {other.task}; leave --task out, or name another model"
        )


def _file(arguments: argparse.Namespace, example: Example) -> int:
    from rekd.explanations.record import to_json

    record = record_of(example, arguments)
    for sentence in record.left_out:
        print(sentence, file=sys.stderr)
    if arguments.format == "html":
        from rekd.ui.report import page

        written = page(record)
    else:
        written = to_json(record)
    if arguments.out:
        write_text(arguments.out, written)
        print(arguments.out)
    else:
        print(written, end="")
    return 0


def record_of(example: Example, arguments: argparse.Namespace) -> Record:
    """What Explore would show of this input under these options.

    Raises:
        ValueError: an unknown rule, method, seed, task or model, models that can't stand side by side, or a painted
            mask of another input.
    """
    from rekd.config import choose
    from rekd.masks import MASK_RULES
    from rekd.ui.state import DRAWS, LARGEST
    from rekd.ui.take import gather, rationales

    choose("--rule", arguments.rule, MASK_RULES)
    choose("--draws", arguments.draws, DRAWS)
    if not 0 <= arguments.seed <= LARGEST:
        raise ValueError(f"--seed is {arguments.seed}; it must be between 0 and {LARGEST:,}")
    desk = _desk(arguments, example.modality)
    found = rationales(desk, example)
    _check_painted(arguments.painted, found)
    return gather(desk, example, found)


def _check_painted(painted: str, found: Mapping[str, Explanation]) -> None:
    """Refuse a mask that is none of this input's, which the page would leave out in silence."""
    from rekd.ui.components import units_of
    from rekd.ui.paint import pack, unpack
    from rekd.ui.take_painted import READERS

    item = found[next(slot for slot in READERS if slot in found)]
    n = len(item.units)
    if painted and unpack(painted, n) is None:
        first = pack([i == 0 for i in range(n)])
        raise ValueError(
            f"--painted is {painted[:60]!r}; it must be a mask of the {n} {units_of(item.units)} that {item.model} "
            f"reads, such as {first}, which holds the first of them alone"
        )


def _desk(arguments: argparse.Namespace, modality: str) -> Desk:
    """The models that Explore would put side by side, chosen by its own rules."""
    from rekd.checkpoints import available
    from rekd.data.spec import TASKS
    from rekd.explanations.terminal import models_of
    from rekd.ui.frame import Desk
    from rekd.ui.lineup import resolve
    from rekd.ui.scores import MORE
    from rekd.ui.state import DEFAULT_METHODS, METHODS, SLOTS, View

    named = _named(arguments.model or [])
    if not named:
        models_of(arguments.task, modality)  # says what there is, where there is no such task
    infos = [*named, *(info for info in available() if info.name not in [other.name for other in named])]
    task = arguments.task or named[0].task
    given = _slots(named) | dict.fromkeys(_listed("--more", arguments.more, MORE), True)
    methods = DEFAULT_METHODS if arguments.methods is None else _listed("--methods", arguments.methods, METHODS)
    given |= {name: getattr(arguments, name) for name in ("rule", "seed", "draws", "painted")}
    view = View(task=task, own=True, methods=methods, **given)
    view, notes = resolve(view, infos, TASKS, lambda name: False)
    if notes:
        raise ValueError(" ".join(notes))
    by_name = {info.name: info for info in infos}
    chosen = {slot: by_name[view.model(slot)] for slot in SLOTS if view.model(slot) in by_name}
    desk = Desk(view, tuple(infos), chosen, by_name[view.judge], TASKS, ())
    if desk.modality != modality:
        raise ValueError(f"{desk.judge.name} reads {desk.modality}s; give it --{desk.modality} instead")
    return desk


def _named(sources: Sequence[str]) -> list[Info]:
    from rekd.checkpoints import find, read_info

    return [read_info(find(source)) for source in sources]


def _slots(named: Sequence[Info]) -> dict[str, str]:
    """Slot -> name, each model where its role says, else in the first place left that is for its kind."""
    from rekd.ui.lineup import NONE
    from rekd.ui.state import SLOTS

    if not named:
        return {}
    found: dict[str, str] = {}
    for info in sorted(named, key=lambda info: info.role not in SLOTS):
        fitting = ("rekd", "re", "teacher") if info.config.selects else ("cls",)
        slot = next((slot for slot in (info.role, *fitting) if slot in SLOTS and slot not in found), "")
        if not slot:
            raise ValueError(
                f"there is no place left for {info.name}: a file shows, as Explore does, one model that reads "
                "everything and up to three that select; name fewer, or use --format text"
            )
        found[slot] = info.name
    return dict.fromkeys(SLOTS, NONE) | found


def _listed(option: str, value: str | None, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """The names of an option, with a comma between them; "none" is none."""
    from rekd.config import choose

    names = [name.strip() for name in (value or "").split(",")]
    names = tuple(dict.fromkeys(name for name in names if name not in ("", "none")))
    for name in names:
        choose(option, name, allowed)
    return names

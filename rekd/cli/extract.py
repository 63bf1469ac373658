"""The command extract: the rationales of a whole split, batch by batch into a file, one row an example."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rekd.files import check_writable

if TYPE_CHECKING:
    from rekd.checkpoints import Checkpoint
    from rekd.training.extract import Row, Wish
    from rekd.types import Split


def add_extract(commands) -> None:
    """The command extract."""
    parser = commands.add_parser("extract", help="write the rationales of a whole split to a file, one row an example")
    parser.add_argument("checkpoint", help="name, folder, zip or Hub id of a model that selects")
    about = "file to write, its end says how: .parquet, .jsonl or .csv"
    parser.add_argument("--out", type=Path, metavar="FILE", required=True, help=about)
    parser.add_argument("--task", help="data set to read (default: the checkpoint's own; labels must agree)")
    parser.add_argument(
        "--split", default="test", help="train, dev or test, as the data set has (default: %(default)s)"
    )
    parser.add_argument(
        "--rule", default="top-k", help="top-k, calibrated, threshold or sampled (default: %(default)s)"
    )
    about = "masks drawn of each example, a row each, from seeds that follow --seed; with --rule sampled (default: 1)"
    parser.add_argument("--draws", type=int, default=1, help=about)
    parser.add_argument("--seed", type=int, default=0, help="of sampled masks (default: %(default)s)")
    parser.add_argument("--limit", type=int, help="so many examples, by a seeded choice, for a quick look")
    parser.add_argument("--batch", type=int, default=64, help="examples computed at once (default: %(default)s)")
    parser.add_argument("--all-units", action="store_true", help="P(select) of every unit, not only of those selected")
    parser.add_argument("--device", help="cuda, mps or cpu (default: the best here)")
    parser.set_defaults(run=_extract)


def _extract(arguments: argparse.Namespace) -> int:
    from rekd.explanations.split import split_file
    from rekd.training.extract import Tally, chosen_rows, extract

    wish = _wish(arguments)
    checkpoint, split = _model_and_split(arguments)
    rows, tally = chosen_rows(len(split), arguments.limit), Tally()
    about = _about(checkpoint, split, wish)
    with split_file(arguments.out, split.modality, wish.every, about) as write:
        for part in _told(extract(checkpoint, split, rows, wish), len(rows) * wish.draws):
            write(part)
            tally.add(part)
    print(f"{arguments.out}: {len(rows):,} examples of {split.task} {split.name}, {', '.join(tally.lines())}")
    return 0


def _wish(arguments: argparse.Namespace) -> Wish:
    """What is asked for, refused before any work where it can't be done."""
    from rekd.config import between, choose
    from rekd.explanations.split import check_format
    from rekd.masks import MASK_RULES
    from rekd.training.extract import Wish

    check_format(arguments.out)
    check_writable("--out", arguments.out)
    choose("--rule", arguments.rule, MASK_RULES)
    between("--draws", arguments.draws, 1, 10**4)
    between("--seed", arguments.seed, 0, 2**62)
    between("--batch", arguments.batch, 1, 10**5)
    if arguments.limit is not None:
        between("--limit", arguments.limit, 1, 10**9)
    if arguments.draws > 1 and arguments.rule != "sampled":
        raise ValueError(
            f"--draws is {arguments.draws}, and masks by {arguments.rule} are the same each time; "
            "leave it out, or take --rule sampled"
        )
    return Wish(arguments.rule, arguments.draws, arguments.seed, arguments.batch, arguments.all_units)


def _model_and_split(arguments: argparse.Namespace) -> tuple[Checkpoint, Split]:
    """The model on its device, and the rows that it will read.

    Raises:
        ValueError: the model selects nothing, or the data is not for it.
    """
    import torch

    from rekd import checkpoints
    from rekd.data import load_split, task_spec
    from rekd.training.report import check_device, check_labels

    device = check_device(arguments.device)
    info = checkpoints.read_info(checkpoints.find(arguments.checkpoint))
    if not info.config.selects:
        raise ValueError(
            f"{info.name} is a {info.config.kind!r} model, which reads everything and selects nothing; "
            "take one of kind re or rekd"
        )
    torch.backends.cudnn.allow_tf32 = False  # convolutions as exact as on a CPU, so that both select the same
    checkpoint, task = checkpoints.load(arguments.checkpoint, device), arguments.task or info.task
    check_labels(checkpoint, task)
    task_spec(task, arguments.split)
    return checkpoint, load_split(task, arguments.split)


def _about(checkpoint: Checkpoint, split: Split, wish: Wish) -> dict[str, str]:
    """Where the rows come from, as the metadata of a Parquet file."""
    info, size = checkpoint.info, checkpoint.info.config.reader.image_size
    out = {"checkpoint": info.name, "hash": info.hash, "task": split.task, "split": split.name, "rule": wish.rule}
    out |= {"seed": str(wish.seed), "draws": str(wish.draws), "target_rate": str(info.config.rate)}
    return out | ({"picture": f"{size[1]} x {size[0]} pixels"} if split.modality == "image" else {})


def _told(parts: Iterable[list[Row]], whole: int) -> Iterator[list[Row]]:
    """The same, with a line on stderr every few seconds."""
    from rekd.training.progress import EVERY

    began = last = time.monotonic()
    done = 0
    for part in parts:
        yield part
        done += len(part)
        now = time.monotonic()
        if now - last >= EVERY and done < whole:
            last, speed = now, done / (now - began)
            left = f"{speed:,.0f} a second, about {(whole - done) / speed:,.0f} s left"
            print(f"{done:,} of {whole:,} rationales, {left}", file=sys.stderr, flush=True)

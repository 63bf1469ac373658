"""`python -m rekd explain`: rationales of one input, drawn in the terminal."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rekd import checkpoints
from rekd.checkpoints import Checkpoint, CheckpointError
from rekd.explanations.rationale import explain
from rekd.types import Example, Explanation
from rekd.units import Reading

BOLD, FAINT, PLAIN = "\x1b[1;4m", "\x1b[2m", "\x1b[0m"


def explain_lines(options: Namespace) -> Iterator[str]:
    """One block of text a model.

    Args:
        options: task, model, text, image, rule, seed, as the command line gives them.

    Raises:
        CheckpointError: no such model. ValueError: a text for a model of images, or the other way round.
    """
    example = (
        Example("own", text=options.text)
        if options.text is not None
        else Example("own", image=open_image(options.image))
    )
    for source in options.model or _of_task(options.task):
        checkpoint = checkpoints.load(source)
        wanted = checkpoint.info.config.reader.modality
        if wanted != example.modality:
            raise ValueError(f"{checkpoint.info.name} reads {wanted}s; give it --{wanted} instead")
        reading = checkpoint.reader.read([example])
        result = explain(checkpoint.info.name, checkpoint.model, reading, rule=options.rule, seed=options.seed)
        yield "\n".join(_block(checkpoint, example, reading, result))


def _of_task(task: str | None) -> list[str]:
    found = [
        info for info in checkpoints.available() if info.task == task and info.role in ("teacher", "cls", "re", "rekd")
    ]
    if not found:
        tasks = sorted({info.task for info in checkpoints.available()})
        raise CheckpointError(
            f"there is no model of task {task!r} here; name one with --model, or a task that has some: "
            f"{', '.join(tasks) or 'none'}"
        )
    return [str(info.folder) for info in sorted(found, key=lambda info: checkpoints.ROLES.index(info.role))]


def open_image(path: Path) -> np.ndarray:
    """An image file as RGB (H, W, 3) uint8, turned as its EXIF data says.

    Raises:
        ValueError: the file is no readable image.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except FileNotFoundError:
        raise ValueError(f"there is no file {path}") from None
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is no readable image ({error}); try a PNG or JPEG file") from error


def _block(checkpoint: Checkpoint, example: Example, reading: Reading, result: Explanation) -> list[str]:
    said = result.prediction
    label = checkpoint.info.config.classes[said.label]
    share = f"{result.count} of {len(result.mask)} {result.units.kind} ({result.share:.1%}), {result.rule} masks"
    head = f"{checkpoint.info.name}: {label} ({said.confidence:.1%}) from {share}"
    if result.repaired:
        head += "; the rule selected nothing, so its largest unit stands in"
    drawn = _draw_text(example.text, reading, result) if example.text is not None else _draw_image(reading, result)
    note = [f"({checkpoint.info.name} {reading.notes[0]})"] if reading.notes[0] else []
    return ["", head, drawn, *note]


def _draw_text(text: str, reading: Reading, result: Explanation) -> str:
    on, off, end, last = (BOLD, FAINT, PLAIN + FAINT, PLAIN) if sys.stdout.isatty() else ("[", "", "]", "")
    # Control characters of the input must not reach the terminal; offsets stay.
    text = "".join(char if char in "\n\t" or char.isprintable() else " " for char in text)
    parts, at = [off], 0
    for (start, stop), selected in zip(result.units.places, result.mask, strict=True):
        if selected:
            parts += [text[at:start], last, on, text[start:stop], end]
            at = stop
    return "".join([*parts, text[at : reading.stops[0]], last])


def _draw_image(reading: Reading, result: Explanation) -> str:
    lefts = len({place[0] for place in result.units.places})
    cells = ["██" if selected else "··" for selected in result.mask]
    return "\n".join("".join(cells[row : row + lefts]) for row in range(0, len(cells), lefts))

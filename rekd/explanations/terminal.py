"""`python -m rekd explain`: rationales of one input, drawn in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rekd import checkpoints
from rekd.checkpoints import Checkpoint, CheckpointError
from rekd.explanations.rationale import explain
from rekd.pictures import PictureError, open_image
from rekd.types import Example, Explanation
from rekd.units import Reading

BLOCK, DOTS = "██", "··"
LONGEST = 200_000
"""Characters of a text that are handed to the readers, as in Explore."""
BOLD, FAINT, PLAIN = "\x1b[1;4m", "\x1b[2m", "\x1b[0m"


def explain_lines(example: Example, models: Sequence[str], *, rule: str = "calibrated", seed: int = 0) -> Iterator[str]:
    """One block of text a model, as each is computed.

    Args:
        models: names, folders or Hub ids of checkpoints. rule, seed: see `rationale`.

    Raises:
        CheckpointError: no such model. ValueError: a text for a model of images, or the other way round.
    """
    for source in models:
        checkpoint = checkpoints.load(source)
        wanted = checkpoint.info.config.reader.modality
        if wanted != example.modality:
            raise ValueError(f"{checkpoint.info.name} reads {wanted}s; give it --{wanted} instead")
        reading = checkpoint.reader.read([example])
        result = explain(checkpoint.info.name, checkpoint.model, reading, rule=rule, seed=seed)
        yield "\n".join(_block(checkpoint, example, reading, result))


def models_of(task: str | None, modality: str) -> list[str]:
    """The folders of a task's models in the order of Explore's cards.

    Raises:
        CheckpointError: there are none, with the tasks that have some, or no task is named, with what fits `modality`.
    """
    shown = ("teacher", "cls", "re", "rekd")
    if task is None:
        fitting = [info for info in checkpoints.available() if info.config.reader.modality == modality]
        tasks, names = sorted({info.task for info in fitting}), [info.name for info in fitting]
        raise CheckpointError(
            f"there is neither --task nor --model; give one that reads {modality}s. Tasks: "
            f"{', '.join(tasks) or 'none'}. Models: {', '.join(names) or 'none'}."
        )
    found = [info for info in checkpoints.available() if info.task == task and info.role in shown]
    if not found:
        tasks = sorted({info.task for info in checkpoints.available()})
        raise CheckpointError(
            f"there is no model of task {task!r} here; name one with --model, or a task that has some: "
            f"{', '.join(tasks) or 'none'}"
        )
    return [str(info.folder) for info in sorted(found, key=lambda info: shown.index(info.role))]


def example_of(text: str | None, image: Path | None) -> Example:
    """A person's own text or image file as an example.

    Raises:
        PictureError: there is no such file, or it is no readable image.
    """
    if text is not None:
        return Example("own/text", text=text[:LONGEST])
    try:
        data = image.read_bytes()
    except FileNotFoundError:
        raise PictureError(f"there is no file {image}") from None
    except OSError as error:
        what = "is a folder" if image.is_dir() else f"can't be read ({error.strerror})"
        raise PictureError(f"{image} {what}; give the path of a picture") from None
    return Example("own/picture", image=open_image(data, str(image)).pixels)


def _block(checkpoint: Checkpoint, example: Example, reading: Reading, result: Explanation) -> list[str]:
    said = result.prediction
    label = checkpoint.info.config.classes[said.label]
    share = f"{result.count} of {len(result.mask)} {result.units.kind} ({result.share:.1%}), {result.rule} masks"
    if result.rule == "all":
        share = f"all {result.count} {result.units.kind}, no mask"
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
    on, off = _signs()
    cells = [on if selected else off for selected in result.mask]
    return "\n".join("".join(cells[row : row + lefts]) for row in range(0, len(cells), lefts))


def _signs() -> tuple[str, str]:
    """Two cells of a picture, selected and not, that the terminal can show."""
    try:
        (BLOCK + DOTS).encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (LookupError, UnicodeEncodeError):
        return "##", ".."
    return BLOCK, DOTS

"""Batches for student and teacher from one split: each reads with its own reader, units brought into line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from rekd.data import Encoded, EncodedImages
from rekd.training.kept import Kept
from rekd.types import Batch, Split, Units
from rekd.units import TextReader

Shape = tuple[tuple[int, int], tuple[int, int]]
"""Tokens and units of a batch, of the student's and of the teacher's."""


@dataclass(frozen=True, eq=False)
class Pair:
    """What one step reads. teacher: the same examples as the teacher reads them, None where it reads them alike.

    teacher_units: (B, N) int64, the teacher's unit at each of the student's, -1 where none; None where they agree.
    kept: what the teacher says of these examples, where it was computed beforehand.
    """

    student: Batch
    teacher: Batch | None = None
    teacher_units: Tensor | None = None
    kept: Kept | None = None

    def to_student(self, teacher_values: Tensor) -> tuple[Tensor, Tensor]:
        """Values on the teacher's units (B, M) as values on the student's (B, N), and where they exist (B, N) bool."""
        if self.teacher_units is None:
            return teacher_values, self.student.unit_mask
        found = (self.teacher_units >= 0) & self.student.unit_mask
        return teacher_values.gather(1, self.teacher_units.clamp(min=0)), found

    def to_teacher(self, student_mask: Tensor) -> Tensor:
        """A mask on the student's units (B, N) as one on the teacher's (B, M): selected where any of its units is."""
        if self.teacher_units is None:
            return student_mask
        out = torch.zeros(self.teacher.unit_mask.shape, device=student_mask.device)
        values = student_mask.float() * (self.teacher_units >= 0)
        return out.scatter_reduce(1, self.teacher_units.clamp(min=0), values, "amax") > 0.5


def alignment(split: Split, student: TextReader, teacher: TextReader, chunk: int = 256) -> np.ndarray:
    """`align` over a whole split: (n, N) int64."""
    parts = []
    for start in range(0, len(split), chunk):
        examples = [split[row] for row in range(start, min(start + chunk, len(split)))]
        parts.append(align(student.read(examples).units, teacher.read(examples).units))
    width = max(part.shape[1] for part in parts)
    return np.concatenate([np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=-1) for part in parts])


def align(student: Sequence[Units], teacher: Sequence[Units]) -> np.ndarray:
    """For each unit of the student the teacher's unit at the same place, by characters: (n, N) int64, -1 where none.

    Two tokenisers read different amounts of a long text and join words differently around signs that they do not know,
    so equal kinds of units need not be equal units.
    """
    out = np.full((len(student), max(map(len, student))), -1, np.int64)
    for row, (mine, theirs) in enumerate(zip(student, teacher, strict=True)):
        starts = np.array([place[0] for place in theirs.places])
        stops = np.array([place[1] for place in theirs.places])
        begins = np.array([place[0] for place in mine.places])
        ends = np.array([place[1] for place in mine.places])
        unit = np.maximum(np.searchsorted(starts, begins, "right") - 1, 0)
        overlaps = (starts[unit] < ends) & (begins < stops[unit])
        out[row, : len(mine)] = np.where(overlaps, unit, -1)
    return out


class Feed:
    """Batches of a training split on the device, a pure function of rows, step and seed.

    Args:
        data: the split as the student reads it. teacher_data: as the teacher does, where its reader differs.
        teacher_units: (n, N) of `alignment`, where their units differ. augment: images are cropped and flipped.
        strong: where augmented, they are changed in one way more.
    """

    def __init__(
        self,
        data: Encoded,
        device: torch.device,
        teacher_data: Encoded | None = None,
        teacher_units: np.ndarray | None = None,
        augment: bool = False,
        strong: bool = False,
    ):
        self.data, self.teacher_data = _augmented(data, strong), _augmented(teacher_data, strong)
        self.device = device
        self.teacher_units = None if teacher_units is None else torch.from_numpy(teacher_units).to(device)
        self.augment = augment
        self.kept: Kept | None = None

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def taught(self) -> Encoded:
        """The split as the teacher reads it."""
        return self.data if self.teacher_data is None else self.teacher_data

    def batch(self, rows: np.ndarray, step: int, seed: int) -> Pair:
        """The examples `rows` as they are seen at `step`."""
        return self.gather(torch.as_tensor(rows, device=self.data.device), self.shape(rows), step, seed)

    def shape(self, rows: np.ndarray, buckets: int = 0) -> Shape:
        """Tokens and units of the batch of `rows`, of the student's and of the teacher's.

        Args:
            buckets: so many different lengths at most, 0 for any.
        """
        return tuple(_shape(data, rows, buckets) for data in (self.data, self.taught))

    def gather(self, index: Tensor, shape: Shape, step: int | Tensor, seed: int) -> Pair:
        """`batch` of rows (B,) that lie on the device: nothing of it waits for the device."""
        options = {"step": step, "seed": seed, "augment": self.augment}
        student, teacher, units, kept = self.data.gather(index, shape[0], **options), None, None, None
        if self.teacher_data is not None:
            teacher = self.teacher_data.gather(index, shape[1], **options)
        if self.teacher_units is not None:
            units = self.teacher_units[index, : student.unit_mask.shape[1]]
            units = torch.where(units < teacher.unit_mask.shape[1], units, -1)
        if self.kept is not None:
            width = (teacher or student).unit_mask.shape[1]
            kept = Kept(self.kept.selection[index, :width], self.kept.label[index])
        return Pair(student, teacher, units, kept)


def _augmented(data: Encoded | None, strong: bool) -> Encoded | None:
    """The same examples, images of them augmented as strongly as is said."""
    return replace(data, strong=strong) if isinstance(data, EncodedImages) else data


def _shape(data: Encoded, rows: np.ndarray, buckets: int) -> tuple[int, int]:
    if not buckets:
        return data.shape(rows)
    tokens, _ = data.shape(rows, -(-data.content.shape[1] // buckets))
    return tokens, min(tokens, data.unit_mask.shape[1])

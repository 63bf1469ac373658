"""Ready line-ups: a CLS, a teacher, an RE and a REKD that belong together, as one choice for a person to start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rekd.config import TrainConfig, choose
from rekd.training import members
from rekd.training.about import ROLES, TEACHER, title_of
from rekd.training.members import SLOTS

if TYPE_CHECKING:
    from rekd.training.worker import Plan

LINKS = ("start", "teacher")
"""Fields of a configuration that may name another member's checkpoint, such as "@teacher"."""
TITLES = {slot: ROLES[slot] for slot in SLOTS}

Values = Mapping[str, Any]


@dataclass(frozen=True)
class LineUp:
    """Four runs that belong together.

    about: a sentence for the person who chooses. task: the data set taken where none is named. tasks: those it is for.
    members: slot -> values of `TrainConfig`, in `SLOTS` order; "@cls" and "@teacher" stand for a member's checkpoint.
    of_task: task -> what takes the place of `members` there.
    seeds: those of RE and REKD; CLS and teacher have the first. needs: what must be at hand, as a sentence, or nothing.
    expect: how well the four do, or nothing.
    """

    title: str
    about: str
    task: str
    tasks: tuple[str, ...]
    members: Mapping[str, Values] = field(hash=False)
    seeds: tuple[int, ...] = (2026,)
    needs: str = ""
    of_task: Mapping[str, Mapping[str, Values]] = field(default_factory=dict, hash=False)
    expect: str = ""


_WEIGHTS = (
    "A large GPU for many hours, the data set, and weights from the Hugging Face Hub: ViT-Base and ViT-Tiny for "
    "images, BERT-Base and BERT-Mini for text."
)


def _published(preset: str, title: str, about: str) -> LineUp:
    of_task = {task: members.published(preset, task) for task in members.TRAIN_ROWS}
    seeds = tuple(range(2026, 2036))
    return LineUp(title, about, "cifar10", tuple(of_task), of_task["cifar10"], seeds, _WEIGHTS, of_task)


LINEUPS: Mapping[str, LineUp] = MappingProxyType(
    {
        "laptop": LineUp(
            title="One minute on a laptop",
            about="Handwritten digits among strokes: four small vision transformers from random weights, about a "
            "minute each on two processor cores, four to five minutes in all.",
            task="digits",
            tasks=("digits",),
            members=members.laptop(),
            expect="On the test split CLS and teacher get about 92 and 91 of 100 right, RE 14 to 29, REKD 46 to 63, by "
            "the seed: so small a student struggles alone, and that is the lesson.",
        ),
        "gpu": LineUp(
            title="Five minutes on a GPU",
            about="CIFAR-10: four vision transformers from random weights, the teacher of five times its students' "
            "size; about five minutes for all four on an H100, longer on a smaller GPU.",
            task="cifar10",
            tasks=("cifar10",),
            members=members.gpu(),
            needs="A GPU, and the data set: in the folder that REKD_DATA names, or from the Hugging Face Hub.",
        ),
        "paper": _published(
            "paper",
            "As in the paper",
            "The paper's equations, sizes and training values: ViT-Base teaches ViT-Tiny, or BERT-Base BERT-Mini, for "
            "35 epochs, with ten seeds.",
        ),
        "official": _published(
            "official",
            "Official code",
            "The same sizes with the choices of the authors' code where it differs from the paper: the teacher reads "
            "the student's mask, padding can be selected, and masks are drawn at test time.",
        ),
    }
)


def config_of(
    name: str, slot: str, *, task: str = "", links: Mapping[str, str] = MappingProxyType({}), **values: Any
) -> TrainConfig:
    """A member's configuration, a `TrainConfig`.

    Args:
        task: one of the line-up's; "" takes its own. links: "@cls" or "@teacher" -> a checkpoint; a link that is not
            among them stays as it is. values: fields of the configuration that go over the line-up's.

    Raises:
        ValueError: no such line-up, slot or task, or a value that can't be.
    """
    choose("line-up", name, tuple(LINEUPS))
    lineup = LINEUPS[name]
    choose("slot", slot, SLOTS)
    choose("task", task := task or lineup.task, lineup.tasks)
    chosen = {"task": task, **lineup.of_task.get(task, lineup.members)[slot], **values}
    for link in LINKS:
        if link in chosen:
            chosen[link] = links.get(chosen[link], chosen[link])
    return TrainConfig.from_preset(chosen.pop("preset", "default"), **chosen)


def plans(
    name: str,
    slots: Iterable[str],
    seeds: Sequence[int],
    root: Path,
    *,
    task: str = "",
    device: str = "cpu",
    about: str = "",
) -> list[Plan]:
    """The runs of a line-up, each after those whose checkpoints it needs.

    Args:
        slots: the members wanted. seeds: each gets an RE and a REKD; CLS and teacher are trained once, with the first.
        root: the folder of runs. about: the note of every run.

    Raises:
        ValueError: nothing to train, or a member needs one that is neither wanted nor shipped; the message says which.
    """
    from rekd.training.runs import fresh
    from rekd.training.worker import Plan

    wanted, seeds = _ordered(slots), tuple(dict.fromkeys(seeds))
    if not wanted or not seeds:
        raise ValueError("No run was chosen: name at least one of CLS, teacher, RE and REKD, and at least one seed.")
    links: dict[str, str] = {}
    out: list[Plan] = []
    once = [(slot, seeds[0]) for slot in wanted if slot in ("cls", "teacher")]
    each = [(slot, seed) for seed in seeds for slot in wanted if slot in ("re", "rekd")]
    for slot, seed in once + each:
        config = config_of(name, slot, task=task, links=links, seed=seed)
        config = config_of(name, slot, task=task, links=links | _shipped(config, slot), seed=seed)
        role = slot if slot == TEACHER else ""
        folder = fresh(config, root, [plan.folder for plan in out], role)
        out.append(Plan(folder, config, device, title_of(config, role), about, role))
        # A run may be resumed from another folder than the one it was queued in.
        links.setdefault(f"@{slot}", str(folder.absolute() / "checkpoint"))
    return out


def taught_by(made: Sequence[Plan]) -> list[str]:
    """A sentence for each model that is at hand already and that some of these runs learn or begin from."""
    coming = {str(plan.folder.absolute() / "checkpoint") for plan in made}
    said = {}
    for plan in made:
        for link, does in (("teacher", "learns from"), ("start", "begins from the weights of")):
            if (source := getattr(plan.config, link)) and source not in coming:
                title = ROLES[plan.role or plan.config.kind]
                said[f"{title} {does} {source}, which is at hand: no other is trained for it."] = None
    return list(said)


def _ordered(slots: Iterable[str]) -> list[str]:
    slots = tuple(slots)
    if strange := [slot for slot in slots if slot not in SLOTS]:
        raise ValueError(f"A line-up has no member {strange[0]!r}; its members are {', '.join(SLOTS)}.")
    return [slot for slot in SLOTS if slot in slots]


def _shipped(config: TrainConfig, slot: str) -> dict[str, str]:
    """Shipped checkpoints in place of the members that this one needs and that are not trained with it.

    Raises:
        ValueError: none fits.
    """
    from rekd import checkpoints

    out = {}
    for link in (getattr(config, name) for name in LINKS):
        if not link.startswith("@"):
            continue
        infos = [info for info in checkpoints.available(checkpoints.shipped()) if info.task == config.task]
        fits = _can_teach if link == "@teacher" else _can_start
        found = next((info.name for info in infos if fits(info, config)), None)
        if found is None:
            needed = TITLES[link[1:]]
            raise ValueError(
                f"{TITLES[slot]} needs the {needed} of this line-up, and no shipped model of {config.task} can take "
                f"its place; choose {needed} too."
            )
        out[link] = found
    return out


def _can_teach(info, config: TrainConfig) -> bool:
    """Whether a checkpoint has the role of a teacher and selects the units that the run's model will select."""
    from rekd.training.setup import resolve

    run, reader = resolve(config), info.config.reader
    if info.role != "teacher":
        return False
    if reader.modality == "text":
        return reader.units == run.units
    size, patch = (run.backbone_args.get(key) for key in ("img_size", "patch_size"))
    return bool(size and patch) and reader.grid == (size // patch, size // patch)


def _can_start(info, config: TrainConfig) -> bool:
    """Whether a checkpoint reads the whole input by the very backbone that the run's towers have."""
    from rekd.training.setup import resolve

    run, made = resolve(config), info.training
    same = all(made.get(key) == getattr(run, key) for key in ("backbone", "backbone_args"))
    return info.config.kind == "cls" and same

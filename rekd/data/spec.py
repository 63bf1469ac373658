"""The table of data sets: what each is called, where its rows come from, and what training needs to know of it.

A new data set is one entry of `BUILT_IN`; those that people bring themselves join the table from their folders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rekd.types import Modality


@dataclass(frozen=True)
class TaskSpec:
    """One task: a data set read with one set of class labels.

    splits: our split -> the official split that it is read from. dev_rows: rows of the official train split that are
    kept apart as dev; 0 where dev has a split of its own. columns: role ("text", "image", "label", "evidences") ->
    column of the Hub's table. rate: share p of the units to select. flip, crop: augmentations that keep the label; crop
    is the largest shift, as a share of the image's side. labels_like: tasks whose labels mean the same, so that models
    of one can read the data of the other. backbone, backbone_args: what a model is built from when a run names nothing.
    """

    name: str
    title: str
    modality: Modality
    classes: tuple[str, ...]
    rate: float
    citation: str
    licence: str
    splits: Mapping[str, str] = field(hash=False)
    hub_id: str = ""
    folder: str = ""
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    line_break: str = ""
    """Text: markup that stands for a line break and is read as one; everything else of a text stays as it is."""
    dev_rows: int = 0
    built_in: bool = False
    own: bool = False
    """Brought by a person, who knows its terms; read from the folder of own data."""
    flip: bool = False
    crop: float = 0.0
    labels_like: tuple[str, ...] = ()
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    image_size: tuple[int, int] = (0, 0)
    """Images: channel mean and deviation of the train split, for a backbone without its own, and height and width."""
    backbone: str = ""
    backbone_args: Mapping[str, Any] = field(default_factory=dict, hash=False)
    look: str = ""
    """A sentence for people: what inputs of this task look like, where one's own may look otherwise."""

    @property
    def files(self) -> dict[str, tuple[str, str]]:
        """Split -> its Parquet file in the task's folder: one file, or numbered shards (patterns of pathlib's glob)."""
        return {split: (f"{name}.parquet", f"{name}-*-of-*.parquet") for split, name in self.splits.items()}


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


SENTIMENT = ("negative", "positive")
CIFAR10 = _names("airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck")
CIFAR100_COARSE = _names(
    "aquatic mammals, fish, flowers, food containers, fruit and vegetables, household electrical devices, "
    "household furniture, insects, large carnivores, large man-made outdoor things, large natural outdoor "
    "scenes, large omnivores and herbivores, medium mammals, non-insect invertebrates, people, reptiles, small "
    "mammals, trees, vehicles 1, vehicles 2"
)
CIFAR100_FINE = _names(
    "apple, aquarium fish, baby, bear, beaver, bed, bee, beetle, bicycle, bottle, bowl, boy, bridge, bus, "
    "butterfly, camel, can, castle, caterpillar, cattle, chair, chimpanzee, clock, cloud, cockroach, couch, "
    "crab, crocodile, cup, dinosaur, dolphin, elephant, flatfish, forest, fox, girl, hamster, house, kangaroo, "
    "keyboard, lamp, lawn mower, leopard, lion, lizard, lobster, man, maple tree, motorcycle, mountain, mouse, "
    "mushroom, oak tree, orange, orchid, otter, palm tree, pear, pickup truck, pine tree, plain, plate, poppy, "
    "porcupine, possum, rabbit, raccoon, ray, road, rocket, rose, sea, seal, shark, shrew, skunk, skyscraper, "
    "snail, snake, spider, squirrel, streetcar, sunflower, sweet pepper, table, tank, telephone, television, "
    "tiger, tractor, train, trout, tulip, turtle, wardrobe, whale, willow tree, wolf, woman, worm"
)

_CARVED = {"train": "train", "dev": "train", "test": "test"}
_UNLICENSED = "No open licence; for research. No row of it is part of this project."
_KRIZHEVSKY = "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images"
_TEXT = {"modality": "text", "rate": 0.10, "classes": SENTIMENT, "backbone": "sentence-transformers/all-MiniLM-L6-v2"}
_CIFAR = {
    "modality": "image",
    "rate": 0.15,
    "licence": _UNLICENSED,
    "splits": _CARVED,
    "flip": True,
    "crop": 0.125,  # 4 pixels of 32, the usual augmentation of this data
    "image_size": (32, 32),
    "backbone": "vit_tiny_patch16_224",
    "backbone_args": {"img_size": 32, "patch_size": 4, "embed_dim": 128, "depth": 4, "num_heads": 4},
    "look": "Photographs of 32 x 32 pixels with one thing in the middle.",
}
_CIFAR100 = {**_CIFAR, "hub_id": "uoft-cs/cifar100", "folder": "cifar100", "dev_rows": 2_500, "citation": _KRIZHEVSKY}
_CIFAR100 |= {"mean": (0.5071, 0.4865, 0.4409), "std": (0.2673, 0.2564, 0.2762)}

_ENTRIES = (
    TaskSpec(
        name="imdb",
        title="IMDB film reviews",
        citation="Maas et al. 2011, Learning Word Vectors for Sentiment Analysis",
        licence=_UNLICENSED,
        splits=_CARVED,
        hub_id="stanfordnlp/imdb",
        folder="imdb",
        columns={"text": "text", "label": "label"},
        line_break="<br />",  # the raw reviews keep the line breaks of web pages as markup
        dev_rows=2_500,
        labels_like=("movies", "reviews"),
        **_TEXT,
    ),
    TaskSpec(
        name="cifar10",
        title="CIFAR-10",
        classes=CIFAR10,
        citation=_KRIZHEVSKY,
        hub_id="uoft-cs/cifar10",
        folder="cifar10",
        columns={"image": "img", "label": "label"},
        dev_rows=5_000,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        **_CIFAR,
    ),
    TaskSpec(
        name="cifar100",
        title="CIFAR-100, 20 coarse classes",
        classes=CIFAR100_COARSE,
        columns={"image": "img", "label": "coarse_label"},
        **_CIFAR100,
    ),
    TaskSpec(
        name="cifar100-fine",
        title="CIFAR-100, 100 fine classes",
        classes=CIFAR100_FINE,
        columns={"image": "img", "label": "fine_label"},
        **_CIFAR100,
    ),
    TaskSpec(
        name="movies",
        title="Film reviews with human rationales (ERASER)",
        citation="DeYoung et al. 2020, ERASER; Zaidan et al. 2007, Using Annotator Rationales; Pang and Lee 2004",
        licence=_UNLICENSED,
        splits={"train": "train", "dev": "validation", "test": "test"},
        hub_id="eraser-benchmark/movie_rationales",
        folder="movies",
        columns={"text": "review", "label": "label", "evidences": "evidences"},
        labels_like=("imdb", "reviews"),
        **_TEXT,
    ),
    TaskSpec(
        name="digits",
        title="Handwritten digits",
        modality="image",
        classes=tuple(map(str, range(10))),
        rate=0.15,
        citation="Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits (UCI), from scikit-learn",
        licence="CC BY 4.0 (UCI Machine Learning Repository); canvases are drawn by this project.",
        splits={"train": "train", "dev": "dev", "test": "test"},
        built_in=True,
        mean=(0.183, 0.202, 0.246),
        std=(0.220, 0.208, 0.181),
        image_size=(64, 64),
        backbone="vit_tiny_patch16_224",
        backbone_args={"img_size": 64, "patch_size": 8, "embed_dim": 128, "depth": 4, "num_heads": 4},
        look="Each picture holds one whole digit, two fifths of the picture wide, among strokes of other digits; "
        "models of this task have seen nothing else.",
    ),
    TaskSpec(
        name="reviews",
        title="A dozen film reviews",
        citation="Written for this project; films, people and places in them are invented",
        licence="MIT, like the project.",
        splits={"test": "test"},
        built_in=True,
        labels_like=("imdb", "movies"),
        **_TEXT,
    ),
)

BUILT_IN: dict[str, TaskSpec] = {spec.name: spec for spec in _ENTRIES}


class Tasks(Mapping[str, TaskSpec]):
    """The built-in table, and after it the own data sets that lie in their folder at this moment."""

    def __getitem__(self, name: str) -> TaskSpec:
        from rekd.data.own import kept as own_kept

        spec = BUILT_IN.get(name) or own_kept.find(name)
        if spec is None:
            raise KeyError(name)
        return spec

    def __iter__(self) -> Iterator[str]:
        from rekd.data.own import kept as own_kept

        return iter([*BUILT_IN, *own_kept.names()])

    def __len__(self) -> int:
        return sum(1 for _ in self)


TASKS: Mapping[str, TaskSpec] = Tasks()


def task_spec(task: str, split: str | None = None) -> TaskSpec:
    """The entry of `task`.

    Raises:
        ValueError: no such task, or it has no split of that name; the message lists those there are.
    """
    if task not in TASKS:
        raise ValueError(f"There is no data set {task!r}; there are {', '.join(TASKS)}")
    if split is not None and split not in TASKS[task].splits:
        raise ValueError(f"{task} has no split {split!r}; it has {', '.join(TASKS[task].splits)}")
    return TASKS[task]

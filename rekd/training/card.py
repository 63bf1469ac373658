"""Model cards: README.md of a checkpoint, from its configuration and its measured numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rekd.checkpoints import Info
from rekd.data import TASKS, TaskSpec

KIND_NAMES = {
    "cls": "CLS: a predictor that reads the whole input",
    "re": "RE: a generator and a predictor that learn alone, from the task and the rate",
    "rekd": "REKD: a generator and a predictor that also learn from a teacher's rationales and predictions",
    "random": "random: a predictor trained on random masks of the same rate, control and judge",
}
BASE_LICENCES = {
    "sentence-transformers/all-MiniLM-L6-v2": (
        "The text towers began from the weights of all-MiniLM-L6-v2 (sentence-transformers, Apache License 2.0)"
    ),
}
SETTINGS = (
    "kind",
    "preset",
    "backbone",
    "backbone_args",
    "start",
    "units",
    "masking",
    "rate",
    "alpha",
    "lambda_r",
    "temper_rationale",
    "parts",
    "teacher_view",
    "shared_noise",
    "rate_form",
    "rate_weight",
    "example_rate_weight",
    "steps",
    "steps_done",
    "best_step",
    "batch_size",
    "optimizer",
    "learning_rate",
    "weight_decay",
    "warmup",
    "clip",
    "dropout",
    "augment",
    "augmentation",
    "tau_start",
    "tau_end",
    "seed",
    "precision",
    "teacher_name",
    "teacher_hash",
)
"""What the recipe names, in this order."""
FROM_SCRATCH = "The towers were trained from random weights; nothing of another model is in them."


def model_card(info: Info, metrics: Mapping[str, Any], notes: Sequence[str] = ()) -> str:
    """The card as Markdown.

    Args:
        metrics: as in metrics.json; sections that it lacks are left out. notes: sentences of its maker, such as how
            many runs of this kind coded the label.
    """
    training = info.training
    parts = [
        f"# {info.name}",
        _kind_of(info) + ".",
        *(
            ["**An exhibit, not a model to use**: it was trained so that its masks carry the label."]
            if info.role == "exhibit"
            else []
        ),
        "## Data",
        _data(info.task),
        "## Recipe",
        _recipe(info, training),
        "## Source and licence of the weights",
        _source(info, training),
        *_numbers(metrics),
        *(["## Notes", *notes] if notes else []),
    ]
    return "\n\n".join(parts) + "\n"


def _kind_of(info: Info) -> str:
    taught = info.config.kind == "cls" and info.training.get("teacher")
    return KIND_NAMES[info.config.kind] + (", and learned from a teacher's predictions too" if taught else "")


def _data(task: str) -> str:
    if task not in TASKS:
        return f"{task}, a data set that was not at hand when this card was written."
    spec = TASKS[task]
    return ". ".join(filter(None, (f"{spec.title}, {_split(spec)}", spec.citation, spec.licence)))


def _split(spec: TaskSpec) -> str:
    if spec.own:
        return "a person's own data, the training split"
    if spec.built_in:
        return "the training split that this project draws from a seed"
    return "the official training split" + (" less a fixed dev split" if spec.dev_rows else "")


def _source(info: Info, training: Mapping[str, Any]) -> str:
    backbone = training.get("backbone", "")
    if info.config.reader.modality == "text":
        cut = ", cut to the layers named above" if training.get("backbone_args", {}).get("layers") else ""
        known = f"The text towers began from {backbone}; its licence applies to what is left of it."
        if backbone in BASE_LICENCES:
            known = f"{BASE_LICENCES[backbone]}{cut}."
    else:
        pretrained = training.get("backbone_args", {}).get("pretrained")
        known = f"The towers began from timm's weights of {backbone}." if pretrained else FROM_SCRATCH
    return f"{known} These weights carry the project's licence (MIT); the base weights' own licence applies beside it."


def _recipe(info: Info, training: Mapping[str, Any]) -> str:
    rows = [f"| {name} | {_plain(training[name])} |" for name in SETTINGS if name in training]
    size = f"{info.parameters:,} parameters in all towers, stored as float16 ({info.bytes / 1e6:.1f} MB)."
    return f"{size} The best step was chosen by dev accuracy under `top-k` at p.\n\n" + "\n".join(
        ["| setting | value |", "| --- | --- |", *rows]
    )


def _plain(value: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in value.items()) or "none" if isinstance(value, Mapping) else str(value)


def _numbers(metrics: Mapping[str, Any]) -> list[str]:
    if "examples" not in metrics:
        return []
    parts = [
        "## Measured",
        f"On {metrics['examples']:,} test examples, from the weights as stored; target rate "
        f"{metrics['target_rate']:.0%} of an input's units.",
    ]
    rows = [_rule_row(rule, values) for rule, values in metrics.get("rules", {}).items()]
    rows += [f"| random mask at the same rate (control) | {metrics['random']['accuracy']:.3f} | | |"]
    rows += [f"| whole input | {metrics['whole_input']['accuracy']:.3f} | | |"]
    parts += [
        "\n".join(
            [
                "| masks | accuracy | realised rate (sd over examples) | empty masks repaired |",
                "| --- | --- | --- | --- |",
                *rows,
            ]
        )
    ]
    if leaks := metrics.get("leaks"):
        parts += ["### Does the mask carry the label?", *_leak_sentences(leaks)]
    if habits := metrics.get("habits"):
        parts += ["### What it selects", " ".join(_habit_sentences(habits))]
    if seeds := metrics.get("seeds"):
        parts += ["### Seeds", _seed_table(seeds)]
    return parts


def _rule_row(rule: str, values: Mapping[str, Any]) -> str:
    spread = f" ± {values['accuracy_sd']:.3f} over {values['draws']} draws" if "accuracy_sd" in values else ""
    rate = f"{values['rate']:.2%} ({values['rate_sd']:.2%})"
    return f"| {rule} | {values['accuracy']:.3f}{spread} | {rate} | {values['repaired']:.2%} |"


_CALLED = {"border": "patches of the outermost ring"}


def _habit_sentences(habits: Mapping[str, float]) -> Iterator[str]:
    """What sorts of units are selected beside how many there are of each, and how certain the gates are."""
    sorts = [name.removeprefix("selected_") for name in habits if name.startswith("selected_")]
    shares = (
        f"{habits[f'selected_{sort}']:.1%} are {_CALLED.get(sort, sort)} (of all units {habits[f'all_{sort}']:.1%})"
        for sort in sorts
    )
    if sorts:
        yield f"Of the units that `top-k` selects on dev, {' and '.join(shares)}."
    if "certainty" in habits:
        certainty = f"{habits['certainty']:.3f}"
        yield f"The mean of |2 P(select) - 1| on dev is {certainty}: 0 is a coin, 1 leaves nothing to chance."


def _leak_sentences(leaks: Mapping[str, Any]) -> list[str]:
    from rekd.measures.verdict import LeakReport

    report = LeakReport.from_dict({key: value for key, value in leaks.items() if key != "honest"})
    verdict = "Within the bound that decides." if report.honest else "**Outside the bound that decides.**"
    return [verdict, "\n".join(f"- {sentence}" for sentence in report.sentences())]


def _seed_table(seeds: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        f"| {s['seed']} | {s['accuracy']:.3f} | {_signed(s['swap'])} | {'yes' if s.get('shipped') else ''} |"
        for s in seeds
    ]
    return "\n".join(["| seed | test accuracy | swap | shipped |", "| --- | --- | --- | --- |", *rows])


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.3f}"


def words_card(source: str) -> str:
    """The card of a shared word table."""
    licence = "Apache License 2.0" if source in BASE_LICENCES else "its own licence applies"
    return (
        "# Word table\n\n"
        "Word-piece embeddings and tokeniser that all text towers of these checkpoints share. They stay frozen in "
        "training and are stored once: int8 with one float32 scale a row.\n\n"
        f"Source: the word embeddings of {source} ({licence}), rounded row by row.\n"
    )

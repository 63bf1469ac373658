"""The sections Objective and Schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from rekd.config import ENGINES, OPTIMIZERS, PRECISIONS
from rekd.data import TASKS
from rekd.training import choices
from rekd.training.rows import row_count
from rekd.training.setup import resolve
from rekd.training.unusual import usual_rates
from rekd.ui.form_fields import bound, help_of, number, pick, put, said_below, shown_number, switch
from rekd.ui.runs import counted

Values = Mapping[str, Any]
MASKS = {
    "drop": "drop: they leave the attention",
    "zero": "zero: their content times 0",
    "mask-token": "mask-token: a learnt one in their place",
}
PARTS = {"both": "selections and predictions", "rationale": "selections alone", "prediction": "predictions alone"}
VIEWS = {
    "own": "own: its decided selection",
    "own-sampled": "own-sampled: its drawn selection",
    "student": "student: what the student selected",
}
FORMS = {
    "auto": "auto: mean rate of the batch, adapting",
    "example": "example: each input's rate",
    "count": "count: counts",
}
CHANGES = {"standard": "standard: nothing", "strong": "strong: one change"}


def objective(values: Values) -> None:
    """Rate and masks, and for REKD what is learnt from the teacher."""
    kind = values["kind"]
    shown = {**values, "rate": values["rate"] or TASKS[values["task"]].rate}
    columns = st.columns(2)
    with columns[0]:
        number("Rate: share of units selected", "rate", shown, 0.01)
    with columns[1]:
        pick("Units left out", "masking", values, MASKS)
    if kind == "rekd":
        _distillation(values)
    if kind in ("re", "rekd"):
        with st.expander("More of the objective"):
            _seldom(values)


def _distillation(values: Values) -> None:
    columns = st.columns(2)
    with columns[0]:
        number("alpha: task and rate against the teacher", "alpha", values, 0.05)
        pick("Learnt from the teacher", "parts", values, PARTS)
    with columns[1]:
        number("lambda_r: weight of its selections", "lambda_r", values, 0.1)
        pick("The teacher predicts from", "teacher_view", values, VIEWS)
    switch("lambda_r falls with the temperature", "temper_rationale", values)
    switch("Teacher and student share their noise", "shared_noise", values)


def _seldom(values: Values) -> None:
    weights = _weights(values)
    columns = st.columns(2)
    with columns[0]:
        number("Temperature at the start", "tau_start", values, 0.5)
        pick("Form of the rate's penalty", "rate_form", values, FORMS)
        if values["rate_form"] == "auto":
            number("Step of the adapting weight", "dual_step", values, 0.01)
    with columns[1]:
        number("Temperature at the end", "tau_end", values, 0.05)
        if values["rate_form"] != "example":
            number("Weight on the mean rate", "rate_weight", weights, 1.0)
        number("Weight on each input's rate", "example_rate_weight", weights, 10.0)
    switch("Draw masks at test time too", "noise_at_test", values)


def _weights(values: Values) -> Values:
    """The values with the rate's weights that its form takes where none were chosen."""
    config = choices.built({**values, "kind": "re", "teacher": ""})
    try:
        config = config if isinstance(config, str) else resolve(config)
    except ValueError:
        return values
    if isinstance(config, str):
        return values
    return {**values, "rate_weight": config.rate_weight, "example_rate_weight": config.example_rate_weight}


def schedule(values: Values) -> None:
    """Length, batch and learning rate; then what is seldom changed."""
    size = row_count(values["task"], "train")
    columns = st.columns(3)
    with columns[0]:
        _length(values, size)
    with columns[1]:
        _batch(values, size)
    with columns[2]:
        number("Learning rate", "learning_rate", values, 5e-5)
    config = choices.built({**values, "kind": "cls", "teacher": ""})
    if not isinstance(config, str):
        try:
            low, high = usual_rates(config)
            st.caption(f"Such a backbone has learnt well with learning rates from {low:g} to {high:g}.")
        except ValueError:
            pass
    with st.expander("More of the schedule"):
        _more(values, TASKS[values["task"]].modality)


def _length(values: Values, size: int | None) -> None:
    """Epochs, with the steps that they mean; steps alone where the size of the data is not known."""
    if not size:
        number("Steps", "steps", values, 100)
        return
    epochs = round(values["steps"] * values["batch_size"] / size, 3)

    def take(new: float) -> None:
        steps = round(new * size / max(1, values["batch_size"]))
        put(steps=max(1, steps) if new > 0 else steps)

    about = f"Passes over the {size:,} examples of train. Optimiser steps follow from it and the batch."
    st.number_input("Epochs", step=1.0, format="%g", help=about, **bound("f_epochs", epochs, take))
    st.caption(f"= {counted(values['steps'], 'step')} of {values['batch_size']}")
    said_below(choices.fault_of("steps", values))


def _batch(values: Values, size: int | None) -> None:
    """Another batch keeps the epochs, and so changes the steps."""

    def take(new: int) -> None:
        old, steps = values["batch_size"], values["steps"]
        keeps = size and old > 0 and new > 0
        put(batch_size=int(new), steps=max(1, round(steps * old / new)) if keeps else steps)

    widget = bound("f_batch", shown_number(values["batch_size"]), take)
    st.number_input("Batch", step=8, help=help_of("batch_size"), **widget)
    said_below(choices.fault_of("batch_size", values))


def _more(values: Values, modality: str) -> None:
    columns = st.columns(3)
    with columns[0]:
        number("Warm-up, share of steps", "warmup", values, 0.01)
        number("Largest gradient norm", "clip", values, 0.5)
        number("Evaluate every, steps", "evaluate_every", values, 50)
    with columns[1]:
        number("Weight decay", "weight_decay", values, 0.01)
        number("Micro-batches a step", "accumulation", values, 1)
        number("Patience, evaluations", "patience", values, 1)
        number("Enough dev accuracy", "stop_at", values, 0.05)
    with columns[2]:
        pick("Precision", "precision", values, PRECISIONS)
        pick("Steps on a GPU", "engine", values, ENGINES)
        number("Examples of dev used", "dev_limit", values, 100)
        number("Steps between lines of metrics", "log_every", values, 5)
    columns = st.columns(3)
    with columns[0]:
        pick("Optimiser", "optimizer", values, dict(zip(OPTIMIZERS, ("AdamW", "Muon within the blocks"), strict=True)))
    with columns[1]:
        pick(
            "Metrics also go to",
            "report_to",
            values,
            {"": "nowhere else", "tensorboard": "TensorBoard, in the run's folder"},
        )
    with columns[2]:
        if modality == "image":
            switch("Random crops and flips", "augment", values)
            if values["augment"]:
                pick("Beside them", "augmentation", values, CHANGES)

"""What each field of `TrainConfig` is for, a line each, as `python -m rekd train --help` says it."""

from __future__ import annotations

from rekd.config import (
    AUGMENTATIONS,
    ENGINES,
    KINDS,
    MASKINGS,
    OPTIMIZERS,
    PARTS,
    PRECISIONS,
    RATE_FORMS,
    TEACHER_VIEWS,
    UNIT_KINDS,
)


def _one_of(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


HELP: dict[str, str] = {
    "task": "the data set to learn: imdb, cifar10, cifar100, cifar100-fine, movies, digits or own-<name>",
    "kind": f"{_one_of(KINDS)}: reads everything, selects by itself, learns from a teacher too, selects at random",
    "preset": "named changes to the defaults: ours, or the paper's or its code's choices",
    "teacher": "the teacher's checkpoint, name, folder or Hub id; needed by kind rekd, and by no other",
    "backbone": "Hub id or local folder (text), name of a timm vision transformer (images); not given: the task's own",
    "backbone_args": "as JSON; text: layers to keep, '{\"layers\": [0, 5]}'; images: arguments of timm.create_model",
    "start": "checkpoint of kind cls, of the same backbone, whose weights training begins from",
    "units": f"what is selected: {_one_of(UNIT_KINDS[:3])} (images: patches); not given: words or patches",
    "masking": f"what becomes of unselected units: {_one_of(MASKINGS)}",
    "max_tokens": "text: word pieces that are read, special tokens included",
    "rate": "share of the units to select, 0 to 1; 0: the task's own",
    "alpha": "weight of task and rate against distillation, 0 to 1 (kind rekd)",
    "lambda_r": "weight of the teacher's selections within distillation (kind rekd)",
    "temper_rationale": "lambda_r falls with the temperature, once that is below 1",
    "parts": f"what is learnt from the teacher: {_one_of(PARTS)}",
    "teacher_view": f"what the teacher predicts from: {_one_of(TEACHER_VIEWS)} (own or drawn selection, the student's)",
    "shared_noise": "teacher and student draw their masks with the same noise",
    "rate_form": f"form of the rate's penalty: {_one_of(RATE_FORMS)}",
    "rate_weight": "weight of the penalty on a batch's mean rate; 0: the form's own",
    "example_rate_weight": "weight of the penalty on each example's rate",
    "dual_step": "step by which the weight on the mean rate adapts (rate form auto)",
    "tau_start": "temperature of masks and distillation at the first step",
    "tau_end": "temperature at the last step",
    "noise_at_test": "masks are drawn, not decided, at test time",
    "final_norm": "keep the last LayerNorm of a vision predictor",
    "pooling": "text: mean of what is visible, or first (the class token)",
    "train_words": "text: train the word embeddings too",
    "steps": "optimiser steps",
    "batch_size": "examples a step",
    "accumulation": "micro-batches a step, to need less memory; must divide the batch size",
    "learning_rate": "highest learning rate, after the warm-up",
    "optimizer": f"{_one_of(OPTIMIZERS)}; muon for the matrices within the blocks, AdamW for the rest",
    "weight_decay": "decay of matrices; biases and norms have none",
    "warmup": "share of the steps with rising learning rate, 0 to 1",
    "clip": "largest norm of the gradient",
    "dropout": "share of hidden values dropped in training, 0 to 1",
    "augment": "images: random crop and flip in training",
    "augmentation": f"{_one_of(AUGMENTATIONS)}: strong changes each image in one way more (where augment is on)",
    "seed": "of weights, order and masks",
    "precision": f"{_one_of(PRECISIONS)}; auto takes bf16 on a GPU that has it",
    "engine": f"{_one_of(ENGINES)}: how steps are made on a CUDA GPU; auto takes graph, and compile for a long run",
    "evaluate_every": "steps between evaluations on dev; 0: a twentieth of the run, and at least 25",
    "patience": "evaluations without a better dev accuracy before stopping early; 0: never",
    "stop_at": "dev accuracy, 0 to 1, at which training stops, for a teacher weak on purpose; 0: never",
    "dev_limit": "examples of dev used while training; 0: all",
    "log_every": "steps between lines of metrics.jsonl",
    "keep_states": "states kept for --resume",
    "watched": "rows of dev whose masks are kept as they form, such as 3,14,15; not given: eight over the classes",
    "report_to": "tensorboard: write the metrics there too, into a folder of the run",
}

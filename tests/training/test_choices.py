"""Each impossible combination is refused with its reason; teachers and starts that fit are told from the others."""

from __future__ import annotations

import pytest
from helpers import tiny_checkpoints

from rekd.training import choices
from rekd.training.choices import Source, faults
from rekd.training.suggested import suggested
from rekd.training.unusual import unusual

TINY = {"img_size": 64, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}


@pytest.fixture(autouse=True)
def shelf(tmp_path, monkeypatch):
    """A teacher, a CLS and students of digits, and a text teacher; no shipped models, no data beside the built in."""
    monkeypatch.setattr("rekd.checkpoints.folders.shipped", lambda: tmp_path / "none")
    root = tiny_checkpoints(tmp_path / "shelf", task="digits", roles=("teacher", "cls", "re"))
    tiny_checkpoints(root, task="imdb", roles=("teacher",))
    monkeypatch.setenv("REKD_CHECKPOINTS", str(root))
    monkeypatch.delenv("REKD_DATA", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    return root


def values(kind="re", task="digits", **more):
    own = {"backbone_args": TINY} if task == "digits" else {}
    return {**suggested(task, kind), **own, **more}


def found(tmp_path):
    return choices.sources(tmp_path / "runs", ("cls", "re", "rekd"))


def only(said):
    assert len(said) == 1, said
    return said[0]


@pytest.mark.parametrize("kind", ["cls", "re", "random"])
def test_what_the_form_suggests_can_start(kind):
    assert faults(values(kind), "cpu", []) == []


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"kind": "rekd"}, "learns from a teacher, and none is chosen"),
        ({"teacher": "digits-teacher"}, "learns without a teacher"),
        ({"alpha": 1.5}, "alpha is 1.5; it must be a number between 0 and 1"),
        ({"masking": "blur"}, "masking is 'blur'; it must be one of 'drop', 'zero', 'mask-token'"),
        ({"accumulation": 5}, "batch_size 64 is no multiple of accumulation 5"),
        ({"steps": 0}, "steps is 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        (
            {"backbone_args": {**TINY, "patch_size": 7}},
            "of 64 pixels a side can't be cut into patches of 7; take one of 2, 4, 8, 16, 32.",
        ),
        ({"backbone_args": {**TINY, "embed_dim": 50, "num_heads": 4}}, "50 can't be divided among 4 attention heads"),
        ({"backbone_args": {**TINY, "checkpoint_path": "/etc/x"}}, "can't be made with checkpoint_path"),
        ({"backbone_args": {**TINY, "depth": 10**9}}, "depth is 1,000,000,000; a model has at most 128"),
        ({"backbone_args": {**TINY, "img_size": [64]}}, "timm can't make vit_tiny_patch16_224 with"),
        ({"backbone_args": {**TINY, "norm_layer": "none"}}, "timm can't make vit_tiny_patch16_224 with"),
        ({"backbone": "vit_of_nobody"}, "'vit_of_nobody' is no model that timm knows"),
        ({"backbone": "resnet18", "backbone_args": {}}, "VisionTransformer"),
        ({"backbone": "google/bert_uncased_L-4_H-256_A-4"}, "reads texts, and digits holds images"),
        ({"backbone_args": {"layers": [0, 5]}}, "reads texts, and digits holds images"),
        ({"rate": 0.01}, "A rate of 0.01 of 64 patches is less than one; raise it to 0.0156"),
        ({"tau_start": 0.1, "tau_end": 5.0}, "The temperature would rise from 0.1 to 5"),
        ({"batch_size": 20_000}, "A batch of 20,000 is larger than the 12,000 examples of train"),
        ({"watched": (3, 1_000)}, "dev has rows 0 to 999; 1000 can't be watched"),
        ({"watched": tuple(range(9))}, "at most 8 row numbers"),
        ({"task": "reviews"}, "The data set reviews has no examples to train on"),
        ({"task": "own-gone"}, "The data set own-gone is not here"),
        ({"novelty": 1}, "does not know novelty"),
    ],
)
def test_an_impossible_combination_is_refused_with_its_reason(more, reason):
    said = only(faults({**values(), **more}, "cpu", []))
    assert reason in said and said.rstrip().endswith("."), said


def test_a_device_that_is_not_here(monkeypatch):
    monkeypatch.setattr(choices, "devices", lambda: ["cpu"])
    assert "The device cuda:7 is not here; choose from cpu" in only(faults(values(), "cuda:7", []))


def test_a_report_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(choices, "find_spec", lambda name: None)
    assert "The package tensorboard is not installed" in only(faults(values(report_to="tensorboard"), "cpu", []))


def test_data_that_are_not_here_name_the_two_ways():
    said = faults(values(task="movies"), "cpu", [])
    assert "REKD_DATA" in said[0] and "movies/train.parquet" in said[0] and "Hugging Face Hub" in said[0]
    assert said[0].endswith("REKD_DATA is not set.")


def test_a_folder_that_is_named_as_a_backbone_and_is_none_is_said_to_be_missing(tmp_path):
    for named, missing in (("/nowhere", True), (str(tmp_path), False), ("owner/name", False)):
        said = " ".join(faults(values("re", "imdb", backbone=named, backbone_args={}), "cpu", []))
        assert (f"There is no folder {named} here" in said) is missing


def test_a_text_run_can_not_have_an_image_backbone_or_patches():
    said = faults(values(task="imdb", backbone="vit_tiny_patch16_224", backbone_args={}), "cpu", [])
    assert any("reads images, and imdb holds texts" in each for each in said)
    assert any("Units are patches" in each for each in faults(values(task="imdb", units="patches"), "cpu", []))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"alpha": 0.0, "parts": "prediction"}, "nothing would say how much to select"),
        ({"alpha": 0.0, "parts": "rationale", "lambda_r": 0.0}, "nothing would be learnt at all"),
    ],
)
def test_distillation_that_can_teach_nothing(tmp_path, more, reason):
    said = faults(values("rekd", teacher="digits-teacher", **more), "cpu", found(tmp_path))
    assert reason in only(said)


def test_teachers_are_told_apart(tmp_path):
    judged = {each.name: why for each, why in choices.teachers(values("rekd"), found(tmp_path))}
    assert judged["digits-teacher"] == "" and judged["digits-re"] == ""
    assert "selects nothing" in judged["digits-cls"]
    assert "knows the classes negative, positive" in judged["imdb-teacher"]
    assert list(judged)[:2] == ["digits-re", "digits-teacher"]


def test_a_teacher_of_another_grid_is_refused(tmp_path):
    other = values("rekd", backbone_args={**TINY, "patch_size": 16}, teacher="digits-teacher")
    said = only(faults(other, "cpu", found(tmp_path)))
    assert "patches in 8 rows of 8" in said and "patches in 4 rows of 4" in said


def test_a_teacher_that_is_gone(tmp_path):
    said = faults(values("rekd", teacher="runs/gone/checkpoint"), "cpu", found(tmp_path))
    assert "is not here (any more)" in only(said)


def test_where_nothing_is_found_a_teacher_is_gone_and_where_nobody_looked_it_is_not_judged():
    taught = values("rekd", teacher="digits-teacher")
    assert "The teacher digits-teacher is not here" in only(faults(taught, "cpu", []))
    assert faults(taught, "cpu", None) == []


def test_a_run_to_come_is_a_teacher_by_its_configuration():
    """A queued run has no checkpoint yet; its units and classes are known."""
    from rekd.config import TrainConfig
    from rekd.training.blueprint import student

    config = student(TrainConfig.from_dict(values()))
    queued, broken = Source("q", "q", config, state="queued"), Source("b", "b", None, state="failed")
    judged = dict((each.name, why) for each, why in choices.teachers(values("rekd"), [broken, queued]))
    assert judged["q"] == "" and "has no checkpoint: that run is failed" in judged["b"]


def test_a_start_needs_kind_cls_and_the_same_backbone(tmp_path):
    same = values(backbone_args={**TINY, "class_token": True})
    judged = {each.name: why for each, why in choices.starts(same, found(tmp_path))}
    assert "of kind 're'" in judged["digits-re"] and "other classes" not in judged["digits-cls"]
    narrow = values(backbone_args={**TINY, "embed_dim": 8})
    assert "another" in {each.name: why for each, why in choices.starts(narrow, found(tmp_path))}["digits-cls"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"example_rate_weight": 0.0}, "nothing keeps the number of selected units from carrying the label"),
        ({"masking": "zero"}, "Masking is zero"),
        ({"rate": 0.6}, "keeps more than half"),
        ({"rate": 0.04}, "the task's own is 0.15"),
        ({"learning_rate": 0.1}, "above what such a backbone learns at (0.0005 to 0.005)"),
        ({"learning_rate": 1e-5}, "below what such a backbone learns at"),
        ({"steps": 50}, "50 steps are few"),
        ({"noise_at_test": True}, "Masks are drawn at test time"),
        ({"precision": "bf16"}, "bf16 on a CPU"),
        ({"tau_end": 2.0}, "masks stay soft"),
        ({"steps": 60_000}, "reads its data 320 times"),
        ({}, "Both towers start from random weights"),
    ],
)
def test_what_is_unusual_is_said(more, reason):
    assert any(reason in said for said in unusual(values(**more), "cpu"))


def test_what_is_usual_is_not_remarked_on():
    assert unusual(values("cls"), "cpu") == []
    assert not any("seed" in said for said in unusual(values(), "cpu", seeds=3))
    assert any(said.startswith("1 seed:") for said in unusual(values(), "cpu", seeds=1))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"alpha": 0.0}, "the student's rate comes from its teacher alone"),
        ({"alpha": 1.0}, "nothing is learnt from the teacher"),
        ({"shared_noise": False}, "independent noise"),
        ({"backbone_args": {**TINY, "embed_dim": 64}}, "The student is larger than its teacher"),
        ({"rate": 0.3}, "The teacher was trained at a rate of 0.2"),
    ],
)
def test_what_is_unusual_about_learning_from_a_teacher(tmp_path, more, reason):
    said = unusual(values("rekd", teacher="digits-teacher", **more), "cpu", found(tmp_path))
    assert any(reason in each for each in said), said


def test_nothing_raises_whatever_the_values_are():
    for broken in (
        {},
        {"task": 3},
        {"task": "digits"},
        values(steps="many"),
        values(rate=None),
    ):
        assert faults(broken, "cpu", [])
        assert unusual(broken) == []

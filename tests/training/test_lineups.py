"""Line-ups are whole configurations that fit one another, and come as runs in an order in which they can be trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from helpers import text_arch, text_config, tiny_tokenizer

from rekd import checkpoints
from rekd.config import PRESETS, TrainConfig
from rekd.data import TASKS
from rekd.models import build, vision
from rekd.models import text as text_models
from rekd.training import setup
from rekd.training.lineups import LINEUPS, SLOTS, config_of, plans
from rekd.training.untrained import new_model

ALL = [(name, task, slot) for name, line in LINEUPS.items() for task in line.tasks for slot in SLOTS]
PUBLISHED = ("paper", "official")


@pytest.fixture
def shallow(monkeypatch):
    """timm's and transformers' models with random weights and few layers, at no download."""
    create = vision.create
    monkeypatch.setattr(vision, "create", lambda name, args, **_: create(name, {**args, "depth": 1}))

    def pretrained(source, layers):
        arch = {**text_arch(), "max_position_embeddings": 512}
        predictor = build(replace(text_config(kind="cls"), arch=arch)).predictor
        return arch, predictor.encoder.state_dict(), predictor.words.weight.detach()

    monkeypatch.setattr(text_models, "pretrained", pretrained)
    monkeypatch.setattr(text_models, "tokenizer_from", lambda source: tiny_tokenizer())


@pytest.mark.parametrize(("name", "task", "slot"), ALL)
def test_every_member_is_a_configuration_that_can_be_resolved(name, task, slot):
    config = setup.resolve(config_of(name, slot, task=task))
    assert (config.task, config.kind) == (task, "re" if slot == "teacher" else slot)
    assert config.teacher == ("@teacher" if slot == "rekd" else "")


@pytest.mark.parametrize(("name", "task"), [(name, task) for name, line in LINEUPS.items() for task in line.tasks])
def test_teacher_and_students_build_and_share_their_units(name, task, shallow):
    spec = TASKS[task]
    made = {slot: new_model(setup.resolve(config_of(name, slot, task=task)), spec)[0] for slot in SLOTS}
    units = {slot: model.config.reader.signature for slot, model in made.items()}
    assert len(set(units.values())) == 1
    if name in PUBLISHED and spec.modality == "image":
        assert units["teacher"] == ("patches", 14, 14)
        assert (made["teacher"].generator.width, made["re"].generator.width) == (768, 192)
    else:
        assert made["teacher"].generator.width >= made["re"].generator.width
    assert [model.config.kind for model in made.values()] == ["cls", "re", "re", "rekd"]


@pytest.mark.parametrize("name", ["laptop", "gpu"])
def test_a_teacher_begins_from_a_cls_of_its_own_shape(name):
    cls, teacher = (setup.resolve(config_of(name, slot)) for slot in ("cls", "teacher"))
    assert teacher.start == "@cls" and teacher.backbone_args == cls.backbone_args


@pytest.mark.parametrize("name", LINEUPS)
def test_re_and_rekd_differ_in_the_teacher_alone(name):
    lonely, taught = (config_of(name, slot).to_dict() for slot in ("re", "rekd"))
    assert {key for key in lonely if lonely[key] != taught[key]} == {"kind", "teacher"}


@pytest.mark.parametrize("task", LINEUPS["paper"].tasks)
@pytest.mark.parametrize("preset", PUBLISHED)
def test_published_line_ups_are_their_presets_with_the_published_values(preset, task):
    for slot in SLOTS:
        config = config_of(preset, slot, task=task)
        changed = {"rate_weight", "example_rate_weight", "weight_decay"}
        assert all(getattr(config, name) == value for name, value in PRESETS[preset].items() if name not in changed)
        assert (config.batch_size, config.learning_rate) == (32, 1e-5)
        assert config.weight_decay == (0.0 if task == "imdb" else 1e-3)
    epochs = {slot: config_of(preset, slot, task=task).steps for slot in SLOTS}
    assert epochs["cls"] * 35 == pytest.approx(epochs["re"] * 20, abs=40)
    assert len(set(LINEUPS[preset].seeds)) == 10


def test_the_papers_weights_on_counts_are_told_on_shares():
    assert config_of("official", "re", task="cifar10").rate_weight == 5e-2
    assert config_of("official", "teacher", task="imdb").rate_weight == 5e-5
    assert config_of("paper", "re", task="cifar10").example_rate_weight == pytest.approx(5e-2 * 196**2)
    assert config_of("paper", "teacher", task="imdb").example_rate_weight == pytest.approx(5e-5 * 256**2)


def test_links_are_filled_and_values_go_over_the_line_up():
    config = config_of("laptop", "rekd", links={"@teacher": "elsewhere"}, steps=7, seed=3)
    assert (config.teacher, config.steps, config.seed) == ("elsewhere", 7, 3)
    assert config_of("laptop", "teacher", start="mine").start == "mine"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (("desktop", "re"), "line-up is 'desktop'"),
        (("laptop", "judge"), "slot is 'judge'"),
    ],
)
def test_unknown_names_are_told_with_those_there_are(values, says):
    with pytest.raises(ValueError, match=says):
        config_of(*values)
    with pytest.raises(ValueError, match="task is 'imdb'; it must be one of 'digits'"):
        config_of("laptop", "re", task="imdb")


def test_runs_come_after_what_they_need_and_every_seed_has_the_one_teacher(tmp_path):
    made = plans("laptop", ("rekd", "re", "teacher", "cls"), (5, 6), tmp_path, device="cuda", about="a try")
    assert [plan.name.split(" · ")[0] for plan in made] == ["CLS", "Teacher", "RE", "REKD", "RE", "REKD"]
    assert [plan.config.seed for plan in made] == [5, 5, 5, 5, 6, 6]
    assert made[-1].name == "REKD · digits · seed 6"
    left = {str(plan.folder / "checkpoint"): number for number, plan in enumerate(made)}
    assert len(left) == len(made)
    for number, plan in enumerate(made):
        needed = {plan.config.start, plan.config.teacher} - {""}
        assert all(left[each] < number for each in needed)
    assert made[3].config.teacher == made[5].config.teacher == str(made[1].folder / "checkpoint")
    assert {(plan.device, plan.note, plan.folder.parent) for plan in made} == {("cuda", "a try", tmp_path)}
    assert not list(tmp_path.iterdir())


def test_members_find_each_other_from_whatever_folder_they_are_resumed_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = plans("laptop", ("cls", "teacher", "rekd"), [1], Path("runs"))
    linked = [made[1].config.start, made[2].config.teacher]
    assert linked == [str(tmp_path / plan.folder / "checkpoint") for plan in made[:2]]


def test_a_member_left_out_is_replaced_by_a_shipped_model_that_fits(tmp_path):
    made = plans("laptop", ["rekd"], [1], tmp_path)
    assert [plan.config.teacher for plan in made] == ["digits-teacher"]
    student, _ = new_model(setup.resolve(made[0].config), TASKS["digits"])
    setup.check_teacher(checkpoints.load("digits-teacher"), student.config)


@pytest.mark.parametrize(
    ("name", "task", "slot", "needed"),
    [
        ("laptop", "", "teacher", "CLS"),  # the shipped one is smaller
        ("paper", "cifar10", "rekd", "Teacher"),  # the shipped one has other patches
        ("official", "imdb", "rekd", "Teacher"),  # the shipped one selects words
        ("paper", "cifar100", "rekd", "Teacher"),  # none is shipped
    ],
)
def test_a_member_that_nothing_can_replace_is_asked_for(name, task, slot, needed, tmp_path):
    with pytest.raises(ValueError, match=f"needs the {needed} of this line-up.*choose {needed} too"):
        plans(name, [slot], [1], tmp_path, task=task)


@pytest.mark.parametrize(("slots", "seeds"), [((), (1,)), (("re",), ())])
def test_nothing_to_train_is_said(slots, seeds, tmp_path):
    with pytest.raises(ValueError, match="No run was chosen"):
        plans("laptop", slots, seeds, tmp_path)


def test_a_seed_named_twice_is_trained_once(tmp_path):
    assert len(plans("laptop", ["re"], [4, 4], tmp_path)) == 1


def test_a_line_up_says_what_it_is_for():
    for line in LINEUPS.values():
        assert line.task in line.tasks and set(line.members) == set(SLOTS) and line.about.endswith(".")
        assert all(isinstance(TrainConfig(task=line.task, **values), TrainConfig) for values in line.members.values())

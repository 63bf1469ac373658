"""What a run writes of the examples that it watches, and that its numbers do not depend on being watched."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import image_config, same, text_config, tiny_tokenizer
from PIL import Image

from rekd import masks
from rekd.config import TrainConfig
from rekd.data import encode, load_split
from rekd.models import build
from rekd.training.setup import resolve
from rekd.training.snapshots import FOLDER, path_of, read_snapshot, read_watched, steps
from rekd.training.watch import Watch, watched_rows
from rekd.types import Split
from rekd.units import ImageReader, TextReader

DIGITS = tuple("0123456789")
CONFIG = resolve(TrainConfig("digits", "re", steps=100))
TEXTS = ["a good film", "bad, slow and weak plot!", "it was long", "never a warm story", "fun"]


def setup(config=CONFIG, rows=40, teacher=None):
    model_config = image_config(size=(64, 64), patch=(8, 8), classes=DIGITS, kind=config.kind)
    reader = ImageReader(model_config.reader)
    split = load_split("digits", "dev").take(range(rows))
    model = build(model_config, dropout=0.5)
    if model.selector is not None:
        model.selector.weight.data.mul_(30)
    return SimpleNamespace(config=config, model=model, reader=reader, dev_split=split, teacher=teacher)


def texts(config, teacher=None, **kind):
    model_config = text_config(**kind)
    reader = TextReader(model_config.reader, tiny_tokenizer())
    split = Split("own", "dev", ("negative", "positive"), np.array([1, 0, 0, 1, 1]), texts=TEXTS)
    return SimpleNamespace(config=config, model=build(model_config), reader=reader, dev_split=split, teacher=teacher)


def test_the_film_holds_what_the_model_selects_and_says(tmp_path):
    made = setup(replace(CONFIG, watched=(3, 11)))
    Watch(tmp_path, made)(0)
    watched, snapshot = read_watched(tmp_path), read_snapshot(tmp_path, 0)
    assert watched.rows == (3, 11) and watched.classes == DIGITS and watched.teacher == ()
    data = encode(made.dev_split.take([3, 11]), made.reader)
    batch = data.batch(np.arange(2))
    made.model.eval()
    with torch.no_grad():
        logits = made.model.select(batch)
        chosen = masks.top_k_mask(logits, batch.unit_mask, 0.15)
        probs = made.model.predict(batch, chosen).softmax(1)
    for number, shot in enumerate(snapshot.shots):
        assert shot.selected == tuple(chosen[number].nonzero().flatten().tolist()) and shot.places is None
        same(shot.scores, logits[number].sigmoid(), atol=6e-4)
        same(shot.probs, probs[number], atol=6e-5)
    assert snapshot.tau == 5.0 and watched.examples[0].label == int(made.dev_split.labels[3])
    picture = np.array(Image.open(watched.examples[1].image))
    same(picture, made.dev_split.images[11], atol=0)
    assert watched.examples[0].places == made.reader.units.places and watched.examples[0].units == "patches"


def test_frames_come_when_they_are_due_and_stay_small(tmp_path):
    watch = Watch(tmp_path, setup())
    for step in range(101):
        watch(step)
    found = steps(tmp_path)
    assert found[:4] == (0, 1, 2, 3) and found[-1] == 100 and 25 <= len(found) <= 41
    assert max(path_of(tmp_path, step).stat().st_size for step in found) < 8_000
    assert not [path for path in (tmp_path / FOLDER).iterdir() if path.name.startswith(".")]


def test_the_end_of_a_run_is_a_frame_even_where_none_was_due(tmp_path):
    watch = Watch(tmp_path, setup())
    watch(77), watch(77, True)
    assert steps(tmp_path) == (77,)


def test_a_model_in_training_is_looked_at_without_dropout_and_left_in_training(tmp_path):
    made = setup()
    made.model.train()
    before = torch.get_rng_state()
    Watch(tmp_path, made)(0)
    assert made.model.training and made.model.predictor.training and torch.equal(before, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in made.model.parameters())
    first = path_of(tmp_path, 0).read_text()
    path_of(tmp_path, 0).unlink()
    Watch(tmp_path, made)(0)
    assert path_of(tmp_path, 0).read_text() == first


def test_a_frame_compiles_nothing_for_its_own_batch(tmp_path):
    made, built = setup(), []
    blocks = made.model.generator.blocks()
    for block in blocks:
        block.compile(backend=lambda graph, _: built.append(1) or graph.forward, dynamic=False)
    blocks[0](torch.zeros(3, 5, made.model.generator.width))
    assert len(built) == 1
    Watch(tmp_path, made)(0)
    assert read_snapshot(tmp_path, 0).shots and len(built) == 1


def test_eight_examples_are_spread_over_the_classes_and_the_same_for_every_run():
    dev = load_split("digits", "dev")
    rows = watched_rows(CONFIG, dev)
    assert len(rows) == 8 and len({int(dev.labels[row]) for row in rows}) == 8
    assert rows == watched_rows(replace(CONFIG, seed=7), dev)
    two = Split("own", "dev", ("a", "b"), np.array([0] * 30 + [1] * 5), texts=["x"] * 35)
    assert [int(two.labels[row]) for row in watched_rows(CONFIG, two)] == [0] * 4 + [1] * 4
    few = Split("own", "dev", ("a", "b"), np.array([0, 1, 1]), texts=["x"] * 3)
    assert sorted(watched_rows(CONFIG, few)) == [0, 1, 2]


def test_a_row_that_dev_does_not_have_is_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="rows 40, 99 of dev.*digits has 40 there"):
        Watch(tmp_path, setup(replace(CONFIG, watched=(1, 40, 99))))
    assert not (tmp_path / FOLDER).exists()


def test_a_model_without_gates_shows_what_it_reads(tmp_path):
    for kind in ("cls", "random"):
        (tmp_path / kind).mkdir()
        Watch(tmp_path / kind, setup(replace(CONFIG, kind=kind, watched=(2, 5))))(0)
    whole, drawn = (read_snapshot(tmp_path / kind, 0) for kind in ("cls", "random"))
    assert whole.tau is None and all(shot.scores == () and len(shot.selected) == 64 for shot in whole.shots)
    assert all(shot.scores == () and len(shot.selected) == 10 for shot in drawn.shots)
    assert drawn.shots[0].selected != drawn.shots[1].selected


def test_a_random_mask_is_the_same_in_every_frame(tmp_path):
    watch = Watch(tmp_path, setup(replace(CONFIG, kind="random", watched=(2, 5))))
    watch(0), watch(100)
    first, last = (read_snapshot(tmp_path, step) for step in (0, 100))
    assert [shot.selected for shot in first.shots] == [shot.selected for shot in last.shots]


def test_texts_are_kept_whole_with_where_reading_stops(tmp_path):
    config = replace(CONFIG, task="imdb", watched=(1, 4), rate=0.25)
    Watch(tmp_path, texts(config, max_tokens=6))(0)
    first, second = read_watched(tmp_path).examples
    assert first.text == TEXTS[1] and first.image is None and first.units == "words"
    assert first.stop < len(TEXTS[1]) and second.stop == len(TEXTS[4])
    assert len(read_snapshot(tmp_path, 0).shots[1].scores) == len(second.places) == 1


def test_a_teacher_with_another_reader_says_where_its_own_units_are(tmp_path):
    shorter = replace(text_config(max_tokens=6).reader, max_tokens=6)
    teacher = SimpleNamespace(model=build(text_config(max_tokens=6)), reader=TextReader(shorter, tiny_tokenizer()))
    config = replace(CONFIG, task="imdb", kind="rekd", teacher="one", watched=(1, 4), rate=0.25)
    Watch(tmp_path, texts(config, teacher, max_tokens=64))(0)
    watched = read_watched(tmp_path)
    long, short = watched.teacher
    assert len(long.places) == len(long.scores) < len(watched.examples[0].places)
    assert short.places is None and len(short.scores) == 1


def test_a_model_that_has_come_to_no_numbers_leaves_no_frame(tmp_path):
    made = setup()
    made.model.selector.weight.data.fill_(float("nan"))
    Watch(tmp_path, made)(0)
    assert steps(tmp_path) == ()


def test_a_frame_is_plain_json(tmp_path):
    Watch(tmp_path, setup())(0)
    values = json.loads(path_of(tmp_path, 0).read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert set(values) == {"step", "tau", "shots"}

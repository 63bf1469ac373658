"""Recipes are whole configurations, and what a person gives goes over them."""

from __future__ import annotations

import json

import pytest

from rekd import checkpoints
from rekd.config import INCIDENTAL, TrainConfig
from rekd.training.loop import FEWEST_STEPS
from rekd.training.recipes import RECIPES, from_recipe
from rekd.training.setup import resolve

SHIPPED = checkpoints.available(checkpoints.shipped())


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_configurations(name):
    assert TrainConfig(**RECIPES[name]).task == name.split("-")[0]


@pytest.mark.parametrize("name", RECIPES)
def test_what_a_recipe_begins_from_or_learns_from_is_a_recipe_too(name):
    config = from_recipe(name)
    assert {config.start, config.teacher} - {""} <= set(RECIPES)


@pytest.mark.parametrize("info", SHIPPED, ids=[info.name for info in SHIPPED])
def test_a_shipped_checkpoint_is_what_its_recipe_makes(info):
    recipe = json.loads(json.dumps(resolve(from_recipe(info.name, seed=info.training["seed"])).to_dict()))
    made = {name: value for name, value in info.training.items() if name in recipe and name not in INCIDENTAL}
    assert made == {name: recipe[name] for name in made} and len(made) > 30


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_long_enough_for_twenty_evaluations_or_name_their_own(name):
    config = from_recipe(name)
    assert config.evaluate_every or config.steps // 20 >= FEWEST_STEPS


def test_values_go_over_the_recipe_and_the_preset_below_it():
    config = from_recipe("digits-re", preset="paper", seed=7)
    assert (config.seed, config.rate_form, config.steps) == (7, "example", RECIPES["digits-re"]["steps"])


def test_an_unknown_recipe_is_named_with_those_that_exist():
    with pytest.raises(ValueError, match="recipe is 'soup'; it must be one of 'imdb-teacher'"):
        from_recipe("soup")

"""What a run downloads when it starts is known before, from what the Hub's cache holds."""

from __future__ import annotations

import json
from pathlib import Path

import huggingface_hub
import pytest

from rekd.config import TrainConfig
from rekd.training import blueprint
from rekd.training.suggested import suggested
from rekd.training.unusual import to_fetch, unusual, usual_rates

ENCODER = "someone/encoder"


def text(**more) -> TrainConfig:
    return TrainConfig(**{**suggested("imdb", "re"), "backbone": ENCODER, **more})


@pytest.fixture
def described(monkeypatch):
    """The encoder's config.json is here."""
    monkeypatch.setattr(blueprint, "model_config", lambda config: None)


def test_an_encoder_that_is_described_here_but_without_weights_is_fetched(described, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda repo, name: None)
    assert to_fetch(text()) == ENCODER


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "model.safetensors.index.json"])
def test_an_encoder_whose_weights_lie_in_the_cache_is_not(described, monkeypatch, name):
    monkeypatch.setattr(
        huggingface_hub, "try_to_load_from_cache", lambda repo, file: f"/cache/{file}" if file == name else None
    )
    assert to_fetch(text()) == ""


def test_a_folder_is_never_fetched(described, tmp_path: Path):
    assert to_fetch(text(backbone=str(tmp_path))) == ""


def test_an_encoder_of_which_nothing_is_here_is_fetched(monkeypatch):
    def gone(config):
        raise blueprint.NotHere("not here")

    monkeypatch.setattr(blueprint, "model_config", gone)
    assert to_fetch(text()) == ENCODER
    assert any(ENCODER in said and "asks the Hugging Face Hub" in said for said in unusual(text().to_dict()))


def test_a_vision_tower_from_scratch_fetches_nothing():
    assert to_fetch(TrainConfig(**suggested("digits", "re"))) == ""


def test_a_model_that_can_not_be_built_is_no_error_here():
    """`faults` says what is wrong with it; the remarks stand beside that."""
    odd = {"img_size": 64, "patch_size": 7, "embed_dim": 16, "depth": 1, "num_heads": 2}
    values = {**suggested("digits", "re"), "rate_form": "example", "backbone_args": odd}
    assert isinstance(unusual(json.loads(json.dumps(values))), list)
    assert usual_rates(text(backbone_args={"layers": 3})) == (1e-5, 1e-4)

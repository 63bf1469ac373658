"""Which parameters each optimiser moves, and several as one."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from helpers import image_config, text_config
from torch import nn

from rekd.config import TrainConfig
from rekd.models import build
from rekd.training.optimizers import MUON_RATE, JoinedAdamW, OwnMuon, Several, make_optimizer
from rekd.training.task import Objective


def objective(model_config, **values):
    config = TrainConfig("digits", model_config.kind, **values)
    return Objective(build(model_config), config), config


@pytest.mark.parametrize(
    ("model", "matrices"),
    [
        (image_config(kind="re"), {"qkv", "proj", "fc1", "fc2"}),
        (text_config(kind="re"), {"query", "key", "value", "dense"}),
    ],
)
def test_muon_moves_the_matrices_within_the_blocks_of_both_towers_and_adamw_all_else(model, matrices):
    module, config = objective(model, optimizer="muon", learning_rate=1e-3)
    optimizer = make_optimizer(module, config)
    muon = {id(p) for group in optimizer.param_groups if "scale" in group for p in group["params"]}
    names = {name for name, p in module.named_parameters() if id(p) in muon}
    assert {name.split(".")[-2] for name in names} == matrices
    assert {name.split(".")[1] for name in names} == {"generator", "predictor"}
    moved = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(moved) == sorted(id(p) for p in module.parameters() if p.requires_grad), "each once"
    assert [group.get("scale") for group in optimizer.param_groups] == [None, None, MUON_RATE]


@pytest.mark.parametrize("shape", [(24, 8), (8, 24), (8, 8)])
def test_muon_in_float32_moves_as_pytorchs_own(shape):
    torch.manual_seed(0)
    start, values = torch.randn(shape), {"lr": 0.1, "weight_decay": 0.1, "adjust_lr_fn": "match_rms_adamw"}
    ours, theirs = (nn.Parameter(start.clone()) for _ in range(2))
    pairs = [(ours, OwnMuon([ours], **values)), (theirs, torch.optim.Muon([theirs], **values))]
    for _ in range(3):
        grad = torch.randn(shape)
        for parameter, optimizer in pairs:
            parameter.grad = grad.clone()
            optimizer.step()
    moved = (ours - start).norm()
    assert moved > 0.1 and (ours - theirs).norm() < 0.02 * moved, "apart by bfloat16's rounding alone"


def test_matrices_side_by_side_move_as_they_do_apart_and_keep_what_they_keep_apart():
    def made(kind):
        torch.manual_seed(0)
        parameters = [nn.Parameter(torch.randn(shape)) for shape in ((4, 6), (3, 3), (5,), (2, 2))]
        groups = [{"params": parameters[:2]}, {"params": parameters[2:], "weight_decay": 0.0}]
        return parameters, kind(groups, lr=0.1, weight_decay=0.1, fused=True)

    def in_one_piece(tensors):
        flat = torch.cat([each.detach().flatten() for each in tensors]).split([each.numel() for each in tensors])
        return [piece.view_as(each) for piece, each in zip(flat, tensors, strict=True)]

    (apart, theirs), (joined, ours) = made(torch.optim.AdamW), made(JoinedAdamW)
    for parameter, piece in zip(joined, in_one_piece(joined), strict=True):
        parameter.data = piece
    for step in range(6):
        gradients = [torch.randn(p.shape) for p in apart]
        gradients[1] = None if step > 3 else gradients[1]
        for p, gradient in zip(apart, gradients, strict=True):
            p.grad = gradient
        given = in_one_piece([each for each in gradients if each is not None])
        for p, gradient in zip(joined, gradients, strict=True):
            p.grad = None if gradient is None else given.pop(0)
        theirs.step(), ours.step()
        if step == 2:
            ours.load_state_dict(deepcopy(ours.state_dict()))
        assert all(map(torch.equal, joined, apart)), f"step {step}"
    first, second = (ours.state[p]["exp_avg"] for p in joined[:2])
    assert first.data_ptr() + first.nbytes == second.data_ptr(), "one call of the kernel for both"
    for number, kept in theirs.state_dict()["state"].items():
        mine = ours.state_dict()["state"][number]
        assert mine.keys() == kept.keys() and all(torch.equal(mine[name], kept[name]) for name in kept), number


def test_without_it_there_is_one_optimiser_for_everything():
    module, config = objective(image_config(kind="cls"))
    assert isinstance(make_optimizer(module, config), torch.optim.AdamW)


def test_what_several_hold_is_numbered_through_and_comes_back():
    def made():
        torch.manual_seed(0)
        layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 2)])
        first = torch.optim.AdamW(layers[0].parameters(), lr=0.1)
        second = torch.optim.SGD([{"params": [layers[1].weight]}, {"params": [layers[1].bias], "lr": 0.5}], 0.1, 0.9)
        return layers, Several([first, second])

    def step(layers, optimizer):
        optimizer.zero_grad()
        layers[1](layers[0](torch.ones(1, 4))).square().sum().backward()
        optimizer.step()

    whole, kept = made()
    step(whole, kept)
    held = deepcopy(kept.state_dict())  # the tensors of the other are moved in place
    assert [group["params"] for group in held["param_groups"]] == [[0, 1], [2], [3]] and set(held["state"]) == {
        0,
        1,
        2,
        3,
    }
    other, again = made()
    other.load_state_dict(whole.state_dict())
    again.load_state_dict(held)
    for pair in ((whole, kept), (other, again)):
        step(*pair)
    assert all(map(torch.equal, whole.parameters(), other.parameters()))
    again.param_groups[2]["lr"] = 0.0
    bias = other[1].bias.detach().clone()
    step(other, again)
    assert torch.equal(other[1].bias, bias), "a learning rate set in a group is that of the part"

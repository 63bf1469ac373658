"""The bench of a training step: both ways are made and timed, and the table says what was measured."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from rekd.bench import cases, timing, train
from rekd.bench.cases import CASES, Case, data, training, vit
from rekd.bench.kernels import kind_of, summarise
from rekd.bench.timing import COMPILING, Measured
from rekd.bench.train import Row
from rekd.cli import main
from rekd.models.feedforward import LINEAR_GELU, linear_gelu

TINY = Case("tiny", vit(1, 16, 2), vit(1, 16, 2), batch=4, side=64, patch=16, task="digits")
CPU = torch.device("cpu")


def test_every_case_is_a_run_under_both_presets():
    for case in (*CASES["cuda"], *CASES["cpu"]):
        ours, plain = training(case, "default"), training(case, "official")
        assert (ours.kind, ours.batch_size) == (plain.kind, plain.batch_size) == (ours.kind, case.batch)
        assert (ours.masking, plain.masking) == ("drop", "zero") and ours.dropout == plain.dropout
        assert ours.engine == ("compile" if case.compiled else "graph")
        assert plain.teacher_view == "student" and not plain.shared_noise


@pytest.mark.parametrize("units", ["words", "tokens"])
def test_random_texts_fill_what_is_read(units):
    case = CASES["cuda"][4]
    reader = replace(cases.ReaderConfig("text"), units=units)
    made = data(case, reader)
    assert made.content.shape == (cases.ROWS, 256) and made.token_mask.all()
    owned = made.token_units[0][made.token_units[0] >= 0]
    assert owned.unique().tolist() == list(range(made.unit_mask.shape[1]))
    assert made.unit_mask.shape[1] == (256 if units == "tokens" else 191)


def test_both_ways_are_timed_and_written_down(monkeypatch, tmp_path):
    monkeypatch.setitem(CASES, "cpu", (TINY,))
    monkeypatch.setattr(timing, "SECONDS", 0.01)
    said, out = [], tmp_path / "bench.json"
    assert train.bench_train(None, out, said.append) == 0
    assert any(line.startswith("| tiny | 4 | ") for line in said) and "TFLOPS" in said[-2]
    (row,) = json.loads(out.read_text())["measured"]
    for way in ("plain", "ours"):
        assert 0 < row[way]["fastest"] <= row[way]["seconds"] <= row[way]["slowest"] < 5
    assert row["flops"] > 1e5


def test_steps_are_chosen_by_their_names(monkeypatch, capsys):
    monkeypatch.setitem(CASES, "cpu", (TINY, replace(TINY, name="other")))
    monkeypatch.setattr(timing, "SECONDS", 0.01)
    assert main(["bench", "train", "--only", "oth"]) == 0
    assert [line.split(" | ")[0] for line in capsys.readouterr().out.splitlines() if " | 4 | " in line] == ["| other"]
    assert main(["bench", "train", "--only", "third"]) == 2
    assert "no step measured on cpu has third in its name; there are: tiny; other" in capsys.readouterr().err
    assert main(["bench", "infer", "--only", "oth"]) == 2
    assert "--only chooses among the steps of train, and infer has none" in capsys.readouterr().err


def test_pytorch_s_profiler_says_nothing_between_the_lines_of_a_table_unless_it_is_asked_to(monkeypatch):
    monkeypatch.setenv("KINETO_LOG_LEVEL", "0")
    monkeypatch.setenv("TORCH_CPP_LOG_LEVEL", "")
    monkeypatch.delenv("TORCH_CPP_LOG_LEVEL")
    assert main(["bench", "train", "--only", "third"]) == 2
    assert os.environ["KINETO_LOG_LEVEL"] == "0" and os.environ["TORCH_CPP_LOG_LEVEL"] == "ERROR"


def test_the_plain_step_reads_its_terms_and_asks_its_teacher_at_every_step(monkeypatch):
    asked = []
    step = train.plain_step(TINY, CPU)
    ask = train.Objective._ask
    monkeypatch.setattr(train.Objective, "_ask", lambda self, pair: asked.append(pair) or ask(self, pair))
    terms = step(0)
    assert asked and terms["total"] > 0 and all(isinstance(value, float) for value in terms.values())
    assert train.our_step(TINY, CPU).feed.kept is not None, "ours asked it once"


def test_the_table_compares_at_one_batch():
    plain, ours = Measured(0.1, 0.09, 0.11, 0.2, 2**30), Measured(0.02, 0.019, 0.021, 5.0, 2**29)
    assert train.line(Row("a case", 32, plain, ours, 1e12, "25 ms"), 5e14) == (
        "| a case | 32 | 100.0 ms | 20.00 ms (19.00 to 21.00) | 25 ms | 5.0 | 1,600 | 5.0 s | 1,024 and 512 MiB | 10% |"
    )
    ours = replace(ours, again=1.25, compiling=dict.fromkeys(COMPILING, 1.5) | {"tracing": 0.5})
    row = Row("a case", 32, plain, ours, 1e12)
    assert "| 5.0 s, 1.2 s |" in train.line(row, 5e14)
    assert train.compiler_lines([Row("other", 32, plain, plain, 1e12)]) == []
    assert train.compiler_lines([row])[-1] == "| a case | 5.0 s | 0.5 s | 1.5 s | 1.5 s | 1.5 s |"


def test_what_is_compiled_is_built_twice_first_with_nothing_cached(monkeypatch):
    monkeypatch.setattr(timing, "SECONDS", 0.001)
    kept, told = os.environ.get("TORCHINDUCTOR_CACHE_DIR"), []

    def make():
        told.append((os.environ["TORCHINDUCTOR_CACHE_DIR"], []))
        return told[-1][1].append

    found = timing.timed(make, CPU, compiled=True)
    (first, cold), (second, warm) = told
    assert first == second != kept and os.environ.get("TORCHINDUCTOR_CACHE_DIR") == kept
    assert cold == [0, 1, 2] and warm == [*range(len(warm))] and len(warm) > 9
    assert found.first > 0 and found.again > 0 and found.compiling == dict.fromkeys(COMPILING, 0)


def test_on_a_processor_the_ways_take_turns(monkeypatch):
    monkeypatch.setattr(timing, "SECONDS", 0.001)
    order = []
    ways = [lambda name=name: lambda number: order.append((name, number)) for name in "ab"]
    first, second = timing.in_turns(ways, CPU)
    assert min(first.fastest, second.fastest, first.first, second.first) >= 0 and first.again is None
    timed = [name for name, number in order if number >= timing.BEGIN + timing.WARM_UP]
    turns = [name for n, name in enumerate(timed) if not n or timed[n - 1] != name]
    assert turns == ["a", "b"] * timing.BLOCKS + ["a", "b"], "the last for memory"
    for name in "ab":
        numbers = [number for each, number in order if each == name]
        assert numbers == [*range(len(numbers))], "each step once"


def test_what_the_compiler_does_is_counted(monkeypatch):
    def make():
        step = torch.compile(lambda x: x.sin() + 1, backend="aot_eager")
        return lambda number: step(torch.ones(3))

    found = timing._compile_once(make, CPU)[1]
    assert 0 < found["tracing"] < 60 and found["building kernels"] == 0


def test_the_peak_of_a_processor_is_what_was_held_at_once():
    before = torch.ones(2**20)
    assert 8 * 2**20 <= timing.held_by(lambda: [before * 2 for _ in range(2)]) < 9 * 2**20
    assert 4 * 2**20 <= timing.held_by(lambda: [(before * 2).sum() for _ in range(2)]) < 5 * 2**20


def test_an_operator_of_ours_is_counted_like_the_layer_that_it_is():
    x, weight, bias = torch.ones(2, 3, 8), torch.ones(5, 8), torch.ones(5)
    with FlopCounterMode(display=False, custom_mapping={LINEAR_GELU: train._of_linear}) as ours:
        linear_gelu(x, weight, bias)
    with FlopCounterMode(display=False) as plain:
        torch.nn.functional.linear(x, weight, bias)
    assert ours.get_total_flops() == plain.get_total_flops() == 2 * 6 * 8 * 5


def test_kernels_are_told_by_kind_and_the_time_that_any_runs_counts_once():
    names = "pytorch_flash::flash_fwd_kernel", "nvjet_hsh_128x64", "triton_poi_fused_add_0", "index_kernel"
    assert [kind_of(name) for name in names] == ["attention", "matrix products", "compiled", "others"]
    more = (
        "GammaBetaBackward",
        "elementwise_kernel<direct_copy_kernel_cuda>",
        "reduce_kernel<128>",
        "elementwise_kernel",
    )
    assert [kind_of(name) for name in more] == ["layer norms", "copies", "sums", "element by element"]
    flash, product, fused, plain = names
    seen = summarise([(product, 0.0, 2.0), (flash, 1.0, 3.0), (fused, 5.0, 6.0), (plain, 5.5, 5.75)], 2)
    assert (seen.kernels, seen.busy) == (2, 2.0)
    assert seen.kinds == {"matrix products": 1.0, "attention": 1.0, "compiled": 0.5, "others": 0.125}


def test_no_step_is_profiled_before_all_are_timed(monkeypatch):
    """What is timed after a profile takes longer."""
    done = []
    way = Measured(0.004, 0.004, 0.004, 1.0, 2**30)

    def record(what, result):
        monkeypatch.setattr(train, what, lambda make, *_: done.append((what, make.func.__name__)) or result)

    record("timed", way), record("profiled", summarise([("nvjet", 0.0, 0.001)], 1))
    monkeypatch.setattr(train, "flops", lambda case, device: 1e9)
    monkeypatch.setitem(CASES, "cuda", (TINY, replace(TINY, name="other")))
    gpu = torch.device("cuda")
    found = train.with_profiles(list(train.rows(gpu)), gpu, ())
    ways = "plain_step", "our_step"
    assert done == [(what, way) for what in ("timed", "profiled") for _ in range(2) for way in ways]
    assert [(row.case, row.plain.profile.kernels, row.ours.profile.kernels) for row in found] == [
        ("tiny", 1, 1),
        ("other", 1, 1),
    ]
    assert train.with_profiles([Row("tiny", 4, way, way, 1e9)], CPU, ())[0].ours.profile is None


def test_a_profile_is_a_table_of_its_own():
    way = Measured(0.004, 0.004, 0.004, 1.0, 2**30)
    ours, theirs = [("nvjet", 0.0, 0.001), ("add", 0.001, 0.003)], [("add", 0.001 * n, 0.001 * n) for n in range(1200)]
    told = [replace(way, profile=summarise(each, 1)) for each in (theirs, ours)]
    on_cpu = Row("on a processor", 32, way, way, 1e12)
    assert train.kernel_lines([on_cpu]) == []
    line = train.kernel_lines([on_cpu, Row("a case", 32, *told, 1e12)])[-1]
    none = " 0.00 ms |" * 6
    assert line == f"| a case | 1,200 and 2 | 75% | 0.00 ms | 1.00 ms |{none} 2.00 ms |"

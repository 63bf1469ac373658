"""A result is kept whole in a small file that is the same for the same results; other files are refused."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from results.made import made, some

from rekd.config import TrainConfig
from rekd.results.record import Result, read_results, write_results


def test_results_come_back_as_they_were(tmp_path):
    results, path = some(), tmp_path / "results.parquet"
    write_results(path, results)
    back = {(result.row, result.name): result for result in read_results(path)}
    assert len(back) == len(results) > 100
    assert all(back[result.row, result.name] == result for result in results)
    assert path.stat().st_size < 60_000


def test_equal_results_make_equal_files_in_whatever_order(tmp_path):
    results = some()
    write_results(tmp_path / "a", results)
    write_results(tmp_path / "b", results[::-1])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_another_tool_reads_row_task_kind_seed_and_hash(tmp_path):
    write_results(tmp_path / "one", [made("imdb-2-layers-kd", 2027)])
    (row,) = pq.read_table(tmp_path / "one").drop(["record"]).to_pylist()
    assert row == {"row": "imdb-2-layers-kd", "task": "imdb", "kind": "kd", "seed": 2027, "hash": row["hash"]}
    assert len(row["hash"]) == 16


def test_no_file_holds_no_results(tmp_path):
    assert read_results(tmp_path / "none") == []


def test_what_is_no_file_of_results_is_refused_with_a_sentence(tmp_path):
    path = tmp_path / "results.parquet"
    path.write_text("no Parquet")
    with pytest.raises(ValueError, match="holds no results that can be read.*results collect RUNS"):
        read_results(path)
    pq.write_table(pa.table({"x": [1]}).replace_schema_metadata({"format": "2"}), path)
    with pytest.raises(ValueError, match="it is of format 2, and this version reads 1"):
        read_results(path)
    record = json.dumps(made().to_dict() | {"config": {"task": "imdb"}})
    pq.write_table(pa.table({"record": [record]}).replace_schema_metadata({"format": "1"}), path)
    with pytest.raises(ValueError, match="the configuration of imdb-2-layers-re-seed-2026 lacks kind, seed, teacher"):
        read_results(path)


@pytest.mark.parametrize(
    ("row", "kind", "accuracy", "rate", "honest"),
    [
        ("imdb-2-layers-cls", "cls", 0.88, 1.0, None),
        ("imdb-2-layers-kd", "kd", 0.88, 1.0, None),
        ("imdb-2-layers-random", "random", 0.88, 0.11, None),
        ("imdb-2-layers-re", "re", 0.88, 0.11, True),
        ("imdb-2-layers-rekd", "rekd", 0.88, 0.11, True),
    ],
)
def test_each_kind_is_read_by_the_accuracy_that_it_is_compared_by(row, kind, accuracy, rate, honest):
    result = made(row, accuracy=0.88, rate=0.11)
    assert (result.kind, result.accuracy(), result.rate(), result.honest) == (kind, accuracy, rate, honest)


def test_accuracy_and_rate_under_another_rule():
    result = made(accuracy=0.88, rate=0.1)
    assert result.accuracy("threshold") == pytest.approx(0.876) and result.rate("threshold") == pytest.approx(0.09)


def test_a_run_that_was_not_measured_has_no_numbers_and_not_zero():
    result = made(report={})
    assert result.accuracy() is None and result.rate() is None and result.honest is None


def test_the_configuration_comes_back_as_one():
    result = made("cifar10-64x3-rekd", 2030)
    config = result.training()
    assert isinstance(config, TrainConfig) and (config.task, config.seed) == ("cifar10", 2030)
    assert Result.from_dict(result.to_dict()) == result

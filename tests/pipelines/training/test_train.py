"""A night with item features by configuration alone: what it trains on and what it can recommend."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch

from gru4rec import FitOptions
from pipelines.settings import presets
from pipelines.training.data import Data, add_features, describe, encode_night
from pipelines.training.train import save, train

OVERRIDES = {"hidden_size": 8, "n_sample": 16, "batch_size": 8, "epochs": 2, "selected_features": ["genres"]}


def night() -> tuple[pa.Table, pa.Table, pa.Table]:
    """Splits, sessions and items: item 9 has a row but no click, items 5 to 7 come up in the held-out days."""
    random = np.random.default_rng(2)
    rows = []
    for session in range(60):
        part = "train" if session < 40 else "validation" if session < 50 else "test"
        items = random.integers(0, 5 if part == "train" else 8, 4)
        rows += [(session, session * 100, int(item), session * 100 + n, part) for n, item in enumerate(items)]
    names = ["user_id", "session_start", "item_id", "timestamp", "split"]
    splits = pa.table([pa.array(column) for column in zip(*rows, strict=True)], names=names)
    items = pa.table({"item_id": range(10), "genres": ["a|b" if item % 2 else "b" for item in range(10)]})
    return splits, splits.drop_columns(["split"]), items


def encoded(folder: Path, splits: pa.Table, sessions: pa.Table) -> Data:
    """What `encode_night` makes of the tables as files."""
    files = [folder / "splits.parquet", folder / "sessions.parquet"]
    for file, table in zip(files, (splits, sessions), strict=True):
        pq.write_table(table, file, row_group_size=50)
    return encode_night(*([file] for file in files))


@pytest.mark.parametrize("refit", ["full", "continue", "none"])
def test_a_night_with_features(refit: str, tmp_path: Path) -> None:
    splits, sessions, items = night()
    data = encoded(tmp_path, splits, sessions)
    config = presets.resolve(tmp_path, "rsc15", OVERRIDES, data.train.statistics())
    data = add_features(data, items, config)
    assert len(data.train.vocabulary) == len(data.everything().vocabulary) == 10
    assert np.flatnonzero(data.train.vocabulary.counts == 0).tolist() == [5, 6, 7, 8, 9]
    assert len(data.validation.sessions.items) == 40  # the items that came up late are targets too
    trained = train(data, config, FitOptions(device="cpu", threads=1), refit=refit, on_epoch=lambda stage, report: None)
    save(trained, tmp_path, {})

    from gru4rec.serving.recommend import Recommender

    for folder in ("evaluated", "checkpoint"):
        answer = Recommender.load(tmp_path / folder, "cpu").recommend([0, 1], n=10)
        assert {8, 9} < set(answer.ids.to_pylist())


@pytest.mark.slow
def test_two_processes_train_both_models_of_a_night_as_one_does(tmp_path: Path) -> None:
    splits, sessions, _ = night()
    data = encoded(tmp_path, splits, sessions)
    config = presets.resolve(tmp_path, "rsc15", {**OVERRIDES, "selected_features": []}, data.train.statistics())
    seen = []
    found = [
        train(
            data,
            config,
            FitOptions(device="cpu", threads=1, processes=processes),
            refit="full",
            on_epoch=lambda stage, report: seen.append((stage, report.epoch)),
        )
        for processes in (1, 2)
    ]
    assert seen[: len(seen) // 2] == seen[len(seen) // 2 :]
    for one, two in ((found[0].fit.model, found[1].fit.model), (found[0].served, found[1].served)):
        torch.testing.assert_close(two.tensors(), one.tensors(), rtol=1e-4, atol=1e-5)


def test_processes_that_cannot_share_a_night_are_a_sentence(tmp_path: Path) -> None:
    splits, sessions, _ = night()
    data = encoded(tmp_path, splits, sessions)
    config = presets.resolve(tmp_path, "rsc15", {**OVERRIDES, "selected_features": []}, data.train.statistics())
    with pytest.raises(ValueError, match=r"9 processes cannot share 8 lanes \(batch_size\); use at most 8"):
        train(data, config, FitOptions(device="cpu", processes=9), refit="full", on_epoch=lambda stage, report: None)


def test_dwell_weights_reach_training(tmp_path: Path) -> None:
    splits, sessions, _ = night()
    weight = pa.array(np.arange(splits.num_rows) % 3 + 1.0, pa.float32())
    splits, sessions = (table.append_column("weight", weight) for table in (splits, sessions))
    data = encoded(tmp_path, splits, sessions)
    given = [(user, value) for user, value in zip(splits["user_id"].to_pylist(), weight.to_pylist(), strict=True)]
    for found in (data.train.sessions, data.everything().sessions):
        of_users = [sorted(value for user, value in given if user == row["user_id"]) for row in found.keys.to_pylist()]
        assert [sorted(part) for part in np.split(found.weights, found.offsets[1:-1])] == of_users
    assert data.validation.sessions.weights is None


def test_without_selected_features_nothing_changes(tmp_path: Path) -> None:
    splits, sessions, items = night()
    data = encoded(tmp_path, splits, sessions)
    config = presets.resolve(tmp_path, "rsc15", {**OVERRIDES, "selected_features": []}, data.train.statistics())
    assert add_features(data, items, config) is data


def test_a_column_that_the_items_lack_is_one_sentence(tmp_path: Path) -> None:
    splits, sessions, items = night()
    data = encoded(tmp_path, splits, sessions)
    config = presets.resolve(tmp_path, "auto", {"selected_features": ["colour"]}, data.train.statistics())
    with pytest.raises(ValueError, match="the items table has no column colour for selected_features; it has genres"):
        add_features(data, items, config)


def test_a_night_without_training_days_is_one_sentence(tmp_path: Path) -> None:
    splits, sessions, _ = night()
    with pytest.raises(ValueError, match="The training days hold no session"):
        encoded(tmp_path, splits.filter(pc.not_equal(splits["split"], "train")), sessions)


def test_what_describes_a_night_depends_on_its_rows_alone(tmp_path: Path) -> None:
    splits, _, _ = night()
    time = pa.timestamp("us", "UTC")
    for name in ("session_start", "timestamp"):
        splits = splits.set_column(splits.column_names.index(name), name, splits[name].cast(time))
    found = []
    for number, rows in enumerate((7, 1000)):
        pq.write_table(splits, tmp_path / f"{number}.parquet", row_group_size=rows)
        found.append(describe([tmp_path / f"{number}.parquet"]))
    assert found[0] == found[1]
    of_train, of_test = (splits.filter(pc.equal(splits["split"], part)) for part in ("train", "test"))
    assert found[0]["train_from"] == pc.min(of_train["timestamp"]).as_py().isoformat()
    assert found[0]["train_until"] == pc.max(of_train["timestamp"]).as_py().isoformat()
    assert found[0]["test_from"] == pc.min(of_test["session_start"]).as_py().isoformat()
    pq.write_table(pa.concat_tables([splits.slice(1), splits.slice(0, 1)]), tmp_path / "other.parquet")
    assert describe([tmp_path / "other.parquet"])["data_hash"] != found[0]["data_hash"]
    pq.write_table(splits.slice(0, 0), tmp_path / "empty.parquet")
    assert describe([tmp_path / "empty.parquet"])["train_from"] == ""

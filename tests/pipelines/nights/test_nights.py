"""Nights that really run, on a tiny synthetic shop: what stands afterwards, twice the same, one asset alone."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from pipelines.tracking import registry

FIRST, SECOND = "2026-01-07", "2026-01-08"


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder in the place of the system's temporary one."""
    folder, before = tmp_path_factory.mktemp("temporary"), tempfile.tempdir
    tempfile.tempdir = str(folder)
    yield folder
    tempfile.tempdir = before


@pytest.fixture(scope="module")
def nights(house: Any, temporary: Path) -> Any:
    """Two nights, the second one twice."""
    house.results["first"] = house.run("nightly", FIRST)
    house.results["second"] = house.run("nightly", SECOND)
    house.results["lists"] = rows(house, SECOND)
    house.results["again"] = house.run("nightly", SECOND)
    return house


def rows(house: Any, day: str) -> list[tuple[Any, ...]]:
    from warehouse.recommendations import night

    table = night(house.layout, date.fromisoformat(day)).to_arrow(["user_id", "rank", "item_id"])
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def metadata(house: Any, asset: str, day: str) -> dict[str, Any]:
    found = house.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[day]), limit=1
    ).records
    return {name: value.value for name, value in found[0].asset_materialization.metadata.items()}


def test_single_run_backfill_fills_every_day(house: Any) -> None:
    assert house.results["backfill"].success
    for asset in ("events", "rejected_events", "items"):
        assert len(house.instance.get_materialized_partitions(dg.AssetKey(asset))) == 8
    counts = [metadata(house, "events", f"2026-01-0{day}")["dagster/row_count"] for day in range(1, 9)]
    files = [pq.read_metadata(house.layout.partition("events", f"2026-01-0{day}")).num_rows for day in range(1, 9)]
    assert counts == files
    assert len(set(counts)) > 1


def test_nights_succeed_and_all_checks_pass(nights: Any) -> None:
    for name, night in (("first", FIRST), ("second", SECOND), ("again", SECOND)):
        result = nights.results[name]
        assert result.success
        checks = result.get_asset_check_evaluations()
        assert {check.partition for check in checks} == {night}, "a later night's pass hides no earlier failure"
        assert len({check.check_name for check in checks}) >= 5
        assert all(check.passed for check in checks), [check for check in checks if not check.passed]


def test_nights_leave_no_copies_of_models_in_the_temporary_folder(nights: Any, temporary: Path) -> None:
    """Of DuckDB's connections an empty folder stays, and of torch's compiler one: the next process uses them again."""
    left = {path.relative_to(temporary).as_posix() for path in temporary.rglob("*")}
    assert {name for name in left if not name.startswith("torchinductor_")} <= {f"warehouse-spill-{os.getuid()}"}
    assert not [path for path in temporary.glob("torchinductor_*/**/*") if path.is_file()]


def test_two_nights_are_two_partitions_and_a_night_twice_is_one_copy(nights: Any) -> None:
    from deltalake import DeltaTable

    table = DeltaTable(nights.layout.recommendations)
    assert sorted(part["run_date"] for part in table.partitions()) == [FIRST, SECOND]
    lists = rows(nights, SECOND)
    assert len(lists) == len(set(lists))
    assert lists == nights.results["lists"]
    assert rows(nights, FIRST) != lists


@pytest.mark.parametrize("asset", ["events", "rejected_events", "items", "sessions", "splits", "recommendations"])
def test_tables_show_rows_schema_and_preview(nights: Any, asset: str) -> None:
    shown = metadata(nights, asset, SECOND)
    assert shown["dagster/row_count"] >= 0
    assert shown["preview"].startswith("| user_id" if asset != "items" else "| item_id")
    if asset != "recommendations":
        file = nights.layout.partition(asset, SECOND)
        assert shown["dagster/row_count"] == pq.read_metadata(file).num_rows
        columns = {column.name: column for column in shown["dagster/column_schema"].columns}
        assert list(columns) == pq.read_schema(file).names
        assert columns["item_id"].description


def test_the_model_is_logged_as_people_read_it(nights: Any) -> None:
    tracking = nights.tracking
    version = registry.of_night(tracking, SECOND)
    run = tracking.client.get_run(version.run_id)
    assert run.info.run_name == f"night {SECOND}"
    assert run.info.status == "FINISHED"
    assert run.data.params["hidden_size"] == "48"
    assert run.data.params["loss"] == "cross-entropy"
    assert run.data.params["refit"] == "full"
    assert run.data.tags["products"] == "float32"  # so small an update is rounded on no processor
    losses = tracking.client.get_metric_history(version.run_id, "loss")
    assert [point.step for point in losses] == [1, 2, 3]
    assert losses[-1].value < losses[0].value
    [dataset] = [given.dataset for given in run.inputs.dataset_inputs]
    assert dataset.digest == version.tags["data_hash"][:36]
    for tag in ("run_date", "dagster_run", "git_commit", "data_hash", "device", "train_until", "test_from"):
        assert version.tags[tag] == run.data.tags[tag]
    assert version.tags["dagster_run"] == nights.results["again"].run_id
    assert {"test/recall_at_20", "test/popularity/recall_at_20", "test/mrr_at_20"} <= set(run.data.metrics)
    assert "| challenger | GRU4Rec |" in version.description
    artifacts = {item.path for item in tracking.client.list_artifacts(version.run_id, "evaluation")}
    assert {f"evaluation/{name}.png" for name in ("training_curve", "reliability")} <= artifacts


def test_the_logged_model_answers_as_a_pyfunc(nights: Any) -> None:
    import mlflow

    items = pq.read_table(nights.layout.partition("items", SECOND))["item_id"].to_pylist()
    model = mlflow.pyfunc.load_model("models:/gru4rec@champion")
    [answer] = model.predict([{"items": items[:2], "n": 5}])
    assert len(answer["items"]) == 5
    assert answer["context_length"] >= 1
    assert answer["version"] == str(registry.aliased(nights.tracking, registry.CHAMPION).version)


def test_the_served_model_knows_the_last_day_and_the_measured_one_does_not(nights: Any, tmp_path: Path) -> None:
    from gru4rec.storage.checkpoint import load

    version = registry.of_night(nights.tracking, SECOND)
    measured = load(registry.evaluated_checkpoint(nights.tracking, version, tmp_path))
    served = load(registry.served_checkpoint(version, tmp_path))
    assert served.vocabulary.counts.sum() > measured.vocabulary.counts.sum()
    assert served.config.train.epochs == int(metadata(nights, "gru4rec_model", SECOND)["best_epoch"])
    assert served.extra["temperature"] == measured.extra["temperature"]
    assert version.tags["train_until"] < version.tags["test_from"]
    sessions = pq.read_table(nights.layout.partition("sessions", SECOND))
    assert served.vocabulary.counts.sum() == sessions.num_rows


def test_the_champion_is_the_newest_promoted_and_says_why(nights: Any) -> None:
    tracking = nights.tracking
    champion = registry.aliased(tracking, registry.CHAMPION)
    assert int(champion.version) == 3
    assert champion.tags["gate"] == "promoted"
    assert "The popularity baseline reaches" in champion.tags["gate_reason"]
    assert "The best baseline, markov, reaches" in champion.tags["gate_reason"]
    assert champion.tags["previous_champion"] == "2"
    shown = metadata(nights, "champion_model", SECOND)
    assert shown["decision"] == "promoted"
    assert champion.tags["gate_reason"] == shown["reason"].removeprefix("- ").replace("\n- ", " ")


def test_evaluation_compares_with_the_champion_on_the_same_events(nights: Any) -> None:
    table = pq.read_table(nights.layout.partition("evaluations", SECOND)).to_pylist()
    overall = {
        row["role"] + row["model"]: row for row in table if row["segment"] == "all" and row["metric"] == "recall@20"
    }
    assert set(overall) == {
        "challengerGRU4Rec",
        "servedGRU4Rec",
        "championGRU4Rec",
        "baselinepopularity",
        "baselinemarkov",
    }
    assert len({row["n"] for row in overall.values()}) == 1
    champion = overall["championGRU4Rec"]
    assert champion["difference"] == pytest.approx(0, abs=1e-12)  # the night before is the same night, run again
    popularity = overall["baselinepopularity"]
    assert popularity["difference"] == pytest.approx(overall["challengerGRU4Rec"]["value"] - popularity["value"])
    assert popularity["difference_low"] > 0
    assert any(row["segment"].startswith("session length=") for row in table)


def test_an_asset_alone_leaves_the_others_as_they_are(nights: Any) -> None:
    def prints() -> dict[Path, str]:
        folders = ("events", "sessions", "splits", "evaluations")
        files = [file for folder in folders for file in (nights.root / folder).glob("*.parquet")]
        return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    before = prints()
    for asset in ("sessions", "splits", "champion_model", "recommendations"):
        assert nights.run("nightly", FIRST, select=[dg.AssetKey(asset)]).success
    assert prints() == before
    assert (
        int(registry.aliased(nights.tracking, registry.CHAMPION).version) == 3
    )  # an older night replaces no newer one


def test_a_night_without_its_model_says_what_to_materialise(nights: Any, sentence: Any) -> None:
    result = nights.run("nightly", "2026-01-05", select=[dg.AssetKey("champion_model")])
    assert not result.success
    assert "materialise offline_evaluation for 2026-01-05 first" in sentence(result)


def test_pages_show_the_main_table_at_once_and_link_to_the_run(nights: Any) -> None:
    shown = metadata(nights, "offline_evaluation", SECOND)
    assert shown["models"].startswith("| model | recall@20 | challenger − this |")
    assert "champion v2" in shown["models"]
    assert len(shown["models"]) < 1000  # above that Dagster hides it behind a click
    run = registry.of_night(nights.tracking, SECOND).run_id
    for asset in ("gru4rec_model", "offline_evaluation", "champion_model", "recommendations"):
        link = f"http://127.0.0.1:5000/#/experiments/{nights.tracking.experiment_id}/runs/{run}"
        assert metadata(nights, asset, SECOND)["mlflow_run"] == f"{link}?workflowType=machine_learning"


def test_every_night_has_its_report_and_the_lists_page_links_to_it(nights: Any) -> None:
    shown = metadata(nights, "recommendations", SECOND)
    file = Path(metadata(nights, "night_report", SECOND)["report"])
    assert file == nights.layout.report(SECOND) == Path(shown["report_file"])
    text = file.read_text()
    for said in ("Offline recall@20", "Realised recall@20", "popularity", "Version 3 promoted", "is recommended"):
        assert said in text
    assert text.count('<article class="card user">') == 20
    run = registry.of_night(nights.tracking, SECOND).run_id
    assert f"/runs/{run}/artifacts/reports/{SECOND}.html?" in shown["report"]
    [kept] = nights.tracking.client.list_artifacts(run, "reports")
    assert kept.path == f"reports/{SECOND}.html"


def test_the_gate_is_a_check_and_the_runs_description_begins_with_it(nights: Any) -> None:
    version = registry.of_night(nights.tracking, SECOND)
    checks = nights.results["again"].get_asset_check_evaluations()
    [gate] = [check for check in checks if check.check_name == "gate_holds"]
    assert gate.description == version.tags["gate_reason"]
    run = nights.tracking.client.get_run(version.run_id)
    assert run.data.tags["mlflow.note.content"].startswith(f"**Version {version.version} promoted.** recall@20")
    assert "| challenger | GRU4Rec |" in run.data.tags["mlflow.note.content"]
    shown = metadata(nights, "champion_model", SECOND)
    assert f"(/pictures/{SECOND}/models_over_nights.png?sum=" in shown["models_over_nights"]
    assert nights.layout.picture(SECOND, "models_over_nights").read_bytes().startswith(b"\x89PNG")
    assert shown["nights"].endswith("| promoted | ✓✓ | |")


def test_the_checkpoint_that_knows_the_test_days_stands_last_and_says_so(nights: Any) -> None:
    shown = metadata(nights, "offline_evaluation", SECOND)
    assert shown["models"].splitlines()[-1].startswith("| served v3, trained on the test days |")
    assert shown["all_figures"].splitlines()[-1].startswith("| served, trained on the test days | GRU4Rec |")
    metrics = nights.tracking.client.get_run(registry.of_night(nights.tracking, SECOND).run_id).data.metrics
    assert "trained_on_the_test_days/served/recall_at_20" in metrics
    assert not [name for name in metrics if name.startswith("test/served")]


def test_mlflow_tells_a_difference_from_noise(nights: Any) -> None:
    tracking = nights.tracking
    metrics = tracking.client.get_run(registry.of_night(tracking, SECOND).run_id).data.metrics
    recall = "test/recall_at_20"
    assert metrics[f"{recall}_low"] < metrics[recall] < metrics[f"{recall}_high"]
    less = "test/popularity/challenger_minus_this/recall_at_20"
    assert metrics[less] == pytest.approx(metrics[recall] - metrics["test/popularity/recall_at_20"])
    assert 0 < metrics[f"{less}_low"] < metrics[less] < metrics[f"{less}_high"]
    assert "test/champion/challenger_minus_this/recall_at_20_low" in metrics


def test_the_second_night_says_what_the_lists_of_the_first_were_worth(nights: Any) -> None:
    assert metadata(nights, "realised", FIRST)["skipped"].startswith("no lists were published before 2026-01-07")
    shown = metadata(nights, "realised", SECOND)
    assert shown["list_date"] == FIRST
    rows = pq.read_table(nights.layout.partition("realised", SECOND)).to_pylist()
    overall = {(row["lists"], row["k"]): row for row in rows if row["by"] == "all"}
    for lists in ("published", "popular"):
        row = overall[lists, 10]
        assert 0 < row["recall_low"] < row["recall"] < row["recall_high"] < 1
        assert row["mrr"] <= row["hit"]
    assert 0 < overall["published", 10]["users"] <= overall["published", 10]["came"]
    assert {row["group"] for row in rows if row["by"] == "model_version"} == {"1"}

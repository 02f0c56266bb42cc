"""`pipelines check`: one line for each thing that cannot be read, with what to do; it changes nothing."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from pipelines.settings.read import Settings, load
from pipelines.shell.check import check
from tests.object_store import ObjectStore, say_where
from tests.ports import free_port
from warehouse.layout import Layout
from warehouse.partitions import replacing_partition
from warehouse.recommendations import Expected, NightFacts, publish
from warehouse.recommendations.publishing.stored import put_stored

NIGHT = dt.date(2026, 1, 3)


def settings(root: Path) -> Settings:
    return load({"GRU4REC_DATA": str(root)})


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A partition of events and of items, and a published night."""
    layout = Layout(tmp_path / "data")
    for name in ("events", "items"):
        with replacing_partition(layout.partition(name, NIGHT)) as beside:
            pq.write_table(pa.table({"user_id": [1, 2, 3], "item_id": [4, 5, 6]}), beside)
    rows = {
        "user_id": [1, 1],
        "rank": pa.array([1, 2], pa.int16()),
        "item_id": [4, 5],
        "score": pa.array([2.0, 1.0], pa.float32()),
        "probability": pa.array([0.5, 0.2], pa.float32()),
        "model": ["GRU4Rec"] * 2,
        "context_length": pa.array([3, 3], pa.int16()),
    }
    publish(layout, NIGHT, pa.table(rows).to_batches(), NightFacts(), Expected(n=2))
    return layout.root


def test_an_empty_folder_and_a_whole_one_have_no_problem(root: Path, tmp_path: Path, capsys) -> None:
    assert check(settings(tmp_path / "nothing")) == 0
    assert capsys.readouterr().out == "0 problem(s); read: nothing, for there is nothing yet\n"
    assert not (tmp_path / "nothing").exists()
    before = tree(root)
    assert check(settings(root)) == 0
    assert capsys.readouterr().out == "0 problem(s); read: 2 partitions, 1 night(s) of recommendations\n"
    assert tree(root) == before


def test_each_thing_that_cannot_be_read_is_a_line_with_what_to_do(root: Path, capsys) -> None:
    events = root / "events" / f"{NIGHT}.parquet"
    events.write_bytes(events.read_bytes()[:-9] + b"\x00" * 9)
    (root / "sessions").write_text("a file")
    [part] = [Path(file) for file in DeltaTable(root / "recommendations").file_uris()]
    part.unlink()
    (root / "items" / f".{NIGHT}.parquet.sum").unlink()
    (root / "mlflow").mkdir()
    (root / "mlflow" / "mlflow.db").write_text("not a database")
    before = tree(root)
    assert check(settings(root)) == 1
    said = capsys.readouterr().out
    assert tree(root) == before
    for line in (
        f"{root / 'sessions'} is a file where a folder is expected: move it away",
        f"{events} was damaged or changed after it was written",
        f"materialise events for {NIGHT} again",
        f"{part} is missing: run that night again, or roll the table back",
        "mlflow.db cannot be used (file is not a database): put a copy of it back",
        "1 partitions have no sum: an older version wrote them",
        "4 problem(s)",
    ):
        assert line in said
    assert all(len(line) < 500 for line in said.splitlines())


def test_what_lies_among_the_raw_days_and_is_none_is_a_line_with_what_to_do(root: Path, capsys) -> None:
    raw = root / "raw" / "events"
    for name in ("2026-01-01", "2026-1-03", "_old"):
        (raw / name).mkdir(parents=True)
    for name in ("stray.parquet", ".DS_Store"):
        (raw / name).touch()
    assert check(settings(root)) == 1
    said, none = capsys.readouterr().out, "is no folder of a day and is not read"
    assert f"- {raw / '2026-1-03'} {none}: call it YYYY-MM-DD, by the day it arrived on, or give it a name" in said
    assert f"- {raw / 'stray.parquet'} {none}: put it into its day's folder, YYYY-MM-DD, or give it a name" in said
    assert "2 problem(s)" in said


@pytest.mark.parametrize("spoil", ["cut", "a file"])
def test_a_table_whose_log_cannot_be_read_is_a_line(root: Path, capsys, spoil: str) -> None:
    if spoil == "cut":
        first = root / "recommendations" / "_delta_log" / f"{0:020d}.json"
        first.write_text(first.read_text()[:200])
    else:
        (root / "recommendations").rename(root / "kept")
        (root / "recommendations").write_text("a file")
    assert check(settings(root)) == 1
    said = capsys.readouterr().out
    assert "recommendations" in said
    assert "put" in said or "move it away" in said


def test_a_day_in_parts_is_one_partition_whose_parts_are_compared(root: Path, capsys) -> None:
    path = Layout(root).partition("events", NIGHT)
    with replacing_partition(path) as beside:
        beside.mkdir()
        for number in range(2):
            pq.write_table(pa.table({"user_id": [1], "item_id": [4]}), beside / f"part-0000{number}.parquet")
    assert check(settings(root)) == 0
    assert "read: 2 partitions," in capsys.readouterr().out
    part = Layout(root).files("events", NIGHT)[1]
    part.write_bytes(part.read_bytes()[:-9] + b"\x00" * 9)
    assert check(settings(root)) == 1
    found = capsys.readouterr().out
    assert f"{part} was damaged or changed after it was written" in found
    assert f"materialise events for {NIGHT} again" in found
    (path.with_suffix(".parts") / "manifest.json").write_text("{")
    assert check(settings(root)) == 1
    assert "manifest.json is no manifest of parts" in (found := capsys.readouterr().out)
    assert f"materialise events for {NIGHT} again" in found


def test_a_table_in_the_store_that_lags_behind_is_a_line_with_what_to_do(
    root: Path, object_store: ObjectStore, capsys
) -> None:
    address = object_store.address()
    say_where(root, address)
    there = f"{address.partition('?')[0]}/recommendations"
    puts = "the next publication, or `warehouse recommendations retain`, puts them there"
    versions = DeltaTable(root / "recommendations").version() + 1
    assert check(settings(root)) == 1
    assert f"- {there} lacks {versions} version(s) that {root / 'recommendations'} has: {puts}\n1 problem(s)" in (
        capsys.readouterr().out
    )
    put_stored(root / "recommendations")
    assert check(settings(root)) == 0
    assert (
        "0 problem(s); read: 1 night(s) of recommendations, recommendations in the store\n" in capsys.readouterr().out
    )
    [part] = [key for key in object_store.keys(address) if "run_date=" in key and key.endswith(".parquet")]
    object_store.delete(address, part)
    assert check(settings(root)) == 1
    assert f"- {there} lacks 1 file(s) of {root / 'recommendations'}: {puts}" in capsys.readouterr().out
    object_store.put(address, f"recommendations/_delta_log/{versions:020d}.json", b"{}")
    assert check(settings(root)) == 1
    assert f"the table {there} was not put there from {root / 'recommendations'}" in capsys.readouterr().out
    say_where(root, object_store.address("no-such-bucket"))
    assert check(settings(root)) == 1
    assert "there is no bucket no-such-bucket" in (said := capsys.readouterr().out)
    assert "1 problem(s)" in said, "said once, not for each table"


def test_a_server_that_does_not_answer_is_a_line_beside_the_others(
    root: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    (root / "deliveries").write_text("a file")
    layout = Layout(root)
    with replacing_partition(layout.partition("evaluations", NIGHT)) as beside:
        pq.write_table(pa.table({"value": [1.0]}), beside)
    layout.partition("evaluations", NIGHT).write_bytes(b"spoiled")
    assert check(load({"GRU4REC_DATA": str(root), "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"})) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[-1].startswith("3 problem(s); read: 3 partitions")
    assert f"materialise offline_evaluation for {NIGHT} again" in said[1]
    assert said[2].startswith("- MLflow refused: API request to http://127.0.0.1:")

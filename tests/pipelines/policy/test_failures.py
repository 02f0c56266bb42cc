"""A folder where a file is expected, and the reverse, end a step with one sentence; faults keep their trace."""

import datetime as dt
import errno
import re
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.policy.failures import STOPS_LISTS, as_failure
from pipelines.policy.resources import Warehouse
from pipelines.policy.turns import release
from warehouse.engine.errors import disk_sentences
from warehouse.partitions import replacing_partition
from warehouse.recommendations.publishing.staging import StagedNight
from warehouse.steps.events.deliveries import changed, record

NIGHT = dt.date(2026, 1, 3)


def engine_over_a_file(root: Path) -> None:
    (root / ".scratch").write_text("a file")
    Warehouse(root=str(root), memory_limit="100MB", threads=1).engine()


def partition_that_is_a_folder(root: Path) -> None:
    (root / "sessions" / "2026-01-03.parquet").mkdir(parents=True)
    with replacing_partition(root / "sessions" / "2026-01-03.parquet") as beside:
        beside.write_text("rows")


def table_that_is_a_file(root: Path) -> None:
    (root / "sessions").write_text("a file")
    with replacing_partition(root / "sessions" / "2026-01-03.parquet") as beside:
        beside.write_text("rows")


def delivery_that_is_a_folder(root: Path) -> None:
    warehouse = Warehouse(root=str(root), memory_limit="100MB", threads=1)
    warehouse.layout.delivery("2026-01-03").mkdir(parents=True)
    record(warehouse.layout, NIGHT, {})


def staging_that_is_a_file(root: Path) -> None:
    (root / "recommendations_staging").write_text("a file")
    with StagedNight(root / "recommendations", NIGHT):
        pass


def lock_that_is_a_folder(root: Path) -> None:
    (root / "recommendations_staging" / "2026-01-03.lock").mkdir(parents=True)
    with StagedNight(root / "recommendations", NIGHT):
        pass


MISPLACED = [
    engine_over_a_file, partition_that_is_a_folder, table_that_is_a_file, delivery_that_is_a_folder,
    staging_that_is_a_file, lock_that_is_a_folder,
]  # fmt: skip


@pytest.mark.parametrize("misplace", MISPLACED)
def test_what_lies_in_the_wrong_place_is_one_sentence(tmp_path: Path, misplace: Callable[[Path], None]) -> None:
    with pytest.raises(dg.Failure) as caught, as_failure():
        misplace(tmp_path)
    said = str(caught.value.description)
    assert re.fullmatch(rf"{tmp_path}\S+ (is|lies) .*: put that right and run again", said), said
    assert not list(tmp_path.rglob("*.tmp"))


def test_what_mlflow_refuses_is_a_sentence_and_a_fault_of_the_program_is_not() -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(dg.Failure) as caught, as_failure():
        raise MlflowException("(sqlite3.OperationalError) database is locked\n[SQL: SELECT 1]")
    assert caught.value.description == "MLflow refused: (sqlite3.OperationalError) database is locked"
    damaged = r"a file is damaged \(.*Parquet file size is 0 bytes\): .* check"
    with pytest.raises(dg.Failure, match=damaged), as_failure():
        pq.read_table(pa.py_buffer(b""))
    with pytest.raises(KeyError), as_failure():
        raise KeyError("a fault")
    with pytest.raises(BrokenPipeError), as_failure():
        raise BrokenPipeError(32, "of no file")


@pytest.mark.parametrize("text", ["", "[", "[]", "3", '{"part.parquet": 3}', '{"part.parquet": [1]}', "\x00"])
def test_a_spoiled_record_of_a_delivery_is_as_none(tmp_path: Path, text: str) -> None:
    layout = Warehouse(root=str(tmp_path), memory_limit="100MB", threads=1).layout
    raw = layout.raw_events("2026-01-03") / "part.parquet"
    raw.parent.mkdir(parents=True)
    raw.write_bytes(b"rows")
    layout.delivery("2026-01-03").parent.mkdir()
    layout.delivery("2026-01-03").write_text(text)
    assert changed(layout, NIGHT)


def test_a_folder_among_the_holds_of_days_hinders_no_release(tmp_path: Path) -> None:
    (tmp_path / ".nights" / "2026-01-03.json").mkdir(parents=True)
    release(Warehouse(root=str(tmp_path), memory_limit="100MB", threads=1).layout, "a run")


def test_a_full_disk_is_one_sentence_whoever_met_it() -> None:
    from mlflow.exceptions import MlflowException

    sqlite = MlflowException("(raised in a flush)\n(sqlite3.OperationalError) database or disk is full\n[SQL: INSERT]")
    system = OSError(errno.ENOSPC, "No space left on device")
    said = r"the disk is full: free some space and run again; no table was left half written \((?!.*\n).*\)"
    for error in (sqlite, system, OSError(errno.ENOSPC, "No space left on device", "a file"), behind(system)):
        with pytest.raises(dg.Failure) as caught, as_failure():
            raise error
        assert re.fullmatch(said, str(caught.value.description)), caught.value.description
        assert STOPS_LISTS in caught.value.metadata, "no champion is asked for lists that would not fit either"
    untouched = r"^the disk is full: free some space and run again; nothing was changed"
    with pytest.raises(dg.Failure, match=untouched), as_failure(), disk_sentences():
        raise system


def behind(error: Exception) -> Exception:
    """Another error that was raised from one."""
    try:
        raise RuntimeError("commit failed") from error
    except RuntimeError as raised:
        return raised


@pytest.mark.parametrize(("table", "asset"), [("sessions", "sessions"), ("evaluations", "offline_evaluation")])
def test_a_missing_table_is_told_by_the_asset_that_makes_it(tmp_path: Path, table: str, asset: str) -> None:
    shop = Warehouse(root=str(tmp_path), memory_limit="1GB", threads=1)
    with pytest.raises(FileNotFoundError, match=rf"{table}.* does not exist: materialise {asset} for 2026-01-08 first"):
        shop.files(table, "2026-01-08")

"""Ids of every type that tools write, from raw parquet to sessions: the same ids, or the row and its text rejected."""

import csv
import json
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.tools import as_text, files, id_columns
from warehouse.engine.errors import DataError
from warehouse.engine.spark.spark_engine import SparkEngine
from warehouse.sources.mapped import import_mapped
from warehouse.steps.items.ingest import ingest_items

DAY = date(2024, 3, 1)
TIMES = [datetime(2024, 3, 1, 10) + timedelta(minutes=minute) for minute in range(6)]
NAN = float("nan")


def day(**changed):
    return pa.table({"user_id": [1, 1, 1, 2, 2, 2], "item_id": [3, 4, 5, 4, 3, 4], "timestamp": TIMES} | changed)


def rejected(shop):
    rows = pq.read_table(shop.layout.files("rejected_events", DAY)).to_pylist()
    return sorted((row["reason"], row["user_id"], row["item_id"], row["session_id"]) for row in rows)


def test_hashes_beyond_63_bits_are_sessions(shop):
    """Of three sessions one was left, and no row was rejected."""
    hashes = [2**63 + 11, 2**63 + 11, 5, 5, 2**64 - 1, 2**64 - 1]
    shop.raw(DAY, day(session_id=pa.array(hashes, pa.uint64())))
    (report,) = shop.ingest(DAY)
    assert (report.rows, report.rejected) == (6, 0)
    assert shop.sessions(DAY, sessions="given").sessions == 4  # the session 5 has two users, as has none of the others
    assert {row[3] for row in shop.table("events", DAY)} == set(map(str, hashes))


def test_hashes_beyond_63_bits_are_users_and_items(shop):
    hashes = [2**63 + 11, 2**63 + 12, 5]
    shop.raw(DAY, day(user_id=pa.array(hashes * 2, pa.uint64()), item_id=pa.array(hashes * 2, pa.uint64())))
    (report,) = shop.ingest(DAY)
    assert (report.rows, report.rejected) == (6, 0)
    assert {row[:2] for row in shop.table("events", DAY)} == {(str(number), str(number)) for number in hashes}
    shop.raw(DAY, day(user_id=pa.array([7, 7, 7, 8, 8, 8], pa.uint64())))
    shop.ingest(DAY)
    assert {row[0] for row in shop.table("events", DAY)} == {7, 8}


def test_the_missing_ids_of_a_float_column_are_the_fault(shop):
    """pandas writes nullable whole numbers as double with NaN."""
    shop.raw(DAY, day(user_id=[1.0, NAN, 1.0, 2.0, 2.5, 2.0**60], session_id=[1.0, 1.0, NAN, 2.0, 2.0, 2.0]))
    (report,) = shop.ingest(DAY)
    assert report.rejected_by_reason == {"user_id is null": 1, "user_id is not a whole number of 64 bits": 2}
    assert [row[0] for row in shop.table("events", DAY)] == [1, 1, 2]
    assert [row[3] for row in shop.table("events", DAY)] == [1, None, 2]
    assert [str(float(row[1])) for row in rejected(shop)] == ["1.152921504606847e+18", "2.5", "nan"]


def test_decimals_and_uuids_are_ids(shop):
    uuids = [UUID(int=2**127 + number) for number in (1, 1, 1, 2, 2, 2)]
    numbers = pa.array([Decimal(number) for number in (1, 1, 1, 2, 2, 2)], pa.decimal128(38, 0))
    for kind in (pa.uuid(), pa.binary(16)):
        sessions = pa.array([uuid.bytes for uuid in uuids], kind)
        shop.raw(DAY, day(user_id=numbers, session_id=sessions))
        (report,) = shop.ingest(DAY)
        assert report.rows == 6
        assert {(row[0], row[3]) for row in shop.table("events", DAY)} == {(1, str(uuids[0])), (2, str(uuids[3]))}
    assert shop.sessions(DAY, sessions="given").sessions == 2


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)  # Spark's parquet knows no such types
def test_types_of_newer_arrow_are_ids_or_a_sentence(shop):
    shop.raw(
        DAY, day(user_id=pa.array([b"a", b"b"] * 3, pa.binary_view()), item_id=pa.array(range(6), pa.decimal32(7)))
    )
    (report,) = shop.ingest(DAY)
    assert (report.rows, report.rejected) == (6, 0)
    assert {row[0] for row in shop.table("events", DAY)} == {"a", "b"}
    flags = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0] * 3, pa.int8()))
    shop.raw(DAY, day(user_id=flags))
    with pytest.raises(DataError, match=r"'user_id' of .* is extension<arrow\.bool8>: a whole number or text"):
        shop.ingest(DAY)


def test_an_empty_text_names_no_session(shop):
    """As writers leave it that put every field between quotes; it would join all of a user's events."""
    shop.raw(DAY, day(session_id=["", "", "a", "a", "", None]))
    (report,) = shop.ingest(DAY)
    assert (report.rows, report.rejected) == (6, 0)
    assert sorted(str(row[3]) for row in shop.table("events", DAY)) == ["None"] * 4 + ["a"] * 2


def test_columns_that_nobody_needs_may_be_of_any_type(shop):
    half = pa.array(np.arange(6, dtype=np.float16))
    strange = {"a": half, "b": pa.array([UUID(int=1).bytes] * 6, pa.uuid()), "c": pa.array([None] * 6)}
    shop.raw(DAY, day(**strange))
    shop.raw(DAY, day(a=["x"] * 6), name="other.parquet")
    (report,) = shop.ingest(DAY)
    assert (report.rows, report.duplicates) == (6, 6)


def test_a_number_of_sixteen_bits_is_read_or_a_sentence(shop, engine):
    shop.raw(DAY, day(user_id=np.arange(6, dtype=np.float16)))
    if isinstance(engine, SparkEngine):
        with pytest.raises(DataError, match="'user_id' of the raw files has floats of 16 bits, which Spark cannot"):
            shop.ingest(DAY)
        assert not shop.layout.files("events", DAY)
    else:
        (report,) = shop.ingest(DAY)
        assert report.rows == 6


@pytest.mark.parametrize("odd", [[[1]] * 6, [{"a": 1}] * 6, [True] * 6, [1.5] * 6, TIMES])
def test_a_session_column_that_nobody_asked_for_refuses_no_day(shop, odd):
    shop.raw(DAY, day(session_id=odd))
    (report,) = shop.ingest(DAY)
    assert report.rows + report.rejected == 6
    assert report.rows == (0 if odd == [1.5] * 6 else 6)


def test_files_of_different_types_do_not_round_each_other(shop):
    """Read together, a double in one file would make doubles of the whole numbers of the other."""
    large = 2**53 + 1
    shop.raw(DAY, day(user_id=[large] * 6), name="a.parquet")
    shop.raw(DAY, day(user_id=[1.0] * 6), name="b.parquet")
    shop.raw(DAY, day(user_id=pa.array([2] * 6, pa.uint8()).dictionary_encode()), name="c.parquet")
    shop.ingest(DAY)
    assert {row[0] for row in shop.table("events", DAY)} == {large, 1, 2}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)  # hundreds of days: hours on Spark
@pytest.mark.parametrize("role", ["user_id", "item_id", "session_id"])
def test_the_same_ids_from_every_type_and_tool(shop, tmp_path, role):
    counts: Counter[str] = Counter()
    for name, column in id_columns([1, 1, 2, 2, 3, 3]).items():
        ids = as_text(column)
        for tool, path in files(day(**{role: column}), tmp_path / name):
            target = shop.layout.raw_events(DAY) / "part.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            try:
                (report,) = shop.ingest(DAY)
            except ValueError as error:
                said = str(error)
            else:
                said = ""
            if said:
                assert "column" in said, (name, tool, said)
                assert len(said) < 500, (name, tool, said)
                assert ids is None or name == "decimal256(76, 0)", (name, tool, said)
                counts["refused"] += 1
                continue
            place = ["user_id", "item_id", "timestamp", "session_id"].index(role)
            found = {str(row[place]) for row in shop.table("events", DAY)} - {"None"}
            if (name, tool) in UNKEPT or ids is None:
                counts["rows rejected"] += 1
                assert report.rejected or role == "session_id", (name, tool)
                continue
            counts["read"] += 1
            assert (report.rejected, found) == (0, set(ids)), (name, tool)
            if role == "item_id":
                shop.layout.raw_items.mkdir(parents=True, exist_ok=True)
                (shop.layout.raw_items / "items.parquet").write_bytes(path.read_bytes())
                ingest_items(shop.layout, DAY)
                assert {str(row[0]) for row in shop.table("items", DAY)} == set(ids), (name, tool)
    print(f"{role}: {counts.total()} tried, {dict(counts)}")
    assert counts["read"] > 150


# These keep UUIDs as bytes of any length, which are no text.
UNKEPT = {("uuid bytes", "duckdb"), *((name, tool) for name in ("uuid", "uuid bytes") for tool in ("pandas", "polars"))}


def test_text_that_should_be_a_number_is_kept_or_rejected_with_its_text(duckdb_engine, layout, shop, tmp_path):
    """Never 12.5 as 13, 0x1F as 31, 1_000 as 1000."""
    odd = ["12.5", "0x1F", "1_000", "5.41312E+08", "abc", "007", "+7", " 7", "-0", "9223372036854775808"]
    lines = [f"{text},1,2024-03-01 10:00" for text in [*odd, "7", "-3", "9223372036854775807", "0"]]
    (tmp_path / "log.csv").write_text("\n".join(["u,i,t", *lines, ""]))
    (tmp_path / "m.toml").write_text(
        '[events]\nformat = "csv"\nuser_id = "u"\nitem_id = "i"\ntimestamp = "t"\n'
        'user_id_type = "int64"\nitem_id_type = "int64"\n'
    )
    import_mapped(duckdb_engine, layout, tmp_path / "log.csv", mapping=tmp_path / "m.toml")
    (report,) = shop.ingest(DAY)
    assert report.rejected_by_reason == {"user_id is not a whole number of 64 bits": len(odd)}
    assert {row[1] for row in rejected(shop)} == set(odd)
    assert [row[0] for row in shop.table("events", DAY)] == [-3, 0, 7, 2**63 - 1]
    assert pq.read_schema(layout.files("events", DAY)[0]).field("user_id").type == pa.int64()


# Each looks like a whole number to some reader, and is none that reads back as the same text.
NO_NUMBERS = [
    "+0", "-0", "00", "007", "+7", " 7", "7 ", "\t7", "1.0", "7.", ".7", "1e3", "5.41312E+08", "7L", "7f", "0x1F",
    "0b1", "0o7", "1_000", "1,000", "1 000", "1'000", "1.000.000", "\uff11\uff12", "\u0661\u0662", "\u22127",
    "7\u00a0", "\u00b2", "nan", "NaN", "inf", "-Infinity", "true", "abc", "#N/A", "9223372036854775808",
    "-9223372036854775809", "18446744073709551616", "9" * 60,
]  # fmt: skip
NUMBERS_KEPT = [0, 7, -3, 2**63 - 1, -(2**63)]


@pytest.mark.parametrize("role", ["user_id", "item_id"])
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "dictionary"])
def test_no_text_is_a_number_that_does_not_read_back_as_it(duckdb_engine, layout, shop, tmp_path, form, role):
    values = [*NO_NUMBERS, *map(str, NUMBERS_KEPT)]
    log = tmp_path / "log"
    if form == "csv":
        with log.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["a", "b", "t"], *([v, v, TIMES[0]] for v in values)])
    elif form == "jsonl":
        log.write_text("".join(json.dumps({"a": v, "b": v, "t": str(TIMES[0])}) + "\n" for v in values))
    else:
        column = pa.array(values) if form == "parquet" else pa.array(values).dictionary_encode()
        pq.write_table(pa.table({"a": column, "b": column, "t": [TIMES[0]] * len(values)}), log)
    kind = "parquet" if form == "dictionary" else form
    (tmp_path / "m.toml").write_text(
        f'[events]\nformat = "{kind}"\nuser_id = "a"\nitem_id = "b"\ntimestamp = "t"\n{role}_type = "int64"\n'
    )
    import_mapped(duckdb_engine, layout, log, mapping=tmp_path / "m.toml")
    (report,) = shop.ingest(DAY)
    assert report.rejected_by_reason == {f"{role} is not a whole number of 64 bits": len(NO_NUMBERS)}
    place = ["user_id", "item_id"].index(role)
    assert sorted(row[1 + place] for row in rejected(shop)) == sorted(NO_NUMBERS)
    assert {row[place] for row in shop.table("events", DAY)} == set(NUMBERS_KEPT)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("1.0", {1}), ("1e2", {100}), ("-3.00", {-3}), ("-0", {0}), ("0", {0}), ("true", set()),
        ('"05"', set()), ("1.5", set()), ("1e30", set()),
        ("9007199254740993", {2**53 + 1}), ("9223372036854775808", set()), ('"9223372036854775807"', {2**63 - 1}),
    ],
)  # fmt: skip
def test_numbers_of_json_are_kept_or_rejected(duckdb_engine, layout, shop, tmp_path, written, kept):
    (tmp_path / "log.jsonl").write_text(f'{{"u": {written}, "i": 1, "t": "{TIMES[0]}"}}\n')
    (tmp_path / "m.toml").write_text(
        '[events]\nformat = "jsonl"\nuser_id = "u"\nitem_id = "i"\ntimestamp = "t"\nuser_id_type = "int64"\n'
    )
    import_mapped(duckdb_engine, layout, tmp_path / "log.jsonl", mapping=tmp_path / "m.toml")
    (report,) = shop.ingest(DAY)
    assert {row[0] for row in shop.table("events", DAY)} == kept
    assert report.rows + report.rejected == 1


WIDE = [2**64, 2**64 + 1, 10**37, -(2**63) - 1, 2**63, 5]


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
@pytest.mark.parametrize("role", ["user_id", "item_id", "session_id"])
def test_numbers_wider_than_64_bits_are_ids_of_text(shop, role):
    shop.raw(DAY, day(**{role: pa.array(list(map(Decimal, WIDE)), pa.decimal128(38, 0))}))
    (report,) = shop.ingest(DAY)
    assert (report.rows, report.rejected) == (6, 0)
    place = ["user_id", "item_id", "timestamp", "session_id"].index(role)
    assert {row[place] for row in shop.table("events", DAY)} == set(map(str, WIDE))


def test_numbers_of_a_csv_wider_than_64_bits_are_kept_as_they_are_written(duckdb_engine, layout, shop, tmp_path):
    (tmp_path / "log.csv").write_text("u,i,t\n" + "".join(f"{w},{w},{TIMES[0]}\n" for w in WIDE))
    (tmp_path / "m.toml").write_text('[events]\nformat = "csv"\nuser_id = "u"\nitem_id = "i"\ntimestamp = "t"\n')
    import_mapped(duckdb_engine, layout, tmp_path / "log.csv", mapping=tmp_path / "m.toml")
    shop.ingest(DAY)
    assert {row[:2] for row in shop.table("events", DAY)} == {(str(w), str(w)) for w in WIDE}


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
@pytest.mark.parametrize(
    "sessions",
    [
        pa.array([1, 1, 1, 2, None, 2], pa.float32()),
        pa.array([1, 1, 1, 2, 2, 2], pa.float16()),
        pa.array([Decimal("1.00")] * 3 + [Decimal("2.00")] * 3, pa.decimal128(20, 2)),
        pa.array([b"a" * 20] * 3 + [b"b" * 20] * 3, pa.binary(20)),
        pa.array(["AAAAAAAA-0000-0000-0000-000000000001"] * 3 + ["aaaaaaaa-0000-0000-0000-000000000001"] * 3),
        pa.array([True] * 3 + [False] * 3),
        pa.array([[1]] * 3 + [[2]] * 3),
        pa.array([date(2024, 3, 1)] * 3 + [date(2024, 3, 2)] * 3),
        pa.nulls(6),
    ],
    ids=lambda column: str(column.type),
)
def test_session_ids_of_any_type_refuse_no_day_where_gaps_cut_sessions(shop, sessions):
    shop.raw(DAY, day(session_id=sessions))
    (report,) = shop.ingest(DAY)
    assert (report.rows, report.rejected) == (6, 0)
    assert shop.sessions(DAY, sessions="gap").sessions == 2

"""Events of one time come in their sequence, from the raw file to sessions, splits and contexts."""

import random
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.config import ContextConfig, SplitsConfig
from warehouse.engine.errors import DataError
from warehouse.sources.mapped import import_mapped
from warehouse.steps.contexts.build import contexts
from warehouse.steps.events.ingest import TooManyRejected
from warehouse.steps.splits.build import build_splits

DAY = date(2024, 3, 1)
ITEMS = [9, 2, 7, 5]
NAMES = "user_id item_id timestamp sequence"


def in_session(shop, table="sessions"):
    return pq.read_table(shop.layout.files(table, DAY))["item_id"].to_pylist()


def in_context(shop, **config):
    with contexts(shop.engine, shop.layout, DAY, ContextConfig(**config)) as reader:
        return [row["item_id"] for batch in reader for row in batch.to_pylist()]


@pytest.mark.parametrize("dwell", ["off", "repeat", "weight"])
def test_four_clicks_of_one_time_stand_in_their_sequence(shop, clock, dwell):
    rows = [(1, item, clock("10:00"), place) for place, item in enumerate(ITEMS)]
    random.Random(0).shuffle(rows)
    shop.rows(DAY, rows, NAMES)
    shop.ingest(DAY)
    shop.sessions(DAY, dwell=dwell)
    assert in_session(shop) == ITEMS
    build_splits(shop.engine, shop.layout, DAY, SplitsConfig(test_days=0, validation_days=0))
    assert in_session(shop, "splits") == ITEMS
    assert in_context(shop) == ITEMS
    assert in_context(shop, source="events", max_events=2) == ITEMS[2:]


def test_given_sessions_follow_it_too(shop, clock):
    rows = [(1, item, clock("10:00"), place, "a") for place, item in enumerate(ITEMS)]
    shop.rows(DAY, rows[::-1], f"{NAMES} session_id")
    shop.ingest(DAY)
    shop.sessions(DAY, sessions="given")
    assert in_session(shop) == ITEMS
    assert in_context(shop, sessions="given") == ITEMS


def test_an_item_that_comes_back_within_one_time_is_kept(shop, clock):
    shop.rows(DAY, [(1, item, clock("10:00"), place) for place, item in enumerate([3, 1, 3, 3])], NAMES)
    shop.ingest(DAY)
    shop.sessions(DAY)
    assert in_session(shop) == [3, 1, 3]


def test_without_a_sequence_the_item_ids_order_one_time_whatever_the_order_of_rows(shop, clock):
    shop.rows(DAY, [(1, item, clock("10:00")) for item in ITEMS])
    shop.ingest(DAY)
    shop.sessions(DAY)
    assert in_session(shop) == sorted(ITEMS)
    assert "sequence" not in pq.read_schema(shop.layout.files("sessions", DAY)[0]).names


def test_an_event_without_one_comes_last_in_its_time(shop, clock):
    places = [None, 2, 1, 0]
    rows = [(1, item, clock("10:00"), place) for item, place in zip(ITEMS, places, strict=True)]
    shop.rows(DAY, [*rows, (1, 4, clock("10:01"), None)], NAMES)
    shop.ingest(DAY)
    shop.sessions(DAY)
    assert in_session(shop) == [5, 7, 2, 9, 4]
    assert in_context(shop) == [5, 7, 2, 9, 4]
    assert pq.read_table(shop.layout.files("sessions", DAY))["sequence"].null_count == 0


def test_days_with_and_without_one_fit_together(shop, clock):
    shop.rows("2024-02-29", [(1, 8, clock("2024-02-29 23:59"))])
    shop.rows(DAY, [(1, item, clock("00:01"), place) for place, item in enumerate(ITEMS)], NAMES)
    shop.ingest("2024-02-29", DAY)
    shop.sessions(DAY)
    assert in_session(shop) == [8, *ITEMS]


@pytest.mark.parametrize(
    "values",
    [
        pa.array(range(4), pa.uint8()),
        pa.array(range(4), pa.uint64()),
        pa.array([0.0, 1.0, 2.0, 3.0]),
        pa.array([Decimal(place) for place in range(4)], pa.decimal128(38, 0)),
        pa.array(["8", "9", "10", "11"]),
        pa.array(["8", "9", "10", "11"]).dictionary_encode(),
        pa.array([-(2**63), -1, 0, 2**63 - 1]),
    ],
    ids=lambda values: str(values.type)[:20],
)
def test_any_whole_number_orders(shop, clock, values):
    rows = pa.table({"user_id": [1] * 4, "item_id": ITEMS, "timestamp": [clock("10:00")] * 4, "row": values})
    shop.raw(DAY, rows.take([2, 0, 3, 1]))
    shop.ingest(DAY, sequence_column="row")
    shop.sessions(DAY)
    assert in_session(shop) == ITEMS


def test_what_is_no_whole_number_is_rejected_and_never_rounded(shop, clock):
    places = [1.0, 1.5, 2.0, 3.0]
    shop.rows(DAY, [(1, item, clock("10:00"), place) for item, place in zip(ITEMS, places, strict=True)], NAMES)
    [report] = shop.ingest(DAY)
    assert report.rejected_by_reason == {"sequence is not a whole number of 64 bits": 1}
    with pytest.raises(TooManyRejected, match="sequence is not a whole number"):
        shop.ingest(DAY, max_rejected_share=0.1)


def test_a_column_that_can_order_nothing_is_refused_by_name_or_left_out(shop, clock):
    shop.rows(DAY, [(1, item, clock("10:00"), [1]) for item in ITEMS], NAMES)
    with pytest.raises(DataError, match=r"column 'sequence' of .* set sequence_column to ''"):
        shop.ingest(DAY)
    shop.ingest(DAY, sequence_column="")
    shop.sessions(DAY)
    assert in_session(shop) == sorted(ITEMS)


WIDE = pa.array([2**63 + 3, 2**63 + 1, 2**63 + 2, 2**63], pa.uint64())
FRACTIONS = pa.array([0.5, 1.5, 2.5, 3.5])


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
@pytest.mark.parametrize("values", [WIDE, FRACTIONS, WIDE.cast(pa.string()), pa.array(["a", "", "1e3", " 1"])])
def test_what_is_no_whole_number_of_64_bits_orders_nothing_and_is_told(shop, clock, values):
    shop.raw(DAY, {"user_id": [1] * 4, "item_id": ITEMS, "timestamp": [clock("10:00")] * 4, "sequence": values})
    [report] = shop.ingest(DAY)
    assert report.rejected_by_reason == {"sequence is not a whole number of 64 bits": 4}


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_equal_places_are_ordered_by_the_item_and_other_times_by_the_time(shop, clock):
    places = [(9, 0, "10:00"), (2, 0, "10:00"), (7, -5, "10:01"), (5, 0, "09:59")]
    shop.rows(DAY, [(1, item, clock(time), place) for item, place, time in places], NAMES)
    shop.ingest(DAY)
    shop.sessions(DAY)
    assert in_session(shop) == [5, 2, 9, 7]


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_files_of_one_day_may_write_it_in_other_types(shop, clock):
    typed = [pa.array([3], pa.uint8()), pa.array([2.0]), pa.array(["1"]), pa.array([Decimal(0)], pa.decimal128(38, 0))]
    for number, (item, place) in enumerate(zip(ITEMS, typed, strict=True)):
        rows = {"user_id": [1], "item_id": [item], "timestamp": [clock("10:00")], "sequence": place}
        shop.raw(DAY, rows, name=f"{number}.parquet")
    [report] = shop.ingest(DAY)
    assert (report.rows, report.rejected) == (4, 0)
    shop.sessions(DAY)
    assert in_session(shop) == ITEMS[::-1]


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_a_clock_is_no_place_and_is_refused_by_name(shop, clock):
    shop.rows(DAY, [(1, item, clock("10:00"), clock("10:00")) for item in ITEMS], NAMES)
    with pytest.raises(DataError, match=r"column 'sequence' of .* set sequence_column to ''"):
        shop.ingest(DAY)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_mapping_names_it(shop, duckdb_engine, tmp_path, kind):
    log = tmp_path / f"log.{kind}"
    rows = list(enumerate(ITEMS))[::-1]
    if kind == "csv":
        log.write_text("at,who,what,row\n" + "".join(f"2024-03-01 10:00,1,{item},{row}\n" for row, item in rows))
    elif kind == "jsonl":
        log.write_text(
            "".join(f'{{"at": "2024-03-01 10:00", "who": 1, "what": {item}, "row": {row}}}\n' for row, item in rows)
        )
    else:
        places, items = zip(*rows, strict=True)
        pq.write_table(pa.table({"at": ["2024-03-01 10:00"] * 4, "who": [1] * 4, "what": items, "row": places}), log)
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        f'[events]\nformat = "{kind}"\nuser_id = "who"\nitem_id = "what"\ntimestamp = "at"\nsequence = "row"\n'
    )
    import_mapped(duckdb_engine, shop.layout, log, mapping=mapping)
    shop.ingest(DAY)
    shop.sessions(DAY)
    assert [int(item) for item in in_session(shop)] == ITEMS

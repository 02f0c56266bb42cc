"""The band on series of days that are written down."""

import datetime as dt

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.realised.band import band, curve
from warehouse.tables import REALISED

FIRST = dt.date(2026, 1, 1)


@pytest.fixture
def series(layout):
    """Writes the days of a series of recalls (None: a day without rows), the last with the end of its interval; returns
    the last day."""

    def write(values, high=None):
        for number, value in enumerate(values):
            day = FIRST + dt.timedelta(days=number)
            rows = [
                {"run_date": day, "lists": lists, "by": by, "group": "all", "k": k, "recall": value if good else 0.9}
                | {"recall_high": high}
                for lists in ("published", "popular")
                for by in ("all", "kind")
                for k in (10, 20)
                if value is not None
                for good in [(lists, by, k) == ("published", "all", 20)]
            ]
            path = layout.partition("realised", day)
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(rows, schema=REALISED.schema()), path)
        return FIRST + dt.timedelta(days=len(values) - 1)

    return write


def test_a_day_that_cannot_be_read_is_left_out_with_a_warning(layout, series, caplog):
    last = series([0.30, 0.32, 0.31])
    layout.partition("realised", FIRST).write_bytes(b"no parquet")
    assert {row["run_date"] for row in curve(layout, last, 9)} == {FIRST + dt.timedelta(days=1), last}
    assert f"the realised figures of {FIRST} cannot be read" in caplog.text


def test_below_the_median_by_more_than_four_deviations_is_out_of_the_band(layout, series):
    steady = [0.30, 0.32, 0.31, 0.29, 0.30]  # median 0.30, median absolute deviation 0.01
    found = band(layout, series([*steady, 0.259]))
    assert found is not None
    assert found.low == pytest.approx(0.26)
    assert found.fell
    assert not band(layout, series([*steady, 0.261])).fell
    assert not band(layout, series([*steady, 0.9])).fell


def test_a_day_whose_interval_reaches_into_the_band_has_not_fallen(layout, series):
    steady = [0.30, 0.32, 0.31, 0.29, 0.30]
    assert not band(layout, series([*steady, 0.2], high=0.27)).fell
    assert band(layout, series([*steady, 0.2], high=0.25)).fell


def test_one_bad_night_hardly_moves_the_band_and_old_nights_do_not(layout, series):
    steady = [0.30, 0.32, 0.31, 0.29, 0.30, 0.31, 0.29]
    assert band(layout, series([*steady, 0.0, 0.30])).low == pytest.approx(0.26, abs=0.011)
    assert band(layout, series([0.9] * 20 + steady * 2 + [0.2])).low == pytest.approx(0.26)


def test_a_few_nights_make_no_band_and_days_without_rows_do_not_count(layout, series):
    found = band(layout, series([0.3, 0.3, None, None, 0.3, 0.3, 0.0]))
    assert found is not None
    assert (found.low, found.nights, found.fell) == (None, 4, False)
    assert band(layout, series([0.3, None])) is None


def test_the_curve_is_both_lists_of_the_newest_scored_days_in_order(layout, series):
    last = series([0.1, None, 0.2, 0.3])
    assert [(r["lists"], r["recall"]) for r in curve(layout, last, 2)] == [
        ("published", 0.2), ("popular", 0.9), ("published", 0.3), ("popular", 0.9),
    ]  # fmt: skip
    assert [r["recall"] for r in curve(layout, FIRST, 5)] == [0.1, 0.9]

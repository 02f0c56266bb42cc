"""Times of every type stand in the same order."""

import itertools
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gru4rec.data.times import as_times

SECONDS = [1396807691, 1396807692, 1396807000]
MOMENTS = [datetime.fromtimestamp(second, UTC) for second in SECONDS]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Athens"])
def test_timestamps_keep_their_unit(unit: str, zone: str | None) -> None:
    values, kind = as_times(pa.array(SECONDS).cast(pa.timestamp("s")).cast(pa.timestamp(unit, zone)))
    scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    assert (values.tolist(), kind) == ([second * scale for second in SECONDS], pa.timestamp(unit, zone))


@pytest.mark.parametrize(
    "column",
    [
        pa.array(SECONDS),
        pa.array(SECONDS, pa.uint64()),
        pa.array(map(float, SECONDS)),
        pa.array(list(map(Decimal, SECONDS)), pa.decimal128(38, 0)),
        pa.array(list(map(str, SECONDS))),
        pa.array(list(map(str, SECONDS)), pa.string_view()),
        pa.array(list(map(str, SECONDS))).dictionary_encode(),
    ],
    ids=lambda column: str(column.type),
)
def test_whole_numbers_stay_as_they_are(column: pa.Array) -> None:
    assert as_times(column).values.tolist() == SECONDS


@pytest.mark.parametrize(
    "column",
    [
        pa.array([second + 0.869 for second in SECONDS]),
        pa.array([f"{second}.869" for second in SECONDS]),
        pa.array([Decimal(second) + Decimal("0.869") for second in SECONDS]),
        pa.array([moment.strftime("%Y-%m-%dT%H:%M:%S.869") for moment in MOMENTS]),
        pa.array([moment.strftime("%Y-%m-%d %H:%M:%S.869Z") for moment in MOMENTS]),
        pa.array([moment.strftime("%Y-%m-%dT%H:%M:%S.869000000") for moment in MOMENTS]),
    ],
    ids=lambda column: str(column[0]),
)
def test_fractions_of_seconds_are_kept(column: pa.Array) -> None:
    values, kind = as_times(column)
    assert [round(value / {"us": 1e3, "ns": 1e6}[kind.unit]) for value in values] == [s * 1000 + 869 for s in SECONDS]


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()])
def test_dates_are_times(kind: pa.DataType) -> None:
    values, unit = as_times(pa.array([date(2026, 1, 2), date(2026, 1, 1)], kind))
    assert pa.array(values).cast(unit).to_pylist() == [datetime(2026, 1, 2), datetime(2026, 1, 1)]


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (pa.array([1.0, float("nan")]), r"1 of 2 times are missing \(NaN\); drop those rows first"),
        (pa.array([1, None]), "1 of 2 times are missing; drop those rows first"),
        (pa.array(["2026-01-01", "2026-01-01T00:00Z"]), "the time column is string; use a timestamp or whole numbers"),
        (pa.array(["", "1"]), "begins with ''"),
        (pa.array([2**63], pa.uint64()), "the time column is uint64"),
        (pa.array([1e300]), r"the time column is double and holds 1e\+300"),
        (pa.array([0.1, 1e15]), "holds 1000000000000000.0"),
        (pa.array([1e-300, 2e-300]), "differ by less than a nanosecond"),
        (pa.array([True]), "the time column is bool"),
        (pa.array([1], pa.duration("s")), "the time column is duration"),
        (pa.array([[1]]), "the time column is list"),
    ],
)
def test_what_is_no_time_is_refused(column: pa.Array, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        as_times(column)


@given(st.lists(st.floats(min_value=-9e9, max_value=9e9, allow_nan=False), min_size=1))
@settings(max_examples=200, deadline=None)
def test_floats_keep_their_order_or_are_refused(times: list[float]) -> None:
    try:
        values = as_times(pa.array(times, pa.float64())).values.tolist()
    except ValueError:  # differences below a nanosecond
        assert min(abs(one - other) for one in times for other in times if one != other) < 1e-9
        return
    both = sorted(zip(times, values, strict=True))
    assert all((a < c) == (b < d) and (a == c) == (b == d) for (a, b), (c, d) in itertools.pairwise(both))

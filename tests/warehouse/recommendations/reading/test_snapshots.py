"""A night is found whole and read whole, whatever is written later."""

import datetime as dt

import pytest

from warehouse import recommendations as table


@pytest.fixture
def three(nights):
    for day in (0, 1, 2):
        nights.publish(day)
    return nights


def test_latest_tells_the_newest_night_and_its_age(three):
    newest = table.latest(three.layout, today=three.day(4))
    assert (newest.run_date, newest.age_days, newest.model_version, newest.mlflow_run_id) == (
        three.day(2),
        2,
        7,
        "run7",
    )


def test_a_stale_night_is_refused_only_when_freshness_is_asked_for(three):
    assert table.latest(three.layout, today=three.day(3), max_age_days=1).run_date == three.day(2)
    with pytest.raises(table.StaleNight, match=r"2026-01-12, 2 days old, and at most 1 are accepted"):
        table.latest(three.layout, today=three.day(4), max_age_days=1)


def test_the_newest_night_is_found_without_opening_the_others(three):
    for file in three.layout.recommendations.glob("run_date=2026-01-1[01]/*.parquet"):
        file.write_bytes(b"unreadable")
    assert table.latest(three.layout).to_arrow().num_rows == 150
    assert len(table.for_user(three.layout, 7)) == 5


def test_night_streams_in_order_and_only_the_columns_asked_for(three):
    found = table.night(three.layout, three.day(1))
    sizes = [batch.num_rows for batch in found.batches(["user_id", "rank"], rows=64)]
    assert sum(sizes) == 150
    rows = found.to_arrow(["user_id", "rank"]).to_pydict()
    pairs = list(zip(*rows.values(), strict=True))
    assert pairs == sorted(pairs)
    with pytest.raises(table.RecommendationsError, match="no column no_such"):
        found.to_arrow(["no_such"])


@pytest.mark.parametrize("given", ["2026-01-11", dt.datetime(2026, 1, 11, 2, tzinfo=dt.UTC)])
def test_a_night_may_be_named_by_text_or_a_time_of_it(three, given):
    second = three.day(1)
    assert table.night(three.layout, given).run_date == second
    assert table.for_user(three.layout, 7, run_date=given) == table.for_user(three.layout, 7, run_date=second)
    assert table.verify(three.layout, given).run_date == second
    assert table.compare(three.layout, given, second)["overlap"].to_pylist() == [1.0]
    assert table.rollback(three.layout, to_night=given).newest == second


def test_what_is_no_day_or_no_age_is_one_sentence(three):
    for ask in (table.night, table.verify, lambda where, day: table.rollback(where, to_night=day)):
        with pytest.raises(ValueError, match="'yesterday' is not a day: write it as YYYY-MM-DD"):
            ask(three.layout, "yesterday")
    for age in ("3", -1, 1.5):
        with pytest.raises(table.RecommendationsError, match=f"max_age_days is {age!r}: it must be a whole number"):
            table.latest(three.layout, max_age_days=age)


def test_a_missing_table_or_night_is_one_sentence(nights, three):
    with pytest.raises(table.NoNight, match=r"no recommendations table at .*run a night first"):
        table.latest(nights.layout.root / "elsewhere")
    with pytest.raises(FileNotFoundError, match="has no night 2025-01-01: it holds 3, 2026-01-10 to 2026-01-12"):
        table.night(three.layout, dt.date(2025, 1, 1))
    table.retain(three.layout, 1)
    with pytest.raises(table.NoNight, match="it holds 2026-01-12 alone"):
        table.night(three.layout, three.day(0))

"""The schedule asks for the night of every UTC day exactly once, in any zone, over two years of Dagster's own ticks."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import takewhile

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from pipelines.definitions import defs
from pipelines.nights.schedule import nights_of
from warehouse.days import days_between

FIRST, LAST = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)
DAILY_TICKS = [
    ("Europe/Athens", "0 2 * * *"),
    ("Europe/London", "30 0 * * *"),
    ("Europe/London", "30 1 * * *"),
    ("Europe/Berlin", "30 1 * * *"),
    ("Europe/Berlin", "30 2 * * *"),
    ("America/New_York", "30 1 * * *"),
    ("America/New_York", "0 20 * * *"),
    ("Australia/Lord_Howe", "45 1 * * *"),
    ("Australia/Lord_Howe", "30 10 * * *"),
    ("Asia/Kolkata", "30 5 * * *"),
    ("Pacific/Apia", "0 2 * * *"),
    ("America/St_Johns", "15 21 * * *"),
    ("UTC", "0 0 * * *"),
    ("UTC", "0 2 * * *"),
    ("America/Havana", "0 0 * * *"),  # midnight itself is skipped, and comes twice
    ("Asia/Beirut", "0 0 * * *"),
    ("Atlantic/Azores", "30 0 * * *"),
    ("Africa/Casablanca", "30 2 * * *"),  # put back for Ramadan
    ("Pacific/Chatham", "45 2 * * *"),
    ("America/Santiago", "59 23 * * *"),
]
OTHER_TICKS = [
    ("Europe/Berlin", "0 2,14 * * *"),
    ("Europe/Berlin", "0 * * * *"),
    pytest.param("Australia/Lord_Howe", "*/15 * * * *", marks=pytest.mark.slow),
    ("Europe/London", "30 1 * 3,10 *"),
    ("UTC", "0 2 * * 1-5"),
    ("Europe/Athens", "0 2 * * 0"),
    ("America/New_York", "30 2 1 * *"),
]


@cache
def ticks(zone: str, cron: str) -> list[datetime]:
    """Those of two years; of one, in which clocks change both ways too, where there are many a day."""
    last = FIRST + timedelta(days=400) if cron.startswith("*/") else LAST
    return list(takewhile(last.__gt__, schedule_execution_time_iterator(FIRST.timestamp(), cron, zone)))


@pytest.mark.parametrize(("zone", "cron"), [*DAILY_TICKS, *OTHER_TICKS])
def test_every_day_is_asked_for_once_after_it_is_over(zone: str, cron: str) -> None:
    walked = ticks(zone, cron)
    asked = [(tick, night) for tick in walked for night in nights_of(tick, cron, zone)]
    nights = [night for _, night in asked]
    assert nights == days_between(nights[0], nights[-1]), Counter(nights).most_common(3)
    assert nights[0] <= date(2025, 1, 2)
    assert nights[-1] >= (walked[-1] - timedelta(days=2)).date()
    for tick, night in asked:
        assert datetime(night.year, night.month, night.day, tzinfo=UTC) + timedelta(days=1) <= tick


@pytest.mark.parametrize(("zone", "cron"), DAILY_TICKS)
def test_a_daily_tick_asks_as_soon_as_the_day_is_over(zone: str, cron: str) -> None:
    for tick in ticks(zone, cron):
        for night in nights_of(tick, cron, zone):
            assert tick - datetime(night.year, night.month, night.day, tzinfo=UTC) < timedelta(days=3)


def test_where_clocks_change_a_tick_has_two_nights_or_none() -> None:
    counts = {
        tick.date().isoformat(): len(nights_of(tick, "0 2 * * *", "Europe/Athens"))
        for tick in ticks("Europe/Athens", "0 2 * * *")
    }
    assert {day: n for day, n in counts.items() if n != 1} == {
        "2025-03-31": 0,
        "2025-10-27": 2,
        "2026-03-30": 0,
        "2026-10-26": 2,
    }


def test_dagster_gets_a_run_request_a_night_in_order_of_date(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.nights import schedule
    from pipelines.settings.sections import Schedule

    weekly = Schedule(cron="0 2 * * 0", timezone="UTC")
    monkeypatch.setattr(schedule, "_knobs", weekly)
    tick = datetime(2026, 1, 11, 2, tzinfo=UTC)  # a Sunday; the partitions of these tests end with 8 January
    with dg.build_schedule_context(scheduled_execution_time=tick, repository_def=defs.get_repository_def()) as context:
        asked = schedule.nightly_schedule.evaluate_tick(context).run_requests or []
    days = [f"2026-01-0{day}" for day in range(4, 9)]
    assert [request.partition_key for request in asked] == days
    assert [request.run_key for request in asked] == days

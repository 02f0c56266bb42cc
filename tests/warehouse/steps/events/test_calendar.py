"""Which days of a window were delivered, read, delivered again, missing."""

import os
import shutil
from datetime import date, timedelta

import pytest

from warehouse.days import spans
from warehouse.steps.events.calendar import calendar

FIRST, LAST = date(2024, 2, 20), date(2024, 3, 1)


@pytest.fixture
def week(shop, clock):
    """Raw events of 26, 27, 29 February and 1 March; those of 26 and 27 are read."""
    for day in ("2024-02-26", "2024-02-27", "2024-02-29", "2024-03-01"):
        shop.rows(day, [(1, 1, clock(f"{day} 10:00"))])
    shop.ingest("2024-02-26", "2024-02-27")
    return shop


def test_days_count_from_the_first_that_was_ever_delivered(week):
    found = calendar(week.layout, FIRST, LAST)
    assert (found.days[0], found.days[-1], len(found.days)) == (date(2024, 2, 26), LAST, 5)
    assert found.read == (date(2024, 2, 26), date(2024, 2, 27))
    assert found.unread == (date(2024, 2, 29), LAST)
    assert found.missing == (date(2024, 2, 28),)
    assert found.stale == ()
    assert found.problem() == (
        "2024-02-28 of the window was not delivered; 2024-02-29 to 2024-03-01 of the window were delivered but not read"
    )


def test_a_day_whose_raw_files_change_in_any_way_is_stale_until_it_is_read_again(week, clock):
    day = date(2024, 2, 27)

    def stale():
        return calendar(week.layout, FIRST, LAST).stale == (day,)

    file = week.rows(day, [(1, 1, clock("2024-02-27 10:00")), (1, 2, clock("2024-02-27 11:00"))])
    assert stale()
    week.ingest(day)
    assert not stale()
    more = week.rows(day, [(1, 3, clock("2024-02-27 12:00"))], name="late.parquet")
    assert stale()
    week.ingest(day)
    more.unlink()
    assert stale()
    week.ingest(day)
    same = bytearray(file.read_bytes())
    same[-20] ^= 1
    file.write_bytes(same)
    assert stale(), "the same size, another byte"


def test_a_copy_of_the_data_folder_is_not_delivered_again(week, tmp_path):
    for file in week.layout.raw_events("2024-02-27").iterdir():
        os.utime(file, (0, 0))
    shutil.copytree(week.layout.root, tmp_path / "copy", copy_function=shutil.copyfile)
    for root in (week.layout.root, tmp_path / "copy"):
        assert calendar(type(week.layout)(root), FIRST, LAST).stale == ()


def test_a_day_without_its_record_is_read_again_and_one_whose_raw_files_went_away_is_not(week):
    week.layout.delivery("2024-02-26").write_text("{")
    shutil.rmtree(week.layout.raw_events("2024-02-27"))
    found = calendar(week.layout, FIRST, LAST)
    assert found.stale == (date(2024, 2, 26),)
    assert date(2024, 2, 27) in found.read
    assert found.missing == (date(2024, 2, 28),)


def test_an_empty_raw_folder_is_no_delivery(week):
    week.layout.raw_events("2024-02-28").mkdir()
    assert calendar(week.layout, FIRST, LAST).missing == (date(2024, 2, 28),)


def test_days_are_told_in_spans_of_a_bounded_number():
    days = [LAST + timedelta(days=n) for n in (0, 1, 2, 5, 9, 10)]
    assert spans(days) == "2024-03-01 to 2024-03-03, 2024-03-06, 2024-03-10 to 2024-03-11"
    assert spans(days, 1) == "2024-03-01 to 2024-03-03 and 3 more days"
    assert spans([LAST]) == "2024-03-01"

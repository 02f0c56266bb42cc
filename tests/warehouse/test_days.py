"""Days: read from text, counted, and as windows."""

from datetime import date

import pytest

from warehouse.days import as_day, days_between, first_of_window


def test_days_are_read_and_counted():
    assert len(days_between(date(2024, 2, 27), date(2024, 3, 2))) == 5
    with pytest.raises(ValueError, match=r"'01\.03\.2024' is not a day"):
        as_day("01.03.2024")


def test_a_window_ends_with_its_last_day():
    assert first_of_window(date(2024, 3, 1), 1) == date(2024, 3, 1)
    assert first_of_window(date(2024, 3, 1), 2) == date(2024, 2, 29)

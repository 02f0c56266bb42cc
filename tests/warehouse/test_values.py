"""Values are accepted, or refused with a sentence that names field and value."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse import values


class Refused(ValueError):
    pass


@given(st.floats(allow_nan=True) | st.integers() | st.booleans() | st.text(), st.integers(-5, 5))
def test_at_least_takes_numbers_from_the_bound_on_and_nothing_else(value, low):
    good = isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value) and value >= low
    if good:
        values.at_least("field", value, low)
    else:
        with pytest.raises(Refused, match="field is "):
            values.at_least("field", value, low, error=Refused)


@given(st.floats(allow_nan=True))
def test_a_share_lies_between_0_and_1(value):
    for below_one in (False, True):
        if 0 <= value <= 1 and not (below_one and value == 1):
            values.a_share("field", value, below_one=below_one)
        else:
            with pytest.raises(ValueError, match=r"field is .*: it is a share"):
                values.a_share("field", value, below_one=below_one)


@pytest.mark.parametrize("wrong", [0, -1.0, math.nan, True, "1", None])
def test_above_zero(wrong):
    values.above_zero("field", 0.1)
    with pytest.raises(ValueError, match=r"field is .*: it must be a number above 0"):
        values.above_zero("field", wrong)


def test_one_of_names_the_choices():
    values.one_of("field", "a", ("a", "b"))
    with pytest.raises(ValueError, match="field is 'c': choose one of 'a', 'b'"):
        values.one_of("field", "c", ("a", "b"))


def test_dates_come_as_dates_or_text():
    assert values.a_date("field", "2026-01-31") == values.a_date("field", date(2026, 1, 31)) == date(2026, 1, 31)
    for wrong in ("soon", "", None, 5):
        with pytest.raises(ValueError, match=r"field is .*: it must be a date like 2026-01-31"):
            values.a_date("field", wrong)


@pytest.mark.parametrize("wrong", ["much", "1GB; DROP", "", "GB", None])
def test_a_memory_size_has_a_number_and_a_unit(wrong):
    for good in ("2GB", "500 MB", "1.5GiB", "80%"):
        values.a_memory_size("field", good)
    with pytest.raises(ValueError, match=r"field is .*: write it like 2GB or 500MB"):
        values.a_memory_size("field", wrong)

"""Values are accepted, or refused with a sentence that names field and value."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse import values


class Refused(ValueError):
    pass


ANYTHING = st.floats(allow_nan=True) | st.integers() | st.booleans() | st.text() | st.lists(st.integers()) | st.none()


@given(ANYTHING, st.integers(-5, 5))
def test_whole_numbers_between_two_bounds_and_nothing_else(value, low):
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= 100:
        values.whole("field", value, low, 100)
    else:
        with pytest.raises(Refused, match="field is "):
            values.whole("field", value, low, 100, error=Refused)


@given(ANYTHING)
def test_numbers_between_two_bounds_and_nothing_else(value):
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e9:
        values.between("field", value, 0, 1e9)
    else:
        with pytest.raises(ValueError, match=r"field is .*: it must be a number from 0 to 1e"):
            values.between("field", value, 0, 1e9)


@given(st.recursive(ANYTHING, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_what_is_no_text_and_no_list_of_texts_is_refused(value):
    if isinstance(value, str) and value and "\0" not in value:
        assert values.a_text("field", value) == value
    else:
        with pytest.raises(ValueError, match=r"field is .*: text is expected"):
            values.a_text("field", value)
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        with pytest.raises(ValueError, match=r"field is .*: a list of texts is expected"):
            values.texts("field", value)


def test_one_column_has_one_role_but_a_user_may_name_the_session():
    values.distinct_roles({"user_id": "visit", "session_id": "visit", "item_id": "sku"}, "the mapping")
    with pytest.raises(ValueError, match="the mapping: user_id and item_id both name 'a'"):
        values.distinct_roles({"user_id": "a", "item_id": "a"}, "the mapping")


@pytest.mark.parametrize("wrong", ["", "Mars/Olympus", "x" * 300, "../etc", 5, None, []])
def test_a_zone_is_one_that_there_is(wrong):
    assert values.a_zone("field", "Europe/Athens") == "Europe/Athens"
    with pytest.raises(ValueError, match=r"field is .*: it must be a time zone"):
        values.a_zone("field", wrong)


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


@pytest.mark.parametrize(
    "wrong", ["much", "1GB; DROP", "", "GB", None, "500%", "0%", "0GB", "1KB", "9e9GB", "99999999TB", "١GB", "9" * 5000]
)
def test_a_memory_size_has_a_number_and_a_unit(wrong):
    for good in ("2GB", "500 MB", "1.5GiB", "80%"):
        values.a_memory_size("field", good)
    with pytest.raises(ValueError, match=r"field is .*: write it like 2GB or 500MB"):
        values.a_memory_size("field", wrong)

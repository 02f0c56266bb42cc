"""Sentences stay short and printable, whatever was given; gru4rec and warehouse have the same two functions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gru4rec.config import sentences
from warehouse import sentences as of_warehouse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@given(VALUES)
def test_a_value_is_shown_in_a_few_hundred_characters(value: object) -> None:
    text = sentences.shown(value)
    assert 0 < len(text) < 3000
    assert of_warehouse.shown(value) == text


@given(st.text(max_size=3000))
def test_a_brief_sentence_is_one_printable_line(text: str) -> None:
    line = sentences.brief(text)
    assert len(line) <= sentences.LONGEST
    assert line.isprintable()
    assert of_warehouse.brief(text) == line


def test_what_is_short_stays_as_it_is_and_what_is_long_keeps_its_ends() -> None:
    assert sentences.shown([1, "a"]) == "[1, 'a']"
    assert sentences.shown(10**5000) == "a whole number of about 5001 digits"
    assert sentences.brief("n is 0;\n use 1") == "n is 0; use 1"
    line = sentences.brief("it begins " + "x" * 5000 + " and ends")
    assert line.startswith("it begins xx")
    assert line.endswith("xx and ends")


@pytest.mark.parametrize("depth", [10, 900])
def test_a_deep_value_is_shown(depth: int) -> None:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    assert len(sentences.shown(value)) < 50

"""The same ids out of every type that tools write, or one sentence."""

from decimal import Decimal
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gru4rec.data.ids import as_ids, as_keys
from gru4rec.data.vocabulary import Vocabulary

NUMBERS = [7, 100, 7, 1]
WHOLE = [
    *(pa.array(NUMBERS, kind()) for kind in (pa.int8, pa.int16, pa.int32, pa.int64)),
    *(pa.array(NUMBERS, kind()) for kind in (pa.uint8, pa.uint16, pa.uint32, pa.uint64)),
    *(pa.array(map(float, NUMBERS), kind) for kind in (pa.float32(), pa.float64())),
    pa.array(np.array(NUMBERS, np.float16)),
    *(pa.array(NUMBERS).cast(kind) for kind in (pa.decimal128(38, 0), pa.decimal256(76, 0), pa.decimal128(25, 3))),
    *(pa.array(NUMBERS, pa.int16()).cast(kind) for kind in (pa.decimal32(9, 0), pa.decimal64(18, 2))),
    pa.array(NUMBERS, pa.int32()).dictionary_encode(),
    pa.array(map(float, NUMBERS)).dictionary_encode(),
    pa.compute.run_end_encode(pa.array(NUMBERS)),
]
LARGE = [2**63 - 1, 2**63, 2**64 - 1, 5]
IDS = [UUID(int=number) for number in (3, 2**127, 3, 0)]
BYTES = [one.bytes for one in IDS]
TEXT = ["7", "007", "ü", "7"]


@pytest.mark.parametrize("column", WHOLE, ids=lambda column: str(column.type))
def test_whole_numbers_of_any_type_are_int64(column: pa.Array) -> None:
    for given_as in (column, pa.chunked_array([column.slice(0, 1), column.slice(1)])):
        assert as_ids(given_as).equals(pa.array(NUMBERS, pa.int64()))


@pytest.mark.parametrize(
    "column",
    [
        pa.array(TEXT),
        pa.array(TEXT, pa.large_string()),
        pa.array(TEXT, pa.string_view()),
        pa.array(TEXT).dictionary_encode(),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 0]), pa.array(["7", "007", "ü"], pa.string_view())),
        pa.array([text.encode() for text in TEXT]),
        pa.array([text.encode() for text in TEXT], pa.large_binary()),
        pa.array([text.encode() for text in TEXT], pa.binary_view()),
        np.array(TEXT),
        TEXT,
    ],
    ids=lambda column: str(getattr(column, "type", type(column).__name__)),
)
def test_text_stays_text_and_digits_too(column: pa.Array) -> None:
    assert as_ids(column).equals(pa.array(TEXT, pa.string()))


@pytest.mark.parametrize("column", [pa.array(IDS), pa.array(BYTES, pa.binary(16)), pa.array(list(map(str, IDS)))])
def test_a_uuid_is_text(column: pa.Array) -> None:
    assert as_ids(column).to_pylist() == [str(one) for one in IDS]
    assert as_keys(column).to_pylist() == [str(one) for one in IDS]


@pytest.mark.parametrize(
    "column", [pa.array(LARGE, pa.uint64()), pa.array(list(map(Decimal, LARGE)), pa.decimal128(38, 0)), LARGE]
)
def test_what_int64_cannot_hold_is_text_and_never_wrapped(column) -> None:
    assert as_ids(column).to_pylist() == [str(number) for number in LARGE]
    with pytest.raises(ValueError, match="64-bit integers with a sign here, and 18446744073709551615 does not fit"):
        as_ids(column, like=pa.int64())


def test_ids_of_a_hash_are_found_again_though_they_are_all_small() -> None:
    vocabulary = Vocabulary.build(pa.array(LARGE, pa.uint64()))
    assert vocabulary.decode(vocabulary.encode(pa.array([5, 2**63], pa.uint64()))).to_pylist() == ["5", str(2**63)]


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (pa.array([1.0, float("nan")]), r"1 of 2 item ids are missing \(NaN\); drop those rows first"),
        (pa.array([1, None]), "1 of 2 item ids are null; drop those rows first"),
        (pa.array([None, None]), "2 of 2 item ids are null"),
        (pa.array([1.0, 12.5]), r"item ids are double; use integers or strings \(12.5 is no whole number\)"),
        (pa.array([1.0, float("inf")]), "inf is no whole number"),
        (pa.array([2.0**53]), "double, which cannot tell 9007199254740992 from its neighbours"),
        (pa.array([2.0**24], pa.float32()), "float, which cannot tell 16777216 from its neighbours"),
        (
            pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0], pa.int8())),
            "item ids are bool; use integers or strings",
        ),
        (pa.array([Decimal("1.5")]), r"item ids are decimal128\(2, 1\); use integers or strings"),
        (pa.array([b"\xff\xfe"]), "bytes that are no UTF-8 text"),
        (pa.array([[1]]), "item ids are list"),
        (pa.array([True]), "item ids are bool"),
        (pa.array([0], pa.timestamp("us")), "item ids are timestamp"),
        ([2**64], "does not fit into 64 bits; use strings"),
        ([-1, 2**63], "does not fit into 64 bits; use strings"),
        ({1: 2}, "item ids are a dict"),
    ],
)
def test_what_can_be_no_id_is_refused(column, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        as_ids(column)


@given(st.lists(st.floats(width=64), min_size=1))
@settings(max_examples=200, deadline=None)
def test_floats_are_kept_exactly_or_refused(values: list[float]) -> None:
    try:
        ids = as_ids(pa.array(values, pa.float64()))
    except ValueError:
        assert not all(value.is_integer() and abs(value) < 2**53 for value in values)
    else:
        assert ids.to_pylist() == values

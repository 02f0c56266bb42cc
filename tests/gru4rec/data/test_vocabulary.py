import numpy as np
import pyarrow as pa
import pytest

from gru4rec.data.vocabulary import Vocabulary


def test_ids_stand_in_ascending_order_with_their_counts() -> None:
    vocabulary = Vocabulary.build([30, 10, 30, 20, 30])
    assert vocabulary.ids.to_pylist() == [10, 20, 30]
    assert vocabulary.counts.tolist() == [1, 1, 3]
    assert len(vocabulary) == 3


@pytest.mark.parametrize(
    "ids",
    [
        pa.array([3, 1], pa.int32()),
        pa.chunked_array([[3], [1]], pa.uint16()),
        np.array([3, 1], dtype=np.int16),
        [3, 1],
        pa.array([3, 1]).dictionary_encode(),
    ],
)
def test_integers_of_any_width_become_int64(ids) -> None:
    vocabulary = Vocabulary.build(ids)
    assert vocabulary.ids.type == pa.int64()
    assert vocabulary.encode(ids).tolist() == [1, 0]


@pytest.mark.parametrize(
    "ids",
    [
        ["b", "a"],
        np.array(["b", "a"]),
        pa.array(["b", "a"], pa.large_string()),
        pa.array(["b", "a"]).dictionary_encode(),
    ],
)
def test_strings_of_any_kind_become_strings(ids) -> None:
    vocabulary = Vocabulary.build(ids)
    assert vocabulary.ids.type == pa.string()
    assert vocabulary.encode(ids).tolist() == [1, 0]


@pytest.mark.parametrize("known", [[5, 7, 9], ["5", "7", "9"]])
def test_unknown_ids_are_minus_one(known) -> None:
    vocabulary = Vocabulary.build(known)
    kind = type(known[0])
    assert vocabulary.encode([kind(9), kind(1), kind(8), kind(99)]).tolist() == [2, -1, -1, -1]
    assert vocabulary.encode([]).tolist() == []


def test_decode_is_the_inverse_and_refuses_what_is_outside() -> None:
    vocabulary = Vocabulary.build(["x", "y"])
    assert vocabulary.decode([1, 0, 1]).to_pylist() == ["y", "x", "y"]
    with pytest.raises(IndexError):
        vocabulary.decode([2])


def test_ids_of_another_type_are_refused() -> None:
    with pytest.raises(ValueError, match="item ids are string here, but the vocabulary was built from int64"):
        Vocabulary.build([1, 2]).encode(["1"])


def test_ids_of_mixed_type_are_refused() -> None:
    with pytest.raises(ValueError, match="mixed type"):
        Vocabulary.build([1, "2"])


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [([1, None], "1 of 2 item ids are null"), ([1.5], "use integers or strings"), ([], "no events")],
)
def test_ids_that_cannot_be_are_refused(ids, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Vocabulary.build(ids)

"""One column of an items table as a feature field: which rows of the field's table each item reads, times which weight.

| kind | column | an item reads |
|---|---|---|
| categorical | text, integers, booleans | the row of its value |
| multi | lists, or text such as "Comedy|Drama" | the row of each of its values |
| numeric | numbers | one row, times (x - mean) / deviation |
| binned | numbers | the row of its bin (equally filled) |
| text | text | the rows of its hashed words and pairs of words |

Row 0 of every field stands for "missing": no value, a number that is not finite, or only values that no warm item has.
"""

import itertools
import re
import zlib
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SEPARATOR = "|"
BINS = 10
BUCKETS = 4096  # rows that words are hashed to
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class FeatureField:
    """A field and what was learnt about it.

    Attributes:
        name: the column's.
        kind: as in the table above.
        rows: how many rows its table has, the missing row included.
        values: the text that each row but the first stands for (categorical, multi, text).
        edges: the borders between its bins (binned).
        mean, deviation: what its numbers are centred and scaled by (numeric).
    """

    name: str
    kind: str
    rows: int
    values: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    mean: float = 0.0
    deviation: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """The field as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "FeatureField":
        """The field that `to_json` wrote."""
        return cls(**{**content, "values": tuple(content["values"]), "edges": tuple(content["edges"])})


class Entries(NamedTuple):
    """What the I items read of one field: item i reads rows[offsets[i]:offsets[i+1]], at least one, times weight.

    Attributes:
        offsets: int64 [I+1].
        rows: row numbers of the field's table, int64 [E].
        weight: float32 [E].
    """

    offsets: np.ndarray
    rows: np.ndarray
    weight: np.ndarray


def encode_field(name: str, kind: str, column: pa.Array, warm: np.ndarray) -> tuple[FeatureField, Entries]:
    """Learn a field from a column and encode it.

    Args:
        name: of the column.
        kind: as in the table above, or "auto" for what the column looks like.
        column: the value of each item, null where it has none [I].
        warm: which items training knows, bool [I]. Values that only others have are missing, because nothing can be
            learnt about them.

    Raises:
        ValueError: the kind cannot read such a column, or no warm item has a value.
    """
    kind = _kind_of(name, column) if kind == "auto" else kind
    if kind in ("numeric", "binned"):
        return _encode_numbers(name, kind, column, warm)
    if kind == "categorical":
        owner, words = _categories(name, column)
    elif kind == "multi":
        owner, words = _values(name, column)
    else:
        owner, words = _hashed_words(name, column)
    return _encode_words(name, kind, owner, words, warm)


def _kind_of(name: str, column: pa.Array) -> str:
    """Lists and text with separators are multi, floats numeric, all else categorical."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if _is_list(kind):
        return "multi"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "numeric"
    if _is_text(kind):
        return "multi" if pc.any(pc.match_substring(column.cast(pa.string()), SEPARATOR)).as_py() else "categorical"
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return "categorical"
    if pa.types.is_null(kind):
        raise _without_value(name)
    raise ValueError(f"feature {name} is {kind}; use text, lists of text, numbers or booleans")


def _categories(name: str, column: pa.Array) -> tuple[np.ndarray, pa.Array]:
    if _is_list(column.type):
        raise ValueError(f"feature {name} holds lists; a categorical field has one value an item: its kind is multi")
    return _present(column.cast(pa.string()))


def _values(name: str, column: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Every item's distinct values: the items [E] and the values [E]."""
    if _is_text(column.type):
        column = pc.split_pattern(column.cast(pa.string()), SEPARATOR)
    elif not _is_list(column.type):
        raise ValueError(f"feature {name} is {column.type}; a multi field needs lists, or text such as Comedy|Drama")
    owner = pc.list_parent_indices(column).to_numpy()
    words = pc.utf8_trim_whitespace(pc.list_flatten(column).cast(pa.string()))
    kept = pc.and_kleene(pc.is_valid(words), pc.not_equal(words, "")).fill_null(False).to_numpy(zero_copy_only=False)
    pairs = pa.table({"owner": owner[kept], "word": words.filter(pa.array(kept))})
    pairs = pairs.group_by(["owner", "word"]).aggregate([]).sort_by([("owner", "ascending"), ("word", "ascending")])
    return pairs["owner"].to_numpy(), pairs["word"].combine_chunks()


def _hashed_words(name: str, column: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Every item's distinct buckets: of its lower-cased words, and of its pairs of words that stand side by side."""
    if not _is_text(column.type):
        raise ValueError(f"feature {name} is {column.type}; a text field needs text")
    owner, buckets = [], []
    for item, text in enumerate(column.cast(pa.string()).to_pylist()):
        words = WORD.findall((text or "").lower())
        grams = [*words, *(" ".join(pair) for pair in itertools.pairwise(words))]
        mine = sorted({zlib.crc32(gram.encode()) % BUCKETS for gram in grams})
        owner += [item] * len(mine)
        buckets += [str(bucket) for bucket in mine]
    return np.array(owner, dtype=np.int64), pa.array(buckets, pa.string())


def _encode_words(
    name: str, kind: str, owner: np.ndarray, words: pa.Array, warm: np.ndarray
) -> tuple[FeatureField, Entries]:
    learnt = pc.unique(words.filter(pa.array(warm[owner])))
    if len(learnt) == 0:
        raise _without_value(name)
    learnt = learnt.take(pc.array_sort_indices(learnt))
    index = pc.index_in(words, value_set=learnt).fill_null(-1).to_numpy().astype(np.int64) + 1
    known = index > 0
    field = FeatureField(name, kind, len(learnt) + 1, values=tuple(learnt.to_pylist()))
    return field, _entries(owner[known], index[known], np.ones(int(known.sum()), np.float32), len(warm))


def _encode_numbers(name: str, kind: str, column: pa.Array, warm: np.ndarray) -> tuple[FeatureField, Entries]:
    if _is_text(column.type) or _is_list(column.type) or not _is_number(column.type):
        raise ValueError(f"feature {name} is {column.type}; a {kind} field needs numbers")
    x = column.cast(pa.float64()).fill_null(np.nan).to_numpy()
    owner = np.flatnonzero(np.isfinite(x))
    seen = x[owner[warm[owner]]]
    if len(seen) == 0:
        raise _without_value(name)
    if kind == "numeric":
        mean, deviation = float(seen.mean()), float(seen.std()) or 1.0
        field = FeatureField(name, kind, 2, mean=mean, deviation=deviation)
        weight = ((x[owner] - mean) / deviation).astype(np.float32)
        return field, _entries(owner, np.ones(len(owner), np.int64), weight, len(warm))
    edges = np.unique(np.quantile(seen, np.arange(1, BINS) / BINS))
    field = FeatureField(name, kind, len(edges) + 2, edges=tuple(edges.tolist()))
    index = np.searchsorted(edges, x[owner], side="right") + 1
    return field, _entries(owner, index, np.ones(len(owner), np.float32), len(warm))


def _entries(owner: np.ndarray, index: np.ndarray, weight: np.ndarray, items: int) -> Entries:
    """Entries in the order of items (owner ascends); an item that has none reads the missing row."""
    missing = np.flatnonzero(np.bincount(owner, minlength=items) == 0)
    owner = np.concatenate([owner, missing])
    order = np.argsort(owner, kind="stable")
    index = np.concatenate([index, np.zeros(len(missing), np.int64)])[order]
    weight = np.concatenate([weight, np.ones(len(missing), np.float32)])[order]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=items))]).astype(np.int64)
    return Entries(offsets, index, weight)


def _present(column: pa.Array) -> tuple[np.ndarray, pa.Array]:
    there = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    return there, column.take(pa.array(there))


def _without_value(name: str) -> ValueError:
    return ValueError(f"feature {name} has no value on any item that training knows; leave it out or fill it")


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))

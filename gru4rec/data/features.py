"""Item features: the selected columns of an items table, aligned to the vocabulary, cold items included.

A cold item stands in the table but was never clicked in training. It joins the vocabulary with a count of 0, so it has
a column in the scores and can be recommended, ranked and evaluated like any other; training never draws it.
"""

import dataclasses
import io
import json
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as ipc

from gru4rec.config.options import FeatureConfig
from gru4rec.data.feature_fields import Entries, Field, encode_field, split_name
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary, as_ids

ITEM = "item_id"


@dataclass(frozen=True)
class ItemFeatures:
    """Encoded fields of the I items of a vocabulary, in its order."""

    fields: tuple[Field, ...]
    entries: tuple[Entries, ...]

    @property
    def rows(self) -> int:
        """Rows of all fields' tables together."""
        return sum(field.rows for field in self.fields)

    @property
    def items(self) -> int:
        """I."""
        return len(self.entries[0].offsets) - 1

    def row_names(self) -> list[str]:
        """What each row stands for, unique, such as "genres=Comedy": rows of two models with one name can be copied."""
        names = []
        for field in self.fields:
            inner = field.values or field.edges or ("x",)
            names += [f"{field.name}:{field.kind}={value}" for value in ("", *inner)]
            names += [f"{field.name}:{field.kind}=above"] if field.edges else []
        return names

    def to_bytes(self) -> bytes:
        """As an Arrow file: a column of row numbers and one of weights for each field."""
        columns: dict[str, pa.Array] = {}
        for number, entries in enumerate(self.entries):
            offsets = pa.array(entries.offsets.astype(np.int32))
            columns[f"{number}.rows"] = pa.ListArray.from_arrays(offsets, pa.array(entries.rows.astype(np.int32)))
            columns[f"{number}.weight"] = pa.ListArray.from_arrays(offsets, pa.array(entries.weight))
        described = json.dumps([field.to_json() for field in self.fields])
        table = pa.table(columns).replace_schema_metadata({"fields": described})
        sink = io.BytesIO()
        with ipc.new_file(sink, table.schema, options=ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_table(table)
        return sink.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "ItemFeatures":
        """Back from `to_bytes`; raises ValueError for other bytes (pyarrow.ArrowInvalid is one)."""
        table = ipc.open_file(io.BytesIO(data)).read_all()
        fields = tuple(Field.from_json(content) for content in json.loads(table.schema.metadata[b"fields"]))
        entries = []
        for number in range(len(fields)):
            rows, weight = (table[f"{number}.{part}"].combine_chunks() for part in ("rows", "weight"))
            values = rows.flatten().to_numpy().astype(np.int64)
            entries.append(Entries(rows.offsets.to_numpy().astype(np.int64), values, weight.flatten().to_numpy()))
        return cls(fields, tuple(entries))


class Prepared(NamedTuple):
    """Training sessions in a vocabulary that holds the cold items too, and the features of all its items."""

    train: Sessions
    vocabulary: Vocabulary
    features: ItemFeatures


def prepare(train: Sessions, vocabulary: Vocabulary, items: pa.Table, config: FeatureConfig) -> Prepared:
    """Everything that `fit` needs to train with features.

    train is encoded with `vocabulary`. items: one row an item, `item_id` and the selected columns; items that training
    knows may be absent (their fields are missing), items that it does not know become cold items of the new vocabulary.
    Validation and test sessions must be encoded with the new one.

    Raises ValueError for ids of another type than the vocabulary's, an item with two rows, a column that is not there,
    and what `encode_field` raises.
    """
    ids = _item_ids(items, vocabulary)
    extended = _with_cold(vocabulary, ids)
    moved = dataclasses.replace(train, items=extended.encode(vocabulary.ids)[train.items])
    return Prepared(moved, extended, encode(items, extended, config))


def encode(items: pa.Table, vocabulary: Vocabulary, config: FeatureConfig) -> ItemFeatures:
    """The selected columns of `items` in the order of a vocabulary, which may hold other items; raises as `prepare`."""
    ids = _item_ids(items, vocabulary)
    row = pc.index_in(vocabulary.ids, value_set=ids)  # null where the table lacks the item
    warm = vocabulary.counts > 0
    encoded = []
    for selected in config.selected_features:
        name = split_name(selected)[0]
        if name not in items.column_names:
            there = ", ".join(column for column in items.column_names if column != ITEM)
            raise ValueError(f"the items table has no column {name} for selected_features; it has {there}")
        column = items[name].combine_chunks()
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        encoded.append(encode_field(selected, column.take(row), warm))
    return ItemFeatures(tuple(field for field, _ in encoded), tuple(entries for _, entries in encoded))


def _item_ids(items: pa.Table, vocabulary: Vocabulary) -> pa.Array:
    if ITEM not in items.column_names:
        raise ValueError(f"the items table has no column {ITEM}; it has {', '.join(items.column_names)}")
    ids = as_ids(items[ITEM], empty=vocabulary.id_type)
    if ids.type != vocabulary.id_type:
        raise ValueError(f"item ids are {ids.type} in the items table, but {vocabulary.id_type} in the events")
    if pc.count_distinct(ids).as_py() < len(ids):
        twice = pc.value_counts(ids)
        first = twice.field("values").filter(pc.greater(twice.field("counts"), 1))[0]
        raise ValueError(f"the items table has item {first} more than once; give one row an item")
    return ids


def _with_cold(vocabulary: Vocabulary, ids: pa.Array) -> Vocabulary:
    """The vocabulary with further ids, which count 0."""
    cold = ids.filter(pa.array(vocabulary.encode(ids) < 0))
    both = pa.concat_arrays([vocabulary.ids, cold])
    order = pc.array_sort_indices(both)
    counts = np.concatenate([vocabulary.counts, np.zeros(len(cold), np.int64)])
    return Vocabulary(both.take(order), counts[order.to_numpy()])

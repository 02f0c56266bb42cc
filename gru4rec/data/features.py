"""Item features: the selected columns of an items table in the order of the vocabulary, cold items included.

A cold item stands in the table but was never clicked in training. It joins the vocabulary with a count of 0. So it has
a column in the scores and can be recommended, ranked and evaluated like any other item, but training never draws it.
"""

import io
import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as ipc

from gru4rec.config.options import FeatureConfig
from gru4rec.data.feature_fields import Entries, FeatureField, encode_field
from gru4rec.data.ids import as_ids
from gru4rec.data.vocabulary import Vocabulary

ITEM = "item_id"


@dataclass(frozen=True)
class ItemFeatures:
    """The encoded fields of the I items of a vocabulary, in its order."""

    fields: tuple[FeatureField, ...]
    entries: tuple[Entries, ...]

    @property
    def rows(self) -> int:
        """Rows of all fields' tables together."""
        return sum(field.rows for field in self.fields)

    @property
    def items(self) -> int:
        """I."""
        return len(self.entries[0].offsets) - 1

    @property
    def selected(self) -> dict[str, str]:
        """The columns and their kinds, as in `FeatureConfig.selected_features`."""
        return {field.name: field.kind for field in self.fields}

    def row_names(self) -> list[str]:
        """A unique name for what each row stands for, such as "genres:multi=Comedy".

        A row of one model can be copied to the row of the same name in another.
        """
        names = []
        for field in self.fields:
            inner = field.values or field.edges or ("x",)
            names += [f"{field.name}:{field.kind}={value}" for value in ("", *inner)]
            names += [f"{field.name}:{field.kind}=above"] if field.edges else []
        return names

    def to_bytes(self) -> bytes:
        """The bytes of an Arrow file with a column of row numbers and one of weights for each field."""
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
        """The features that `to_bytes` wrote.

        Raises:
            ValueError: the bytes are something else (pyarrow.ArrowInvalid is a ValueError).
        """
        table = ipc.open_file(io.BytesIO(data)).read_all()
        fields = tuple(FeatureField.from_json(content) for content in json.loads(table.schema.metadata[b"fields"]))
        entries = []
        for number in range(len(fields)):
            rows, weight = (table[f"{number}.{part}"].combine_chunks() for part in ("rows", "weight"))
            values = rows.flatten().to_numpy().astype(np.int64)
            entries.append(Entries(rows.offsets.to_numpy().astype(np.int64), values, weight.flatten().to_numpy()))
        return cls(fields, tuple(entries))


def with_cold_items(vocabulary: Vocabulary, items: pa.Table) -> Vocabulary:
    """The vocabulary with the items of a table that it lacks, which count 0.

    Raises:
        ValueError: the table has no column `item_id`, ids of another type than the vocabulary's, or an item twice.
    """
    return vocabulary.extended(_item_ids(items, vocabulary))


def encode_features(items: pa.Table, vocabulary: Vocabulary, config: FeatureConfig) -> ItemFeatures:
    """Learn the selected columns of an items table and encode them in the order of a vocabulary.

    Args:
        items: one row an item: `item_id` and at least the selected columns, in any order.
        vocabulary: its items may be absent from the table (their fields are missing), and the table may hold others.
        config: which columns are selected.

    Raises:
        ValueError: a selected column is not there, and what `with_cold_items` and `encode_field` raise.
    """
    ids = _item_ids(items, vocabulary)
    row = pc.index_in(vocabulary.ids, value_set=ids)  # null where the table lacks the item
    warm = vocabulary.counts > 0
    encoded = []
    for name, kind in config.selected_features.items():
        if name not in items.column_names:
            there = ", ".join(column for column in items.column_names if column != ITEM)
            raise ValueError(f"the items table has no column {name} for selected_features; it has {there}")
        column = items[name].combine_chunks()
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        encoded.append(encode_field(name, kind, column.take(row), warm))
    return ItemFeatures(tuple(field for field, _ in encoded), tuple(entries for _, entries in encoded))


def _item_ids(items: pa.Table, vocabulary: Vocabulary) -> pa.Array:
    if ITEM not in items.column_names:
        raise ValueError(f"the items table has no column {ITEM}; it has {', '.join(items.column_names)}")
    ids = as_ids(items[ITEM], like=vocabulary.id_type)
    if ids.type != vocabulary.id_type:
        raise ValueError(f"item ids are {ids.type} in the items table, but {vocabulary.id_type} in the events")
    if pc.count_distinct(ids).as_py() < len(ids):
        twice = pc.value_counts(ids)
        first = twice.field("values").filter(pc.greater(twice.field("counts"), 1))[0]
        raise ValueError(f"the items table has item {first} more than once; give one row an item")
    return ids

"""What a night trains on: its sessions, encoded once with the items of the training days and once with all items."""

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipelines.policy import parts

if TYPE_CHECKING:
    import pyarrow as pa

    from gru4rec.config.options import Config
    from gru4rec.data.dataset import Dataset


@dataclass(frozen=True)
class Data:
    """The sessions of the training days, of the validation days, and of all days.

    train, validation: in the vocabulary of the training days.
    everything: in the vocabulary of all days.
    held_out: the rows of the validation and test days, not encoded.
    """

    train: "Dataset"
    validation: "Dataset"
    everything: "Dataset"
    held_out: "pa.Table"


def encode_night(splits: "pa.Table", sessions: "pa.Table") -> Data:
    """Encode a night's splits and sessions; ValueError says when the training days hold no session."""
    rows = parts.part(splits, "train")
    if rows.num_rows == 0:
        raise ValueError("The training days hold no session: widen window_days, or hold out fewer days in [splits].")
    train = parts.dataset(rows)
    validation = train.held_out(parts.part(splits, "validation"))
    return Data(train, validation, parts.dataset(sessions), parts.held_out(splits))


def add_features(data: Data, items: "pa.Table", config: "Config") -> Data:
    """The same data with the features of all items, cold ones too; unchanged where the configuration selects none.

    Args:
        data: a night's sessions.
        items: the night's items table.
        config: what selects the columns.

    Raises:
        ValueError: a selected column cannot be used.
    """
    if not config.features.selected_features:
        return data
    train = replace(data.train, items=items).with_features(config.features)
    everything = replace(data.everything, items=items).with_features(config.features)
    return replace(data, train=train, validation=train.reencode(data.validation), everything=everything)


def table_hash(table: "pa.Table") -> str:
    """SHA-256 of a table's schema and of its values in their order; how they are chunked does not matter."""
    import pyarrow as pa

    digest = hashlib.sha256(str(table.schema.remove_metadata()).encode())
    for column in table.itercolumns():
        sink = pa.BufferOutputStream()
        batch = pa.record_batch(
            [pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)], ["c"]
        )
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        digest.update(sink.getvalue())
    return digest.hexdigest()

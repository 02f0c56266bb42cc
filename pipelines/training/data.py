"""What a night trains on: its sessions, encoded once with the items of the training days and once with all items."""

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipelines.policy import parts

if TYPE_CHECKING:
    import pyarrow as pa

    from gru4rec.config.options import Config
    from gru4rec.data.features import ItemFeatures
    from gru4rec.data.sessions import Sessions
    from gru4rec.data.vocabulary import Vocabulary


@dataclass(frozen=True)
class Data:
    """The sessions of the training days, of the validation days, and of all days.

    train, validation: encoded with `vocabulary`, the items of the training days.
    everything: encoded with `full_vocabulary`, the items of all days.
    held_out: the rows of the validation and test days, not encoded.
    features, full_features: of the items of either vocabulary, where the night's configuration selects some.
    """

    train: "Sessions"
    validation: "Sessions"
    vocabulary: "Vocabulary"
    everything: "Sessions"
    full_vocabulary: "Vocabulary"
    held_out: "pa.Table"
    features: "ItemFeatures | None" = None
    full_features: "ItemFeatures | None" = None


def encode_night(splits: "pa.Table", sessions: "pa.Table") -> Data:
    """Encode a night's splits and sessions; ValueError says when the training days hold no session."""
    from gru4rec.data.vocabulary import Vocabulary

    train = parts.part(splits, "train")
    if train.num_rows == 0:
        raise ValueError("The training days hold no session: widen window_days, or hold out fewer days in [splits].")
    vocabulary = Vocabulary.build(train["item_id"])
    full_vocabulary = Vocabulary.build(sessions["item_id"])
    return Data(
        train=parts.encode(train, vocabulary, weighted=True),
        validation=parts.encode(parts.part(splits, "validation"), vocabulary),
        vocabulary=vocabulary,
        everything=parts.encode(sessions, full_vocabulary, weighted=True),
        full_vocabulary=full_vocabulary,
        held_out=parts.held_out(splits),
    )


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
    from gru4rec.data import features

    train, vocabulary, known = features.prepare(data.train, data.vocabulary, items, config.features)
    everything, full, all_known = features.prepare(data.everything, data.full_vocabulary, items, config.features)
    return replace(
        data,
        train=train,
        validation=parts.encode(parts.part(data.held_out, "validation"), vocabulary),
        vocabulary=vocabulary,
        everything=everything,
        full_vocabulary=full,
        features=known,
        full_features=all_known,
    )


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

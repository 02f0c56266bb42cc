"""How training and evaluation read a night's rows: batch by batch, by the part of the split, encoded as sessions."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from gru4rec.data.dataset import Dataset
    from gru4rec.data.frames import ColumnNames
    from gru4rec.data.sessions import Sessions
    from gru4rec.data.vocabulary import Vocabulary

SESSION_KEY = ("user_id", "session_start")  # together they name one session
ROWS = 1 << 17  # of a batch


def stream(files: Sequence[Path], *names: str) -> "pa.RecordBatchReader":
    """The rows of a partition in their order, so that it is never in memory as a whole.

    Args:
        files: the partition's.
        names: the parts whose rows are wanted: "train", "validation", "test"; without a name all rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pa.RecordBatchReader.from_batches(pq.read_schema(files[0]), _batches(files, names))


def dataset(rows: "pa.RecordBatchReader", scratch: Path | None = None) -> "Dataset":
    """The sessions of the rows with a vocabulary of their own; events carry weights where the table has them.

    scratch: the folder for the files of a long log; None: the system's temporary folder.
    """
    from gru4rec.data.dataset import Dataset

    columns = _columns(rows.schema)
    return Dataset.from_table(
        rows, session=columns.session, time=columns.clocks, weight=columns.weight, scratch=scratch
    )


def encode(
    rows: "pa.RecordBatchReader", vocabulary: "Vocabulary", *, weighted: bool = False, scratch: Path | None = None
) -> "Sessions":
    """The sessions of the rows as indices of a vocabulary.

    Args:
        rows: a night's sessions, or a part of its splits.
        vocabulary: the items that have an index.
        weighted: whether events carry their weights.
        scratch: as in `dataset`.
    """
    from gru4rec.data.streaming.events import EventStream
    from gru4rec.data.streaming.grouping import grouped

    events = EventStream.open(rows, _columns(rows.schema, weighted=weighted))
    return grouped(events, min_length=2, vocabulary=vocabulary, folder=scratch)[0]


def _batches(files: Sequence[Path], names: Sequence[str]) -> "Iterator[pa.RecordBatch]":
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    wanted = pa.array(names, pa.string())
    for file in files:
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(ROWS):
                some = batch.filter(pc.is_in(batch["split"], value_set=wanted)) if names else batch
                if some.num_rows:
                    yield some


def _columns(schema: "pa.Schema", *, weighted: bool = True) -> "ColumnNames":
    """What stands where: weights where [sessions] dwell is "weight", a sequence where the log has one."""
    from gru4rec.data.frames import ColumnNames

    weight = "weight" if weighted and "weight" in schema.names else None
    return ColumnNames(SESSION_KEY, weight=weight, sequence="sequence" if "sequence" in schema.names else None)

"""How training and evaluation read a night's rows: taken by the part of the split, and encoded as sessions."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from gru4rec.data.dataset import Dataset
    from gru4rec.data.sessions import Sessions
    from gru4rec.data.vocabulary import Vocabulary

SESSION_KEY = ("user_id", "session_start")  # together they name one session


def part(splits: "pa.Table", name: str) -> "pa.Table":
    """The rows of one part: "train", "validation" or "test"."""
    import pyarrow.compute as pc

    return splits.filter(pc.equal(splits["split"], name))


def held_out(splits: "pa.Table") -> "pa.Table":
    """The rows of the validation and test days."""
    import pyarrow.compute as pc

    return splits.filter(pc.not_equal(splits["split"], "train"))


def dataset(rows: "pa.Table") -> "Dataset":
    """The sessions of the rows with a vocabulary of their own; events carry weights where the table has them."""
    from gru4rec.data.dataset import Dataset

    return Dataset.from_table(rows, session=SESSION_KEY, time=_time(rows), weight=_weight(rows))


def encode(rows: "pa.Table", vocabulary: "Vocabulary", *, weighted: bool = False) -> "Sessions":
    """The sessions of the rows as indices of a vocabulary.

    Args:
        rows: a night's sessions, or a part of its splits.
        vocabulary: the items that have an index.
        weighted: whether events carry their weights.
    """
    from gru4rec.data.sessions import Sessions

    weight = _weight(rows) if weighted else None
    return Sessions.from_table(rows, vocabulary, session=SESSION_KEY, time=_time(rows), weight=weight)


def _weight(rows: "pa.Table") -> str | None:
    """The column of the events' weights, where [sessions] dwell is "weight"."""
    return "weight" if "weight" in rows.column_names else None


def _time(rows: "pa.Table") -> tuple[str, ...]:
    """The columns that order events: the sequence too, where the log has one."""
    return ("timestamp", "sequence") if "sequence" in rows.column_names else ("timestamp",)

"""How training and evaluation read a night's rows: taken by the part of the split, and encoded as sessions."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

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


def encode(rows: "pa.Table", vocabulary: "Vocabulary", *, weighted: bool = False) -> "Sessions":
    """The sessions of the rows as indices of a vocabulary.

    Args:
        rows: a night's sessions, or a part of its splits.
        vocabulary: the items that have an index.
        weighted: whether events carry weights, where the table has them ([sessions] dwell = "weight").
    """
    from gru4rec.data.sessions import Sessions

    weight = "weight" if weighted and "weight" in rows.column_names else None
    return Sessions.from_table(rows, vocabulary, session=SESSION_KEY, weight=weight)

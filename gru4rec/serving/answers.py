"""What `Recommender.recommend` answers: one list of items, or several; both turn into a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True)
class Recommendations:
    """One answer of N items, best first.

    Attributes:
        ids: [N], of the type that the model knows.
        scores: raw scores, float32 [N]; of the popular items their shares of the training events.
        probabilities: softmax over the whole catalogue of score / temperature, float32 [N]; of the popular items their
            shares.
        unknown: ids of the request that the model does not know.
        model: the scorer's name, or "popularity".
        context_length: how many known items the list was made from; 0 where the popular items stand in.
    """

    ids: pa.Array
    scores: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    unknown: list[Any]
    model: str
    context_length: int = field(default=0)

    def to_dicts(self, titles: Mapping[Any, str] | None = None) -> list[dict[str, Any]]:
        """`[{"item_id", "title", "score", "model"}, ...]`, best first; title is None where it is not known."""
        titles = titles or {}
        return [
            {"item_id": item, "title": titles.get(item), "score": float(score), "model": self.model}
            for item, score in zip(self.ids.to_pylist(), self.scores, strict=True)
        ]

    def to_arrow(self) -> pa.Table:
        """One row an item, best first: rank (from 1), item_id, score, probability, model, context_length."""
        rows = len(self.ids)
        return pa.table(
            {
                "rank": np.arange(1, rows + 1, dtype=np.int32),
                "item_id": self.ids,
                "score": self.scores,
                "probability": self.probabilities,
                "model": pa.array([self.model] * rows, pa.string()),
                "context_length": np.full(rows, self.context_length, dtype=np.int64),
            }
        )

    def to_pandas(self) -> Any:
        """`to_arrow` as a pandas frame; ModuleNotFoundError where pandas is not installed."""
        return self.to_arrow().to_pandas()


class RecommendationLists(tuple[Recommendations, ...]):
    """The answers to several sequences, in their order."""

    __slots__ = ()

    def to_arrow(self) -> pa.Table:
        """The rows of all answers, with `sequence`, the place of the sequence in the call from 0, as first column."""
        tables = [answer.to_arrow() for answer in self]
        place = np.repeat(np.arange(len(tables)), [table.num_rows for table in tables])
        return pa.concat_tables(tables).add_column(0, "sequence", pa.array(place, pa.int64()))

    def to_pandas(self) -> Any:
        """`to_arrow` as a pandas frame; ModuleNotFoundError where pandas is not installed."""
        return self.to_arrow().to_pandas()

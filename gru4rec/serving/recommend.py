"""Top-N for a few lists of items at a time: what an API layer or a researcher calls. For millions of users: `stream`.

A list never holds an item twice, has exactly n items while the catalogue allows, and orders equal scores by item id.
An item that the model does not know is left out of the context and reported. A context without any known item gets the
popular items, and says so (`model == "popularity"`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gru4rec.data.ids import as_ids
from gru4rec.data.sessions import Sessions
from gru4rec.scoring.scorer import Scorer, block_rows
from gru4rec.serving.lists import POPULARITY, Lists, Rules, barred_items, make_lists
from gru4rec.serving.stream import StreamConfig, stream
from gru4rec.storage.checkpoint import load

Ids: TypeAlias = Sequence[int] | Sequence[str] | pa.Array


@dataclass(frozen=True)
class Request:
    """One list of items to continue, and what may stand in the answer.

    Attributes:
        items: ids, oldest first.
        n: length of the answer, where so many items are left.
        exclude: ids that must not be recommended, allowed or not.
        allow: the only ids that may be recommended; None allows all.
        exclude_seen: whether `items` themselves are left out of the answer.

    Raises:
        ValueError: n is not a whole number of at least 1.
    """

    items: Ids
    n: int = 20
    exclude: Ids = ()
    allow: Ids | None = None
    exclude_seen: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.n, bool) or not isinstance(self.n, int) or self.n < 1:
            raise ValueError(f"n must be a whole number of at least 1, got {self.n!r}")


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


@dataclass(frozen=True)
class Recommender:
    """What answers: a scorer, the temperature of its probabilities, and its version in a registry where it has one."""

    scorer: Scorer
    temperature: float = 1.0
    version: str = ""

    @classmethod
    def load(cls, directory: str | Path, device: str = "auto") -> Self:
        """Open a model that `checkpoint.save` wrote.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it cannot be used, or the device is not there.
        """
        checkpoint = load(directory, device)
        checkpoint.model.freeze()
        extra = checkpoint.extra
        return cls(checkpoint.model, float(extra.get("temperature", 1.0)), str(extra.get("model_version", "")))

    def recommend(
        self,
        items: Ids,
        n: int = 20,
        exclude: Ids = (),
        allow: Ids | None = None,
        exclude_seen: bool = True,
    ) -> Recommendations:
        """The n items that come next after `items`; the arguments are those of a Request.

        Raises:
            ValueError: n is not a whole number of at least 1, ids are not of the type that the model knows, or a score
                is not a finite number.
        """
        return self.recommend_batch([Request(items, n, exclude, allow, exclude_seen)])[0]

    def recommend_batch(self, requests: Sequence[Request]) -> list[Recommendations]:
        """Answers in the order of the requests, which are scored together.

        Raises:
            ValueError: ids are not of the type that the model knows, or a score is not a finite number.
        """
        rows = block_rows(len(self.scorer.vocabulary))
        parts = (requests[begin : begin + rows] for begin in range(0, len(requests), rows))
        return [answer for part in parts for answer in self._answers(part)]

    def recommend_stream(
        self,
        contexts: Iterable[pa.RecordBatch],
        n: int = 100,
        exclude_seen: bool = True,
        allow: Any = None,
        deny: Any = None,
        max_context: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Lists for any number of users in bounded memory: `stream.stream` with this scorer and temperature."""
        config = StreamConfig(n, exclude_seen, max_context, self.temperature)
        return stream(self.scorer, contexts, config, allow=allow, deny=deny)

    def _answers(self, requests: Sequence[Request]) -> list[Recommendations]:
        """The answers to a few requests, for each of which a truth value an item is held."""
        vocabulary = self.scorer.vocabulary
        given = [as_ids(request.items, like=vocabulary.id_type) for request in requests]
        index = [vocabulary.encode(ids) for ids in given]
        barred = [barred_items(vocabulary, request.allow, request.exclude) for request in requests]
        nothing = np.zeros(len(vocabulary), dtype=bool)
        rules = Rules(
            max(request.n for request in requests),
            np.array([request.exclude_seen for request in requests]),
            np.stack([nothing if one is None else one for one in barred]),
        )
        contexts = Sessions.from_lists([known[known >= 0].tolist() for known in index])
        lists = make_lists(self.scorer, contexts, rules, self.temperature)
        unknown = [ids.filter(pa.array(known < 0)).to_pylist() for ids, known in zip(given, index, strict=True)]
        return [self._answer(lists, row, request.n, unknown[row]) for row, request in enumerate(requests)]

    def _answer(self, lists: Lists, row: int, n: int, unknown: list[Any]) -> Recommendations:
        length = int(lists.context_length[row])
        left = min(n, int(np.count_nonzero(lists.scores[row] > -np.inf)))
        return Recommendations(
            self.scorer.vocabulary.decode(lists.items[row, :left]),
            lists.scores[row, :left],
            lists.probabilities[row, :left],
            unknown,
            self.scorer.name if length else POPULARITY,
            length,
        )

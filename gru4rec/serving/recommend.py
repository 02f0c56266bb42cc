"""Top-N for a few lists of items at a time: what an API layer or a researcher calls. For millions of users: `stream`.

A list never holds an item twice, has exactly n items while the catalogue allows, and orders equal scores by item id.
An item that the model does not know is left out of the context and reported. A context without any known item gets the
popular items, and says so (`model == "popularity"`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias, overload

import numpy as np
import pyarrow as pa

from gru4rec.config.sentences import shown
from gru4rec.data.frames import ColumnNames, Frame
from gru4rec.data.ids import as_ids
from gru4rec.data.sessions import Sessions
from gru4rec.scoring.calibration import checked_temperature
from gru4rec.scoring.scorer import Scorer, block_rows
from gru4rec.serving.answers import RecommendationLists, Recommendations
from gru4rec.serving.events import contexts_of
from gru4rec.serving.lists import POPULARITY, Lists, Rules, barred_items, make_lists
from gru4rec.serving.similar import similar_items, similar_stream
from gru4rec.serving.stream import StreamConfig, stream
from gru4rec.storage.checkpoint import load

Ids: TypeAlias = Sequence[int] | Sequence[str] | pa.Array
_SEQUENCES = (list, tuple, range, np.ndarray, pa.Array, pa.ChunkedArray)


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
        ValueError: n is not a whole number of at least 1, or a text stands where ids should.
    """

    items: Ids
    n: int = 20
    exclude: Ids = ()
    allow: Ids | None = None
    exclude_seen: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.n, bool) or not isinstance(self.n, (int, np.integer)) or self.n < 1:
            raise ValueError(f"n must be a whole number of at least 1, got {self.n!r}")
        for name in ("items", "exclude", "allow"):
            if isinstance(one := getattr(self, name), (str, bytes)):  # a sequence too, of its letters
                raise ValueError(f"{name} is {shown(one)}; give a list of ids, [{shown(one)}] for one")


@dataclass(frozen=True)
class Recommender:
    """What answers: a scorer, the temperature of its probabilities, and its version in a registry where it has one.

    Raises:
        ValueError: the temperature is no finite number above 0.
    """

    scorer: Scorer
    temperature: float = 1.0
    version: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "temperature", checked_temperature(self.temperature))

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
        try:
            return cls(checkpoint.model, extra.get("temperature", 1.0), str(extra.get("model_version", "")))
        except ValueError as error:
            raise ValueError(f"{directory}: {error}") from error

    @overload
    def recommend(
        self, items: Ids, n: int = 20, exclude: Ids = (), allow: Ids | None = None, exclude_seen: bool = True
    ) -> Recommendations: ...

    @overload
    def recommend(
        self, items: Sequence[Ids], n: int = 20, exclude: Ids = (), allow: Ids | None = None, exclude_seen: bool = True
    ) -> RecommendationLists: ...

    def recommend(
        self,
        items: Ids | Sequence[Ids],
        n: int = 20,
        exclude: Ids = (),
        allow: Ids | None = None,
        exclude_seen: bool = True,
    ) -> Recommendations | RecommendationLists:
        """The n items that come next after each of some sequences, which the model need not have seen in training.

        Args:
            items: one sequence of ids, oldest first, or a list of sequences.
            n: as the other arguments, that of a Request; it holds for every sequence.

        Returns:
            The answer to one sequence, or those to several in their order; both have `to_arrow()` and `to_pandas()`.

        Raises:
            ValueError: n is not a whole number of at least 1, a text stands where ids should, ids are not of the type
                that the model knows, or a score is not a finite number.
        """
        sequences = _sequences(items)
        if sequences is None:
            return self.recommend_batch([Request(items, n, exclude, allow, exclude_seen)])[0]
        requests = [Request(sequence, n, exclude, allow, exclude_seen) for sequence in sequences]
        return RecommendationLists(self.recommend_batch(requests))

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
        explain: bool = False,
    ) -> Iterator[pa.RecordBatch]:
        """Lists for any number of users in bounded memory: `stream.stream` with this scorer and temperature."""
        config = StreamConfig(n, exclude_seen, max_context, self.temperature, explain)
        return stream(self.scorer, contexts, config, allow=allow, deny=deny)

    def recommend_sessions(
        self,
        frame: Frame,
        n: int = 20,
        *,
        columns: ColumnNames = ColumnNames(),  # noqa: B008  # frozen
        exclude_seen: bool = True,
        allow: Any = None,
        exclude: Any = None,
    ) -> pa.Table:
        """A list for every session of a frame of events, as rows in order of session and rank.

        Args:
            frame: the events in any order: an Arrow table, a pandas or polars frame, or the path of parquet.
            columns: of the frame; one of them names a session.
            n: as `exclude_seen`, `allow` and `exclude`, that of a Request; it holds for every session.

        Returns:
            The session column under its own name, rank, item_id, score, probability, model, context_length.

        Raises:
            FileNotFoundError: there is no file at a path.
            ValueError: a column is missing or has nulls, ids are not of the type that the model knows, there is no
                event, or nothing is left to recommend.
        """
        contexts = contexts_of(frame, columns, self.scorer.vocabulary)
        batches = list(self.recommend_stream(contexts, n, exclude_seen, allow, exclude))
        if not batches:
            raise ValueError("there are no events, so there is no session to make a list for")
        rows = pa.Table.from_batches(batches)
        return rows.rename_columns([columns.session[0], *rows.column_names[1:]])

    def similar_items(self, items: int | str | Ids, n: int = 20) -> pa.Table:
        """The n items most like an item, or like each of several: `similar.similar_items` with this scorer."""
        return similar_items(self.scorer, items, n)

    def similar_stream(self, n: int = 20, allow: Any = None, deny: Any = None) -> Iterator[pa.RecordBatch]:
        """The n items most like each known item, in order of item; only allowed ones are named as similar."""
        return similar_stream(self.scorer, n, barred_items(self.scorer.vocabulary, allow, deny))

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


def _sequences(items: Any) -> Sequence[Ids] | None:
    """The sequences of a call, or None where it is one sequence of ids.

    Raises:
        ValueError: sequences and ids stand side by side, or a text stands where a sequence of texts should.
    """
    if isinstance(items, (pa.Array, pa.ChunkedArray)):
        nested = pa.types.is_list(items.type) or pa.types.is_large_list(items.type)
        return [pa.array([], pa.null()) if one.values is None else one.values for one in items] if nested else None
    if isinstance(items, np.ndarray):
        return list(items) if items.ndim > 1 else None
    if not isinstance(items, Sequence) or not any(isinstance(one, _SEQUENCES) for one in items):
        return None
    for place, one in enumerate(items):
        if isinstance(one, str) or not isinstance(one, _SEQUENCES):
            raise ValueError(f"sequence {place} is {one!r}; give every sequence as a list of ids, [{one!r}] for one id")
    return items

"""Top-N for a few lists of items at a time: what an API layer or a researcher calls. For millions of users: `stream`.

A list never holds an item twice, has exactly n items while the catalogue allows, and orders equal scores by item id.
An item that the model does not know is left out of the context and reported. A context without any known item gets the
popular items, and says so (`model == "popularity"`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import as_ids
from gru4rec.evaluation.ranking import block_rows
from gru4rec.scoring.calibration import log_normaliser
from gru4rec.scoring.scorer import Scorer
from gru4rec.scoring.topk import top_k
from gru4rec.serving.stream import POPULARITY, StreamConfig, popularity_shares, stream
from gru4rec.storage.checkpoint import load


@dataclass(frozen=True)
class Request:
    """One list of items to continue, oldest first, and what may stand in the answer.

    exclude: ids that must not; allow: the only ids that may (None: all); exclude_seen: leave out the items themselves.
    """

    items: Sequence[int] | Sequence[str] | pa.Array
    n: int = 20
    exclude: Sequence[int] | Sequence[str] = ()
    allow: Sequence[int] | Sequence[str] | None = None
    exclude_seen: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.n, bool) or not isinstance(self.n, int) or self.n < 1:
            raise ValueError(f"n must be a whole number of at least 1, got {self.n!r}")


@dataclass(frozen=True)
class Recommendations:
    """The answer, best first. scores: raw scores; probabilities: softmax over the catalogue; unknown: ids left out.

    context_length: how many known items the list was made from (0: the popularity fallback).
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
    """A scorer, the temperature of its probabilities, and its version in a registry, where it has one."""

    scorer: Scorer
    temperature: float = 1.0
    version: str = ""

    @classmethod
    def load(cls, directory: str | Path, device: str = "auto") -> Self:
        """Open a model that `checkpoint.save` wrote; raises what `checkpoint.load` raises."""
        checkpoint = load(directory, device)
        checkpoint.model.freeze()
        extra = checkpoint.extra
        return cls(checkpoint.model, float(extra.get("temperature", 1.0)), str(extra.get("model_version", "")))

    def recommend(
        self,
        items: Sequence[int] | Sequence[str] | pa.Array,
        n: int = 20,
        exclude: Sequence[int] | Sequence[str] = (),
        allow: Sequence[int] | Sequence[str] | None = None,
        exclude_seen: bool = True,
    ) -> Recommendations:
        """The n items that come next after `items`; see Request for the arguments.

        Raises:
            ValueError: n is not a whole number of at least 1, or ids are not of the type that the model knows.
        """
        return self.recommend_batch([Request(items, n, exclude, allow, exclude_seen)])[0]

    def recommend_batch(self, requests: Sequence[Request]) -> list[Recommendations]:
        """Answers in the order of the requests; those with a known item are scored together."""
        vocabulary = self.scorer.vocabulary
        known: list[NDArray[np.int64]] = []
        unknown: list[list[Any]] = []
        for request in requests:
            column = as_ids(request.items, empty=vocabulary.id_type)
            index = vocabulary.encode(column)
            known.append(index[index >= 0])
            unknown.append(column.filter(pa.array(index < 0)).to_pylist())
        scored = [number for number, items in enumerate(known) if len(items)]
        answers: list[Recommendations | None] = [None] * len(requests)
        for number, row in self._rows([known[number] for number in scored]):
            place = scored[number]
            answers[place] = self._answer(requests[place], row, known[place], unknown[place])
        for place, answer in enumerate(answers):
            if answer is None:
                answers[place] = self._popular(requests[place], unknown[place])
        return [answer for answer in answers if answer is not None]

    def recommend_stream(
        self,
        contexts: Iterable[pa.RecordBatch],
        n: int = 100,
        exclude_seen: bool = True,
        allow: Any = None,
        deny: Any = None,
        max_context: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Lists for any number of users in bounded memory; see `stream.stream`."""
        config = StreamConfig(n, exclude_seen, max_context, self.temperature)
        return stream(self.scorer, contexts, config, allow=allow, deny=deny)

    def _rows(self, contexts: list[NDArray[np.int64]]) -> Iterator[tuple[int, torch.Tensor]]:
        """The number of each context and its scores, [I]; valid until the next is asked for."""
        if not contexts:
            return
        sessions = Sessions.from_lists([context.tolist() for context in contexts])
        for block in self.scorer.blocks(sessions, last_only=True, rows=block_rows(len(self.scorer.vocabulary))):
            numbers = np.searchsorted(sessions.offsets, block.events, side="right") - 1
            yield from zip(numbers.tolist(), block.scores, strict=True)

    def _answer(
        self, request: Request, row: torch.Tensor, seen: NDArray[np.int64], unknown: list[Any]
    ) -> Recommendations:
        shift = log_normaliser(row[None], self.temperature)
        values, index = self._best(request, row, seen)
        probabilities = (values / self.temperature - shift).exp().cpu().numpy()
        ids = self.scorer.vocabulary.decode(index)
        return Recommendations(ids, values.cpu().numpy(), probabilities, unknown, self.scorer.name, len(seen))

    def _popular(self, request: Request, unknown: list[Any]) -> Recommendations:
        row = torch.from_numpy(popularity_shares(self.scorer.vocabulary))
        values, index = self._best(request, row, np.empty(0, dtype=np.int64))
        shares = values.numpy()
        return Recommendations(self.scorer.vocabulary.decode(index), shares, shares, unknown, POPULARITY)

    def _best(
        self, request: Request, row: torch.Tensor, seen: NDArray[np.int64]
    ) -> tuple[torch.Tensor, NDArray[np.int64]]:
        """Scores and indices of the best n items that the request lets stand."""
        barred = torch.zeros(len(row), dtype=torch.bool)
        if request.allow is not None:
            barred[:] = True
            barred[self._known(request.allow)] = False
        barred[self._known(request.exclude)] = True
        if request.exclude_seen:
            barred[torch.from_numpy(seen)] = True
        values, index = top_k(row.masked_fill(barred.to(row.device), -torch.inf)[None], request.n)
        left = int((~barred).sum())
        return values[0, :left], index[0, :left].cpu().numpy()

    def _known(self, ids: Any) -> torch.Tensor:
        """Indices of the ids that the model knows."""
        index = self.scorer.vocabulary.encode(as_ids(ids, empty=self.scorer.vocabulary.id_type))
        return torch.from_numpy(index[index >= 0])

"""Top-N for any number of users, one pass, memory independent of their number.

Contexts come in as record batches, a user's rows side by side; users are gathered into groups, each group is scored
in blocks of rows that stay in the cache, and its lists leave as one record batch before the next group is read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.ranking import block_rows
from gru4rec.evaluation.segments import session_of
from gru4rec.network import repeats
from gru4rec.scoring.calibration import log_normaliser
from gru4rec.scoring.scorer import Scorer
from gru4rec.scoring.topk import top_k
from gru4rec.serving.catalogue import Best, Catalogue, Linear, Seen

POPULARITY = "popularity"
GROUP = 4096  # users whose lists are held at a time
ROWS = 128  # users scored at a time


@dataclass(frozen=True)
class StreamConfig:
    """n: list length; max_context: only the last so many known items of a user count (None: all);
    temperature: of the probabilities."""

    n: int = 100
    exclude_seen: bool = True
    max_context: int | None = None
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if self.n < 1 or self.n > np.iinfo(np.int16).max:
            raise ValueError(f"n must be between 1 and {np.iinfo(np.int16).max}, got {self.n}")
        if self.max_context is not None and self.max_context < 1:
            raise ValueError(f"max_context must be at least 1, or None for all, got {self.max_context}")


class _Group(NamedTuple):
    """Some users [U] and their known items in order of time: user u's are items[offsets[u]:offsets[u + 1]]."""

    users: pa.Array
    items: NDArray[np.int64]
    offsets: NDArray[np.int64]


class _Lists(NamedTuple):
    """Lists of U users, each [U, n]: item indices, scores (−inf where no item was left), probabilities."""

    items: NDArray[np.int64]
    score: NDArray[np.float32]
    probability: NDArray[np.float32]


def stream(
    scorer: Scorer, contexts: Iterable[pa.RecordBatch], config: StreamConfig, *, allow: Any = None, deny: Any = None
) -> Iterator[pa.RecordBatch]:
    """One list a user, users in the order they come, ranks 1..n.

    Args:
        scorer: the model.
        contexts: batches with `user_id` and `item_id`; a user's rows stand side by side, oldest first, and may go on
            in the next batch.
        config: list length and the like.
        allow: the only item ids that may be recommended (None: all); deny: ids that must not be.

    Yields:
        user_id, rank int16, item_id, score float32, probability float32, model string, context_length int16. A user
        without a known item gets the popular items, model "popularity", context_length 0.

    Raises:
        ValueError: allow and deny leave nothing to recommend, a column is missing, an id is null or of another type
            than the model knows, or a score is not a finite number.
    """
    barred = _barred(scorer.vocabulary, allow, deny)
    fallback = _popular(scorer.vocabulary, config.n, barred)
    catalogue = Catalogue(scorer, config.temperature, barred) if isinstance(scorer, Linear) else None
    for group in _groups(contexts, scorer.vocabulary, config.max_context):
        yield _table(group, _score(scorer, catalogue, group, config, barred, fallback), scorer)


def popularity_shares(vocabulary: Vocabulary) -> NDArray[np.float32]:
    """Share of the training events of every item, [I]: score and probability of the popularity fallback."""
    shares: NDArray[np.float32] = (vocabulary.counts / max(int(vocabulary.counts.sum()), 1)).astype(np.float32)
    return shares


def _barred(vocabulary: Vocabulary, allow: Any, deny: Any) -> NDArray[np.bool_] | None:
    """True for items that nobody may be recommended, [I]; None when there is no such item."""
    barred = np.zeros(len(vocabulary), dtype=bool)
    if allow is not None:
        barred[:] = True
        known = vocabulary.encode(allow)
        barred[known[known >= 0]] = False
    if deny is not None:
        known = vocabulary.encode(deny)
        barred[known[known >= 0]] = True
    if barred.all():
        raise ValueError("nothing is left to recommend: the allow and deny lists bar every item that the model knows")
    return barred if barred.any() else None


def _popular(vocabulary: Vocabulary, n: int, barred: NDArray[np.bool_] | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Index and share of the popular items, [min(n, items that may be recommended)]."""
    shares = popularity_shares(vocabulary)
    left = len(shares)
    if barred is not None:
        shares[barred] = -np.inf
        left = int(np.count_nonzero(~barred))
    share, index = top_k(torch.from_numpy(shares)[None], min(n, left))
    return index[0].numpy(), share[0].numpy()


def _groups(contexts: Iterable[pa.RecordBatch], vocabulary: Vocabulary, limit: int | None) -> Iterator[_Group]:
    """Users in groups of at most GROUP; the last user of a batch waits for the next batch, which may go on with it."""
    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in contexts:
        if batch.num_rows == 0:
            continue
        _check(batch)
        waiting.append(batch.select(["user_id", "item_id"]))
        held += batch.num_rows
        if held >= GROUP:
            rows = pa.Table.from_batches(waiting).combine_chunks()
            starts = _run_starts(rows["user_id"])
            yield from _cut(rows.slice(0, starts[-1]), starts[:-1], vocabulary, limit)
            rest = rows.slice(starts[-1]).combine_chunks()
            waiting, held = rest.to_batches(), rest.num_rows
    if waiting:
        rows = pa.Table.from_batches(waiting).combine_chunks()
        yield from _cut(rows, _run_starts(rows["user_id"]), vocabulary, limit)


def _check(batch: pa.RecordBatch) -> None:
    for name in ("user_id", "item_id"):
        if name not in batch.schema.names:
            raise ValueError(f"the contexts have no column {name!r}; they have {', '.join(batch.schema.names)}")
        if batch[name].null_count:
            raise ValueError(f"{batch[name].null_count} rows of the contexts have no {name}; leave such rows out")


def _run_starts(users: pa.ChunkedArray) -> NDArray[np.int64]:
    """Rows at which another user begins."""
    column = users.combine_chunks()
    other = pc.not_equal(column.slice(1), column.slice(0, len(column) - 1)).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.flatnonzero(other) + 1])


def _cut(rows: pa.Table, starts: NDArray[np.int64], vocabulary: Vocabulary, limit: int | None) -> Iterator[_Group]:
    """Whole users, cut into groups, without their unknown items and all but their last `limit` known ones."""
    if len(starts) == 0:
        return
    index = vocabulary.encode(rows["item_id"])
    user = np.repeat(np.arange(len(starts)), np.diff(starts, append=rows.num_rows))
    keep = index >= 0
    index, user = index[keep], user[keep]
    lengths = np.bincount(user, minlength=len(starts))
    if limit is not None:
        from_end = np.cumsum(lengths)[user] - np.arange(len(user))
        index, lengths = index[from_end <= limit], np.minimum(lengths, limit)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = rows["user_id"].combine_chunks().take(pa.array(starts))
    for first in range(0, len(starts), GROUP):
        last = min(first + GROUP, len(starts))
        part = offsets[first : last + 1]
        yield _Group(ids.slice(first, last - first), index[part[0] : part[-1]], part - part[0])


def _score(
    scorer: Scorer,
    catalogue: Catalogue | None,
    group: _Group,
    config: StreamConfig,
    barred: NDArray[np.bool_] | None,
    fallback: tuple[NDArray[np.int64], NDArray[np.float32]],
) -> _Lists:
    """The lists of one group."""
    items, share = fallback
    users = len(group.users)
    lists = _Lists(np.tile(items, (users, 1)), np.tile(share, (users, 1)), np.tile(share, (users, 1)))
    known = np.flatnonzero(np.diff(group.offsets) > 0)
    if len(known) == 0:
        return lists
    sessions = Sessions(group.items, np.concatenate([[0], group.offsets[known + 1]]))
    if catalogue is None:
        parts = _from_scores(scorer, sessions, config, barred, len(items))
    else:
        parts = _from_states(scorer, catalogue, sessions, config)
    for number, best in parts:
        if not np.isfinite(best.normaliser).all():
            raise ValueError(f"{scorer.name} gave a score that is not a finite number; its weights are spoiled")
        rows = known[number]
        lists.items[rows] = best.items
        lists.score[rows] = best.scores
        lists.probability[rows] = np.exp(best.scores / config.temperature - best.normaliser[:, None])
    return lists


def _from_states(
    scorer: Any, catalogue: Catalogue, sessions: Sessions, config: StreamConfig
) -> Iterator[tuple[NDArray[np.int64], Best]]:
    """Numbers of sessions and their best items, from the hidden states of a linear scorer."""
    states: torch.Tensor | None = None
    for events, part in scorer.hidden(sessions, last_only=True):
        if states is None:
            states = part.new_empty(len(sessions), part.shape[1])
        states[torch.from_numpy(session_of(sessions, events)).to(part.device)] = part
    rows = block_rows(len(scorer.vocabulary), ROWS)
    repeat = getattr(scorer, "repeat", None)
    for begin in range(0, len(sessions), rows):
        number = np.arange(begin, min(begin + rows, len(sessions)))
        row, item, back = _seen(sessions, number)
        added = None if repeat is None else repeats.of_distance(back, repeat)
        seen = Seen(row, item, added, again=not config.exclude_seen)
        assert states is not None
        yield number, catalogue.best(states[begin : begin + rows], config.n, seen)


@torch.inference_mode()
def _from_scores(
    scorer: Scorer, sessions: Sessions, config: StreamConfig, barred: NDArray[np.bool_] | None, n: int
) -> Iterator[tuple[NDArray[np.int64], Best]]:
    """The same from the scores that any scorer gives."""
    for block in scorer.blocks(sessions, last_only=True, rows=block_rows(len(scorer.vocabulary), ROWS)):
        scores = block.scores
        number = session_of(sessions, block.events)
        normaliser = log_normaliser(scores, config.temperature)
        if barred is not None:
            scores.masked_fill_(torch.from_numpy(barred).to(scores.device), -torch.inf)
        if config.exclude_seen:
            row, item = (torch.from_numpy(part).to(scores.device) for part in _seen(sessions, number)[:2])
            scores[row, item] = -torch.inf
        values, items = top_k(scores, n)
        yield number, Best(values.cpu().numpy(), items.cpu().numpy(), normaliser.cpu().numpy())


def _seen(
    sessions: Sessions, number: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The items of the numbered sessions, each once: the place of its session among them, the item, and how many
    events before the last one it was last seen."""
    some = sessions.select(number)
    row = np.repeat(np.arange(len(number)), some.lengths)
    back = some.offsets[row + 1] - 1 - np.arange(len(row))
    items = int(some.items.max(initial=0)) + 1
    pairs, last = np.unique((row * items + some.items)[::-1], return_index=True)  # backwards: the last time comes first
    return pairs // items, pairs % items, back[::-1][last]


def _table(group: _Group, lists: _Lists, scorer: Scorer) -> pa.RecordBatch:
    """The lists of a group as rows, without the places that no item was left for."""
    users, n = lists.items.shape
    there = (lists.score > -np.inf).ravel()
    lengths = np.diff(group.offsets)
    row = np.repeat(np.arange(users), n)[there]
    names = pa.array([scorer.name, POPULARITY])
    return pa.record_batch(
        {
            "user_id": group.users.take(pa.array(row)),
            "rank": np.tile(np.arange(1, n + 1, dtype=np.int16), users)[there],
            "item_id": scorer.vocabulary.decode(lists.items.ravel()[there]),
            "score": lists.score.ravel()[there],
            "probability": lists.probability.ravel()[there],
            "model": names.take(pa.array((lengths == 0).astype(np.int8)[row])),
            "context_length": np.minimum(lengths, np.iinfo(np.int16).max).astype(np.int16)[row],
        }
    )

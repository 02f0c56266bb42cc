"""How good a scorer is on held-out sessions: figures with intervals, by segment, and paired between two scorers.

Protocol: for every event but the first of a session the whole catalogue is ranked given the events before it; the
target is the next item; items already seen stay in. Averages run over events, intervals over sessions (`metrics`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation import metrics, segments
from gru4rec.evaluation.ranking import block_ranks, check_tie_rule, rank_type
from gru4rec.evaluation.resample import Resample
from gru4rec.scoring.scorer import Scorer, block_rows
from gru4rec.scoring.topk import top_k

TABLE = pa.schema(
    [
        ("model", pa.string()),
        ("metric", pa.string()),
        ("segment", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("n", pa.int64()),
    ]
)


class Figure(NamedTuple):
    """One metric of one segment: its value, its 95% interval, and the number of events it is the mean of."""

    metric: str
    segment: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found about P predictions, in the order of `sessions.prediction_events()`.

    Attributes:
        model: the scorer's name.
        tie_rule: the rule by which equal scores ranked.
        ranks: of the targets, 1 for the best, [P].
        session: the number of each prediction's session, [P].
        targets: item indices in the vocabulary of the held-out sessions, [P].
        values: of each metric what every prediction is worth, [P].
        drawn: of each metric in `values` its mean over all events in each of the bootstrap's replicates, [B].
        figures: the metrics' means and intervals, over all events and by segment.
        unknown: held-out events whose item the vocabulary lacks.
        sessions: how many the bootstrap draws from, and so how many it draws.
        replicates, seed: of the intervals.
    """

    model: str
    tie_rule: str
    ranks: metrics.Ranks
    session: NDArray[np.int64]
    targets: NDArray[np.int64] = field(repr=False)
    values: dict[str, metrics.Floats] = field(repr=False)
    drawn: dict[str, metrics.Floats] = field(repr=False)
    figures: list[Figure] = field(repr=False)
    unknown: int
    sessions: int
    replicates: int
    seed: int

    @property
    def metrics(self) -> dict[str, float]:
        """The figures over all events: `{"recall@20": 0.61, ...}`."""
        return {figure.metric: figure.value for figure in self.figures if figure.segment == segments.ALL}

    @property
    def events(self) -> int:
        """How many predictions were made."""
        return len(self.ranks)

    def table(self) -> pa.Table:
        """All figures, one row a metric and segment (schema TABLE)."""
        rows = [{"model": self.model, **figure._asdict()} for figure in self.figures]
        return pa.Table.from_pylist(rows, schema=TABLE)


class Difference(NamedTuple):
    """A metric of one scorer less that of another on the same events, with its 95% interval."""

    value: float
    low: float
    high: float

    @property
    def significant(self) -> bool:
        """True when the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def evaluate(
    scorer: Scorer,
    held_out: Dataset,
    ks: tuple[int, ...] = (5, 10, 20),
    bootstrap: int = 1000,
    seed: int = 0,
    *,
    tie_rule: str | None = None,
    new_items: NDArray[np.bool_] | None = None,
) -> Evaluation:
    """Rank all next items over the whole catalogue, and average over the events.

    Args:
        scorer: the model or baseline. It may have another vocabulary than the held-out sessions: inputs that it does
            not know are skipped; a target that it does not know, or before which it knows nothing, is a miss. So two
            scorers of different catalogues answer for the same events.
        held_out: what it is measured on. Its sessions lack the items that training does not know. Its vocabulary counts
            the training events; popularity bias, novelty and the popularity segments are made of these counts.
        ks: list lengths; coverage, popularity bias and novelty are those of the longest.
        bootstrap: replicates of the intervals; 0 leaves them nan.
        seed: of the bootstrap.
        tie_rule: one of ranking.TIE_RULES; None takes the scorer's own.
        new_items: True for the items that came up late in training, [I] (`segments.new_items`).

    Raises:
        ValueError: there is nothing to predict, a score is not a number, or an argument does not fit the others.
    """
    rule = check_tie_rule(scorer.tie_rule if tie_rule is None else tie_rule)
    sessions, train_counts = held_out.sessions, held_out.vocabulary.counts
    sessions.check(len(held_out.vocabulary))
    events = sessions.prediction_events()
    _check(held_out, events, ks)
    ranked = _rank(scorer, held_out, rule, max(ks))
    session = sessions.session_of(events)
    values = metrics.per_event(ranked.ranks, ks)
    values |= _list_metrics(ranked.lists, train_counts, max(ks))
    resample = Resample(session, len(sessions), bootstrap, seed)
    groups = _groups(sessions, train_counts, new_items)
    matrix = np.stack(list(values.values()), axis=1)
    means = resample.means([(matrix[events], events) for events in groups.values()])
    figures = list(_figures(list(values), groups, means, sessions.unknown))
    figures.append(_coverage(ranked.lists, session, len(train_counts), max(ks), resample))
    return Evaluation(
        scorer.name, rule, ranked.ranks, session, sessions.items_at(events + 1), values,
        dict(zip(values, means[0][1].T, strict=True)), figures, sessions.unknown, len(sessions), bootstrap, seed,
    )  # fmt: skip


def compare(a: Evaluation, b: Evaluation, metric: str) -> Difference:
    """One metric of `a` less that of `b`, with an interval of the difference.

    It is paired: in every bootstrap replicate both are averaged over the same drawn sessions.

    Raises:
        ValueError: the two were not made on the same events, or one lacks the metric.
    """
    if not (np.array_equal(a.session, b.session) and np.array_equal(a.targets, b.targets)):
        raise ValueError(f"{a.model} and {b.model} were evaluated on different events; evaluate both on the same ones")
    if metric not in a.values or metric not in b.values:
        raise ValueError(f"no metric {metric!r} in both evaluations; there are {', '.join(sorted(a.values))}")
    of_b = b.drawn[metric]
    if (a.sessions, a.replicates, a.seed) != (b.sessions, b.replicates, b.seed):
        resample = Resample(a.session, a.sessions, a.replicates, a.seed)
        [(_, replicates)] = resample.means([(b.values[metric][:, None], np.arange(b.events))])
        of_b = replicates[:, 0]
    low, high = metrics.interval((a.drawn[metric] - of_b)[:, None])
    return Difference(a.metrics[metric] - b.metrics[metric], float(low[0]), float(high[0]))


def _check(held_out: Dataset, events: NDArray[np.int64], ks: tuple[int, ...]) -> None:
    """Raise ValueError where `evaluate` has nothing to predict or its arguments do not fit each other."""
    if not ks or min(ks) < 1:
        raise ValueError(f"list lengths must be at least 1, got ks={ks}")
    if len(events) == 0:
        raise ValueError(
            "the test set has nothing to predict: no session with two known items "
            f"({held_out.sessions.unknown} events of unknown items were dropped)"
        )


class _Ranked(NamedTuple):
    """Ranks [P], and lists int64 [P, K] of item indices in the sessions' vocabulary; -1 stands for no item."""

    ranks: metrics.Ranks
    lists: NDArray[np.int64]


def _rank(scorer: Scorer, held_out: Dataset, rule: str, k: int) -> _Ranked:
    """Ranks and lists of all predictions, in the order of `sessions.prediction_events()`."""
    sessions, vocabulary = held_out.sessions, held_out.vocabulary
    if vocabulary.ids.equals(scorer.vocabulary.ids):
        return _rank_known(scorer, sessions, rule, k)
    translated, origin = translate(sessions, vocabulary, scorer.vocabulary)
    events = len(sessions.items)
    items = len(scorer.vocabulary)
    place: metrics.Ranks = np.full(events, max(items, k) + 1, dtype=rank_type(rule))  # a miss in a list of k too
    lists = np.full((events, min(k, items)), -1, dtype=np.int64)
    predictions = translated.prediction_events()
    if len(predictions):
        known = _rank_known(scorer, translated, rule, k)
        targets = origin[predictions + 1]  # the prediction of a target stands at the event before it
        place[targets - 1] = known.ranks
        lists[targets - 1] = vocabulary.encode(scorer.vocabulary.ids)[known.lists]
    made = sessions.prediction_events()
    return _Ranked(place[made], lists[made])


def _rank_known(scorer: Scorer, sessions: Sessions, rule: str, k: int) -> _Ranked:
    items = len(scorer.vocabulary)
    place: metrics.Ranks = np.empty(len(sessions.items), dtype=rank_type(rule))
    lists = np.empty((len(sessions.items), min(k, items)), dtype=np.int64)
    for block in scorer.blocks(sessions, rows=block_rows(items)):
        place[block.events] = block_ranks(scorer.name, block, sessions, rule)
        lists[block.events] = top_k(block.scores, k)[1].cpu().numpy()
    made = sessions.prediction_events()
    return _Ranked(place[made], lists[made])


def translate(sessions: Sessions, source: Vocabulary, target: Vocabulary) -> tuple[Sessions, NDArray[np.int64]]:
    """Sessions in another vocabulary, without the events it does not know.

    Returns:
        The same number of sessions, of which some may be empty, and of each event that is kept its position in
        `sessions.items`.
    """
    items = target.encode(source.ids)[sessions.items]
    origin = np.flatnonzero(items >= 0)
    kept_before = np.concatenate([[0], np.cumsum(items >= 0)])
    times = None if sessions.times is None else sessions.times[origin]
    return Sessions(items[origin], kept_before[sessions.offsets], times), origin


def _list_metrics(lists: NDArray[np.int64], counts: NDArray[np.int64], k: int) -> dict[str, metrics.Floats]:
    """Popularity bias and novelty of each event's list, [P]; 0 where there is no list."""
    there = lists >= 0
    length = np.maximum(there.sum(1), 1)
    weights = {"popularity_bias": metrics.relative_popularity(counts), "novelty": metrics.novelty_weights(counts)}
    return {f"{name}@{k}": np.where(there, weight[lists], 0.0).sum(1) / length for name, weight in weights.items()}


def _groups(
    sessions: Sessions, counts: NDArray[np.int64], new_items: NDArray[np.bool_] | None
) -> dict[str, NDArray[np.int64]]:
    """The numbers of all events, then of those of every segment that has any."""
    groups = {segments.ALL: np.arange(len(sessions.prediction_events()))}
    for split in segments.segmentations(sessions, counts, new_items):
        for number, name in enumerate(split.names):
            groups[name] = np.flatnonzero(split.number == number)
    return {name: events for name, events in groups.items() if len(events)}


def _figures(
    names: list[str],
    groups: dict[str, NDArray[np.int64]],
    means: list[tuple[metrics.Floats, metrics.Floats]],
    unknown: int,
) -> Iterator[Figure]:
    """Every metric of every group of events, and of the events whose item nobody knows."""
    for (segment, events), (values, replicates) in zip(groups.items(), means, strict=True):
        low, high = metrics.interval(replicates)
        for column, metric in enumerate(names):
            yield Figure(metric, segment, float(values[column]), float(low[column]), float(high[column]), len(events))
    if unknown:  # an item that no column of the scores stands for has no rank: it is a miss at every k
        ranked = [name for name in names if name.partition("@")[0] in metrics.RANK_METRICS]
        yield from (Figure(metric, segments.COLD, 0.0, 0.0, 0.0, unknown) for metric in ranked)


def _coverage(lists: NDArray[np.int64], session: NDArray[np.int64], items: int, k: int, resample: Resample) -> Figure:
    there = lists >= 0
    owner = np.broadcast_to(session[:, None], lists.shape)[there]
    value, low, high = metrics.coverage_interval(
        owner, lists[there], resample.sessions, items, resample.replicates, resample.seed
    )
    return Figure(f"coverage@{k}", segments.ALL, value, low, high, len(lists))

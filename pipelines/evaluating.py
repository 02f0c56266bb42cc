"""One night's comparison on the same held-out sessions: the challenger, the current champion, the baselines.

What is compared was trained on earlier data only: the challenger's and the champion's measured checkpoints, not those
that serve. The served checkpoint of the challenger is measured too, as a check of its health: it knows these sessions,
so it must not be worse than the measured one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.training import SESSION_KEY

if TYPE_CHECKING:
    import pyarrow as pa

    from gru4rec.evaluation import Evaluation
    from gru4rec.sessions import Sessions

CHALLENGER, CHAMPION, SERVED, BASELINE = "challenger", "champion", "served", "baseline"
PAIRED = ("recall@20", "mrr@20", "ndcg@20")

COLUMNS = {
    "run_date": "the night",
    "role": "challenger, champion, served (the challenger's checkpoint that serves: a health check) or baseline",
    "model": "GRU4Rec, or the baseline's name",
    "model_version": "version in the model registry; empty for a baseline",
    "metric": "recall, mrr, ndcg, coverage, popularity or novelty at a list length",
    "segment": "all events, or a part of them",
    "value": "the metric",
    "low": "lower end of its 95% interval",
    "high": "upper end of its 95% interval",
    "n": "predictions it is the mean of",
    "difference": "challenger minus this model on the same events",
    "difference_low": "lower end of the difference's 95% interval",
    "difference_high": "upper end of the difference's 95% interval",
}
# Arrow types of the columns; the others are float64.
COLUMN_TYPES = dict.fromkeys(("run_date", "role", "model", "metric", "segment"), "string")
COLUMN_TYPES |= {"model_version": "int32", "n": "int64"}


@dataclass(frozen=True)
class Candidate:
    """A checkpoint to measure: its role, its version, and the time of the last event it was trained on."""

    role: str
    version: int
    checkpoint: Path
    train_until: datetime | None


@dataclass(frozen=True)
class Measured:
    """A candidate or baseline with its figures."""

    role: str
    version: int | None
    evaluation: "Evaluation"


@dataclass(frozen=True)
class Comparison:
    """All figures of a night. `leaks` names the candidates that knew the test days, and were left out for it."""

    measured: list[Measured]
    leaks: list[str]
    test_from: datetime
    test_until: datetime
    reliability: Any
    seconds: dict[str, float]


def compare_night(splits: "pa.Table", candidates: Sequence[Candidate], knobs: Any, device: str) -> Comparison:
    """Measure every candidate and baseline on the test sessions of a night.

    The first candidate is the challenger: its vocabulary and training counts are everyone's. ValueError when the test
    days hold nothing to predict.
    """
    import time

    import pyarrow.compute as pc

    from gru4rec.calibration import reliability
    from gru4rec.checkpoint import load
    from gru4rec.segments import new_items
    from gru4rec.sessions import Sessions

    test_rows = splits.filter(pc.equal(splits["split"], "test"))
    train_rows = splits.filter(pc.equal(splits["split"], "train"))
    if test_rows.num_rows == 0:
        raise ValueError("The test days hold no session: hold out more days in [splits], or widen the window.")
    test_from = pc.min(test_rows["session_start"]).as_py()
    challenger = load(candidates[0].checkpoint, device)
    vocabulary = challenger.vocabulary
    test = _sample(Sessions.from_table(test_rows, vocabulary, session=SESSION_KEY), knobs.max_sessions, knobs.seed)
    train = Sessions.from_table(train_rows, vocabulary, session=SESSION_KEY)
    fresh = new_items(train, len(vocabulary))
    measured, leaks, seconds = [], [], {}

    def measure(role: str, version: int | None, scorer: Any) -> None:
        from gru4rec.evaluation import evaluate

        foreign = scorer.vocabulary is not vocabulary
        begun = time.perf_counter()
        found = evaluate(
            scorer,
            test,
            vocabulary.counts,
            bootstrap=knobs.bootstrap,
            seed=knobs.seed,
            new_items=fresh,
            vocabulary=vocabulary if foreign else None,
        )
        seconds[f"{role} {scorer.name}"] = time.perf_counter() - begun
        measured.append(Measured(role, version, found))

    measure(CHALLENGER, candidates[0].version, challenger.model)
    for candidate in candidates[1:]:
        if candidate.role == CHAMPION and (candidate.train_until is None or candidate.train_until >= test_from):
            leaks.append(f"champion version {candidate.version} was trained on events up to {candidate.train_until}")
            continue
        measure(candidate.role, candidate.version, load(candidate.checkpoint, device).model)
    for name in knobs.baselines:
        measure(BASELINE, None, baseline(name, train, vocabulary))
    calibration = reliability(challenger.model, test, challenger.extra["temperature"])
    return Comparison(measured, leaks, test_from, pc.max(test_rows["timestamp"]).as_py(), calibration, seconds)


def baseline(name: str, train: "Sessions", vocabulary: Any) -> Any:
    """A fitted baseline by the name it is reported with; ValueError lists the known ones."""
    from gru4rec import baselines

    kinds: dict[str, Any] = {
        "popularity": baselines.Popularity,
        "markov": baselines.Markov,
        "sequential rules": baselines.SequentialRules,
        "V-SKNN": baselines.VSKNN,
        "VSTAN": baselines.VSTAN,
    }
    if name not in kinds:
        raise ValueError(f"[evaluation] baselines names {name!r}; known are: {', '.join(kinds)}.")
    return kinds[name].fit(train, vocabulary)


def evaluations_table(comparison: Comparison, run_date: str) -> "pa.Table":
    """One row a model, metric and segment; differences to the challenger stand at the segment "all"."""
    import pyarrow as pa

    from gru4rec.evaluation import compare

    challenger = comparison.measured[0].evaluation
    rows = []
    for one in comparison.measured:
        paired = {} if one.role == CHALLENGER else {m: compare(challenger, one.evaluation, m) for m in PAIRED}
        for row in one.evaluation.table().to_pylist():
            difference = paired.get(row["metric"]) if row["segment"] == "all" else None
            rows.append(
                {"run_date": run_date, "role": one.role, "model_version": one.version, **row}
                | {
                    "difference": difference and difference.value,
                    "difference_low": difference and difference.low,
                    "difference_high": difference and difference.high,
                }
            )
    fields = [(name, getattr(pa, COLUMN_TYPES.get(name, "float64"))()) for name in COLUMNS]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def _sample(sessions: "Sessions", most: int, seed: int) -> "Sessions":
    import numpy as np

    if not most or len(sessions) <= most:
        return sessions
    return replace(
        sessions.select(np.sort(np.random.default_rng(seed).choice(len(sessions), most, replace=False))),
        unknown=sessions.unknown,
    )

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

from pipelines.evaluation.gate import KNOWN, PAIRED
from pipelines.training.train import SESSION_KEY

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from gru4rec.data.dataset import Dataset
    from gru4rec.data.sessions import Sessions
    from gru4rec.data.vocabulary import Vocabulary
    from gru4rec.evaluation.evaluate import Evaluation
    from gru4rec.scoring.scorer import Scorer

CHALLENGER, CHAMPION, SERVED, BASELINE = "challenger", "champion", "served", "baseline"

COLUMNS = {
    "run_date": "the night",
    "role": "challenger, champion, served (the challenger's checkpoint that serves: a health check) or baseline",
    "model": "GRU4Rec, or the baseline's name",
    "model_version": "version in the model registry; empty for a baseline",
    "metric": "recall, mrr, ndcg, coverage, popularity or novelty at a list length; known: share of the events that "
    "this model learnt from whose item the challenger knows",
    "segment": "all events, or a part of them",
    "value": "the metric",
    "low": "lower end of its 95% interval",
    "high": "upper end of its 95% interval",
    "n": "predictions in the segment",
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
    """A candidate or baseline with its figures. known: share of its training events whose item the challenger knows."""

    role: str
    version: int | None
    evaluation: "Evaluation"
    known: float


@dataclass(frozen=True)
class Comparison:
    """All figures of a night. `leaks` names the candidates that knew the test days, and were left out for it."""

    measured: list[Measured]
    leaks: list[str]
    test_from: datetime
    test_until: datetime
    reliability: Any
    seconds: dict[str, float]


@dataclass(frozen=True)
class _HeldOut:
    """What all are measured on: the test sessions in the challenger's vocabulary. new_items: True where late, [I]."""

    sessions: "Sessions"
    vocabulary: "Vocabulary"
    new_items: "NDArray[Any]"
    knobs: Any

    def measure(self, role: str, version: int | None, scorer: "Scorer") -> Measured:
        """Evaluate one model; one with a vocabulary of its own answers for the same events."""
        from gru4rec.evaluation.evaluate import evaluate

        found = evaluate(
            scorer,
            Dataset(self.sessions, self.vocabulary),
            bootstrap=self.knobs.bootstrap,
            seed=self.knobs.seed,
            new_items=self.new_items,
        )
        learnt = scorer.vocabulary
        known = learnt.counts[self.vocabulary.encode(learnt.ids) >= 0].sum() / learnt.counts.sum()
        return Measured(role, version, found, float(known))


def compare_night(splits: "pa.Table", candidates: Sequence[Candidate], knobs: Any, device: str) -> Comparison:
    """Measure every candidate and baseline on the test sessions of a night.

    The first candidate is the challenger: its vocabulary and training counts are everyone's. ValueError when the test
    days hold nothing to predict.
    """
    import time

    import pyarrow.compute as pc

    from gru4rec.data.sessions import Sessions
    from gru4rec.evaluation.segments import new_items
    from gru4rec.scoring.calibration import reliability
    from gru4rec.storage.checkpoint import load

    rows = splits.filter(pc.equal(splits["split"], "test"))
    if rows.num_rows == 0:
        raise ValueError("The test days hold no session: hold out more days in [splits], or widen the window.")
    challenger = load(candidates[0].checkpoint, device)
    vocabulary = challenger.vocabulary
    test = _sample(Sessions.from_table(rows, vocabulary, session=SESSION_KEY), knobs.max_sessions, knobs.seed)
    train = Sessions.from_table(splits.filter(pc.equal(splits["split"], "train")), vocabulary, session=SESSION_KEY)
    held_out = _HeldOut(test, vocabulary, new_items(train, len(vocabulary)), knobs)
    test_from, test_until = pc.min(rows["session_start"]).as_py(), pc.max(rows["timestamp"]).as_py()
    measured, seconds = [], {}

    def measure(role: str, version: int | None, scorer: "Scorer") -> None:
        begun = time.perf_counter()
        measured.append(held_out.measure(role, version, scorer))
        seconds[f"{role} {scorer.name}"] = time.perf_counter() - begun

    measure(candidates[0].role, candidates[0].version, challenger.model)
    leaking = [one for one in candidates[1:] if _knew(one, test_from)]
    for candidate in (one for one in candidates[1:] if one not in leaking):
        measure(candidate.role, candidate.version, load(candidate.checkpoint, device).model)
    for name in knobs.baselines:
        measure(BASELINE, None, baseline(name, train, vocabulary))
    leaks = [f"{one.role} version {one.version} was trained on events up to {one.train_until}" for one in leaking]
    calibration = reliability(challenger.model, test, challenger.extra["temperature"])
    return Comparison(measured, leaks, test_from, test_until, calibration, seconds)


def _knew(candidate: Candidate, test_from: datetime) -> bool:
    """Whether it may have been trained on test days; what serves knows them by design, and is no rival."""
    return candidate.role != SERVED and (candidate.train_until is None or candidate.train_until >= test_from)


def baseline(name: str, train: "Sessions", vocabulary: Any) -> "Scorer":
    """A fitted baseline by the name it is reported with; ValueError lists the known ones."""
    from gru4rec.baselines import BASELINES

    if name not in BASELINES:
        raise ValueError(f"[evaluation] baselines names {name!r}; known are: {', '.join(BASELINES)}.")
    return BASELINES[name].fit(train, vocabulary)


def evaluations_table(comparison: Comparison, run_date: str) -> "pa.Table":
    """One row a model, metric and segment; differences to the challenger stand at the segment "all", and so does
    the share of known items.
    """
    import pyarrow as pa

    from gru4rec.evaluation.evaluate import compare

    challenger = comparison.measured[0].evaluation
    rows = []
    for one in comparison.measured:
        paired = {} if one.role == CHALLENGER else {m: compare(challenger, one.evaluation, m) for m in PAIRED}
        figures = one.evaluation.table().to_pylist()
        overall = next(row for row in figures if row["segment"] == "all")
        known = {**overall, "metric": KNOWN, "value": one.known, "low": None, "high": None}
        for row in [*figures, known]:
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

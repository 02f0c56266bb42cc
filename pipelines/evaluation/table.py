"""The table `evaluations`: what a night's comparison found, one row a model, metric and segment."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_args

from pipelines.settings.kinds import GateMetric

if TYPE_CHECKING:
    import pyarrow as pa

    from gru4rec.evaluation.evaluate import Evaluation

CHALLENGER, CHAMPION, SERVED, BASELINE = "challenger", "champion", "served", "baseline"
PAIRED: tuple[str, ...] = get_args(GateMetric)  # metrics whose difference to the challenger is measured
KNOWN = "known"  # metric: of the events that a model learnt from, the share whose item the challenger knows

COLUMNS = {
    "run_date": "the night",
    "role": "challenger, champion, served (the challenger's checkpoint that serves: a health check) or baseline",
    "model": "GRU4Rec, or the baseline's name",
    "model_version": "version in the model registry; empty for a baseline",
    "metric": "recall, mrr, ndcg, coverage, popularity_bias or novelty at a list length; known: share of the events "
    "that this model learnt from whose item the challenger knows",
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
class Measured:
    """A candidate or baseline with its figures.

    known: the share of its training events whose item the challenger knows.
    """

    role: str
    version: int | None
    evaluation: "Evaluation"
    known: float


@dataclass(frozen=True)
class Comparison:
    """All figures of a night.

    measured: the challenger first. leaks: a sentence for each candidate that is left out, for it knew the test days.
    test_from, test_until: the first session's start and the last event. seconds: by role and model.
    threads: of a processor, that scored.
    """

    measured: list[Measured]
    leaks: list[str]
    test_from: datetime
    test_until: datetime
    reliability: Any
    seconds: dict[str, float]
    threads: int


def evaluations_schema() -> "pa.Schema":
    """The columns with their types."""
    import pyarrow as pa

    return pa.schema([(name, getattr(pa, COLUMN_TYPES.get(name, "float64"))()) for name in COLUMNS])


def evaluations_table(comparison: Comparison, run_date: str) -> "pa.Table":
    """One row a model, metric and segment.

    The differences to the challenger and the share of known items stand in the rows of the segment "all".
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
    return pa.Table.from_pylist(rows, schema=evaluations_schema())

"""One night's comparison on the same held-out sessions: the challenger, the current champion, the baselines.

Compared are models that were trained on earlier data only: the measured checkpoints of the challenger and the champion,
not those that serve. The challenger's served checkpoint is measured too, as a check of its health: it knows these
sessions, so it must not be worse than the measured one.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.evaluation.table import BASELINE, SERVED, Comparison, Measured
from pipelines.policy import parts
from pipelines.settings import model_sections
from pipelines.settings.kinds import BaselineName
from pipelines.tracking import registry

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from gru4rec.data.dataset import Dataset
    from gru4rec.data.sessions import Sessions
    from gru4rec.data.vocabulary import Vocabulary
    from gru4rec.scoring.scorer import Scorer
    from gru4rec.storage.checkpoint import Checkpoint


@dataclass(frozen=True)
class Candidate:
    """A checkpoint to measure.

    role: see table.py. train_until: the time of the last event that it was trained on; None where nobody knows.
    """

    role: str
    version: int
    checkpoint: Path
    train_until: datetime | None


@dataclass(frozen=True)
class _HeldOut:
    """What all are measured on: the test sessions in the challenger's vocabulary of I items.

    train: the sessions of the training days in the same vocabulary. new_items: [I], True where the item came up late.
    """

    test: "Dataset"
    train: "Sessions"
    new_items: "NDArray[Any]"
    knobs: model_sections.Evaluation

    def measure(self, role: str, version: int | None, scorer: "Scorer") -> Measured:
        """Evaluate one model on the same events, whatever its own vocabulary is."""
        from gru4rec.evaluation.evaluate import evaluate

        found = evaluate(
            scorer, self.test, bootstrap=self.knobs.bootstrap, seed=self.knobs.seed, new_items=self.new_items
        )
        learnt = scorer.vocabulary
        known = learnt.counts[self.test.vocabulary.encode(learnt.ids) >= 0].sum() / learnt.counts.sum()
        return Measured(role, version, found, float(known))


def compare_night(
    splits: Sequence[Path],
    candidates: Sequence[Candidate],
    knobs: model_sections.Evaluation,
    device: str,
    scratch: Path | None = None,
) -> Comparison:
    """Measure every candidate and baseline on the test sessions of a night.

    Args:
        splits: the files of the night's table.
        candidates: the first is the challenger: its vocabulary and training counts are everyone's.
        knobs: [evaluation].
        device: "cpu", "cuda" or "auto".
        scratch: the folder for the files of a long log; None: the system's temporary folder.

    Raises:
        ValueError: the test days hold nothing to predict.
    """
    import pyarrow.compute as pc

    from gru4rec.config.threads import limited
    from gru4rec.scoring.calibration import reliability
    from gru4rec.scoring.threads import scoring_threads

    rows = parts.stream(splits, "test").read_all()
    if rows.num_rows == 0:
        raise ValueError("The test days hold no session: hold out more days in [splits], or widen the window.")
    challenger = _loaded(candidates[0], device)
    threads = knobs.threads or scoring_threads(challenger.model)
    held_out = _held_out(rows, parts.stream(splits, "train"), challenger.vocabulary, knobs, scratch)
    test_from, test_until = pc.min(rows["session_start"]).as_py(), pc.max(rows["timestamp"]).as_py()
    leaking = [one for one in candidates[1:] if _knew(one, test_from)]
    others = [one for one in candidates[1:] if one not in leaking]
    first = (candidates[0].role, candidates[0].version, challenger.model)
    measured, seconds = [], {}
    with limited(threads):
        for role, version, scorer in chain([first], _scorers(others, held_out, device)):
            begun = time.perf_counter()
            measured.append(held_out.measure(role, version, scorer))
            seconds[f"{role} {scorer.name}"] = time.perf_counter() - begun
            del scorer  # before the next one is loaded or fitted
        calibration = reliability(challenger.model, held_out.test.sessions, challenger.extra["temperature"])
    leaks = [f"{one.role} version {one.version} was trained on events up to {one.train_until}" for one in leaking]
    return Comparison(measured, leaks, test_from, test_until, calibration, seconds, threads)


def _held_out(
    test_rows: "pa.Table",
    train_rows: "pa.RecordBatchReader",
    vocabulary: "Vocabulary",
    knobs: model_sections.Evaluation,
    scratch: Path | None,
) -> _HeldOut:
    from gru4rec.data.dataset import Dataset
    from gru4rec.evaluation.segments import new_items

    test = _sample(parts.encode(test_rows.to_reader(), vocabulary), knobs.max_sessions, knobs.seed)
    train = parts.encode(train_rows, vocabulary, scratch=scratch)
    return _HeldOut(Dataset(test, vocabulary), train, new_items(train, len(vocabulary)), knobs)


def _scorers(
    candidates: Sequence[Candidate], held_out: _HeldOut, device: str
) -> "Iterator[tuple[str, int | None, Scorer]]":
    """Role, version and model of each candidate and baseline, loaded or fitted when its turn comes."""
    for candidate in candidates:
        yield candidate.role, candidate.version, _loaded(candidate, device).model
    for name in held_out.knobs.baselines:
        yield BASELINE, None, baseline(name, held_out.train, held_out.test.vocabulary)


def _loaded(candidate: Candidate, device: str) -> "Checkpoint":
    """A candidate's checkpoint; one that cannot be read says whose it is and what helps."""
    from gru4rec.storage.checkpoint import load

    with registry.saying_whose(candidate.role, candidate.version, candidate.checkpoint):
        return load(candidate.checkpoint, device)


def _knew(candidate: Candidate, test_from: datetime) -> bool:
    """Whether a rival may have been trained on test days. A served checkpoint knows them by design and is no rival."""
    return candidate.role != SERVED and (candidate.train_until is None or candidate.train_until >= test_from)


def baseline(name: BaselineName, train: "Sessions", vocabulary: "Vocabulary") -> "Scorer":
    """A fitted baseline by the name it is reported with."""
    from gru4rec.baselines import BASELINES

    return BASELINES[name].fit(train, vocabulary)


def _sample(sessions: "Sessions", most: int, seed: int) -> "Sessions":
    """At most `most` of the sessions, drawn with a seed and in their order; 0: all."""
    import numpy as np

    if not most or len(sessions) <= most:
        return sessions
    return replace(
        sessions.select(np.sort(np.random.default_rng(seed).choice(len(sessions), most, replace=False))),
        unknown=sessions.unknown,
    )

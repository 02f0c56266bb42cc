"""Turning scores into probabilities that mean what they say.

probability = softmax over the catalogue of score / T. The temperature T is fitted on validation data by maximum
likelihood (Guo et al., ICML 2017, arXiv 1706.04599); it changes no order. With β = 1 / T the mean log-likelihood
β·s_target − log Σ exp(β·s) is concave, its slope s_target − E_β[s] and its curvature −Var_β[s]: Newton's method
finds the top in a few passes, kept inside a bracket that shrinks with the sign of the slope.
"""

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gru4rec.config.sentences import shown
from gru4rec.data.sessions import Sessions
from gru4rec.scoring.scorer import Scorer, block_rows

SAMPLE = 5_000  # predictions that the temperature is fitted on
COLDEST, HOTTEST = 1e-3, 1e3  # T is looked for between these
PASSES = 20
ENOUGH = 1e-4  # relative change of β that ends the search


def fit_temperature(scorer: Scorer, validation: Sessions, seed: int = 0) -> float:
    """The temperature that makes the validation targets most likely.

    Args:
        scorer: the model.
        validation: sessions that it was not trained on. Whole sessions are drawn until they hold about SAMPLE
            predictions.
        seed: of the draw.

    Returns:
        T, between COLDEST and HOTTEST.

    Raises:
        ValueError: the sessions hold nothing to predict, or a score is not a finite number.
    """
    sample = _sample(validation, seed)
    if len(sample.prediction_events()) == 0:
        raise ValueError("no temperature can be fitted: the validation sessions have no two known items in a row")
    low, high = 1 / HOTTEST, 1 / COLDEST
    beta = 1.0
    for _ in range(PASSES):
        slope, curvature = _slope(scorer, sample, beta)
        low, high = (beta, high) if slope > 0 else (low, beta)
        step = beta + slope / curvature if curvature > 0 else math.inf * slope
        # outside the bracket (a flat or infinite step): its middle on a log scale
        new = step if low < step < high else math.sqrt(low * high)
        if abs(new - beta) <= ENOUGH * beta:
            return 1 / new
        beta = new
    return 1 / beta


def checked_temperature(temperature: Any) -> float:
    """A temperature as a float; ValueError unless it is a finite number above 0."""
    number = isinstance(temperature, (int, float, np.floating, np.integer)) and not isinstance(temperature, bool)
    with suppress(OverflowError):  # of a whole number that no float is as large as
        if number and 0 < float(temperature) < math.inf:
            return float(temperature)
    raise ValueError(f"the temperature is {shown(temperature)}; give a number above 0")


def log_normaliser(scores: torch.Tensor, temperature: float) -> torch.Tensor:
    """log Σ exp(score / T) over the catalogue, [R], of scores [R, I]."""
    return torch.logsumexp(scores / temperature, dim=1)


@dataclass(frozen=True)
class Reliability:
    """How often the first item of a list is the next item, against how probable it was said to be.

    There is one entry a bin, and all bins hold about equally many predictions.

    Attributes:
        confidence: mean of the probabilities that were said.
        accuracy: share of the predictions whose first item was the next one.
        n: predictions in the bin.
    """

    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    n: NDArray[np.int64]

    @property
    def ece(self) -> float:
        """Expected calibration error, the mean over predictions of |accuracy − confidence|: from 0, perfect, to 1."""
        return float(np.sum(self.n * np.abs(self.accuracy - self.confidence)) / np.sum(self.n))


def reliability(scorer: Scorer, sessions: Sessions, temperature: float, bins: int = 15) -> Reliability:
    """The probability that was said of each list's first item, against how often it was the next item.

    Raises:
        ValueError: temperature or bins is no number above 0, or there is nothing to predict.
    """
    temperature = checked_temperature(temperature)
    if bins < 1:
        raise ValueError(f"bins must be above 0, got {bins}")
    events = sessions.prediction_events()
    if len(events) == 0:
        raise ValueError("reliability needs sessions with at least two known items")
    said = np.empty(len(sessions.items))
    hit = np.empty(len(sessions.items))
    for block in scorer.blocks(sessions, rows=block_rows(len(scorer.vocabulary))):
        best, first = block.scores.max(dim=1)
        normaliser = log_normaliser(block.scores, temperature)
        said[block.events] = (best / temperature - normaliser).clamp(max=0).exp().cpu().numpy()
        hit[block.events] = first.cpu().numpy() == sessions.items[block.events + 1]
    return reliability_bins(said[events], hit[events], bins)


def reliability_bins(said: NDArray[np.float64], hit: NDArray[np.float64], bins: int) -> Reliability:
    """Sort predictions by their probability and cut them into equally full bins, of one prediction or more each.

    Args:
        said: probability of each first item, [P].
        hit: 1 where it was the next item, else 0, [P].
        bins: how many, at most.
    """
    order = np.argsort(said, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    return Reliability(
        np.array([said[part].mean() for part in parts]),
        np.array([hit[part].mean() for part in parts]),
        np.array([len(part) for part in parts]),
    )


def _sample(sessions: Sessions, seed: int) -> Sessions:
    """Whole sessions, drawn at random, that hold about SAMPLE predictions."""
    made = sessions.prediction_events()
    if len(made) <= SAMPLE:
        return sessions
    predictions = np.bincount(sessions.session_of(made), minlength=len(sessions))
    order = np.random.default_rng(seed).permutation(len(sessions))
    enough = int(np.searchsorted(np.cumsum(predictions[order]), SAMPLE)) + 1
    return sessions.select(np.sort(order[:enough]))


def _slope(scorer: Scorer, sessions: Sessions, beta: float) -> tuple[float, float]:
    """Mean over predictions of s_target − E_β[s] and of Var_β[s]."""
    slope = curvature = 0.0
    predictions = 0
    for block in scorer.blocks(sessions, rows=block_rows(len(scorer.vocabulary))):
        scores = block.scores
        targets = torch.from_numpy(sessions.items_at(block.events + 1)).to(scores.device)
        weight = torch.softmax(beta * scores, dim=1)
        mean = (weight * scores).sum(1)
        spread = (weight * (scores - mean[:, None]) ** 2).sum(1)
        slope += float((scores.gather(1, targets[:, None])[:, 0] - mean).double().sum())
        curvature += float(spread.double().sum())
        predictions += len(targets)
    if not math.isfinite(slope) or not math.isfinite(curvature):
        raise ValueError(
            f"{scorer.name} gave a score that is not a finite number; its weights are spoiled, train it again"
        )
    return slope / predictions, curvature / predictions

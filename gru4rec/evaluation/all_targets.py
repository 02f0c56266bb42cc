"""Ranking figures over all targets of a test set, those included that training never saw.

`evaluate` leaves a target out where the model has no row for it, or knew no event before it: no rank exists. Papers
differ in this: the neural ones on RSC15 1/64 drop such events beforehand, or count each as a miss at every k. Both
figures are of use, and this turns the first into the second.
"""

from gru4rec.data.dataset import Dataset
from gru4rec.evaluation import metrics, segments
from gru4rec.evaluation.evaluate import Evaluation, Figure

ALL_TARGETS = "all targets"


def count_targets(held_out: Dataset) -> int:
    """Events of held-out sessions but the first of each, whether a model knows their items or not.

    Raises:
        ValueError: the dataset has lost what was dropped from it.
    """
    if held_out.source is None and held_out.sessions.unknown:
        raise ValueError(
            f"{held_out.sessions.unknown} events of unknown items were dropped and are not at hand; make the dataset "
            "with held_out or from_held_out, which keep them"
        )
    source = held_out.source or held_out
    return int((source.sessions.lengths - 1).clip(min=0).sum())


def over_all_targets(evaluation: Evaluation, targets: int) -> list[Figure]:
    """Recall, MRR and NDCG where each target without a rank is a miss at every k.

    Args:
        evaluation: of the same test set.
        targets: how many it has in all, from `count_targets`.

    Returns:
        One figure a metric and k, of the segment "all targets". The intervals are those of the ranked targets, scaled:
        the share of targets without a rank counts as fixed.

    Raises:
        ValueError: there are fewer targets than were ranked.
    """
    if targets < evaluation.events:
        raise ValueError(
            f"{evaluation.events} targets were ranked, but the test set is said to have {targets}; "
            "count the targets of the same events"
        )
    share = evaluation.events / targets
    return [
        Figure(found.metric, ALL_TARGETS, found.value * share, found.low * share, found.high * share, targets)
        for found in evaluation.figures
        if found.segment == segments.ALL and found.metric.partition("@")[0] in metrics.RANK_METRICS
    ]

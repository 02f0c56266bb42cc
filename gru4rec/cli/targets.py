"""The second denominator of the figures that the commands print: all targets, unknown ones as misses."""

from gru4rec.cli.console import say
from gru4rec.data.dataset import Dataset
from gru4rec.evaluation.all_targets import count_targets, over_all_targets
from gru4rec.evaluation.evaluate import Evaluation

METRICS = ("recall@20", "mrr@20")
KEYS = (*(f"{metric}_all_targets" for metric in METRICS), "unknown_targets")


def of_all_targets(evaluation: Evaluation, held_out: Dataset) -> dict[str, float]:
    """What goes into the commands' last line, by KEYS; a note goes to standard error.

    unknown_targets: those that have no rank, since training did not know them or any event before them.
    """
    targets = count_targets(held_out)
    found = {figure.metric: figure.value for figure in over_all_targets(evaluation, targets)}
    unknown = targets - evaluation.events
    figures = [found[metric] for metric in METRICS]
    said = " ".join(f"{metric} {value:.4f}" for metric, value in zip(METRICS, figures, strict=True))
    say(f"{unknown} of {targets} targets are unknown to training and left out; as misses: {said}")
    return dict(zip(KEYS, [*figures, unknown], strict=True))

"""The second denominator of the figures that the commands print: all targets, unknown ones as misses."""

from gru4rec.cli.console import say
from gru4rec.data.dataset import Dataset
from gru4rec.evaluation.all_targets import count_targets, over_all_targets
from gru4rec.evaluation.evaluate import Evaluation

METRICS = ("recall@20", "mrr@20")


def of_all_targets(evaluation: Evaluation, held_out: Dataset) -> dict[str, float]:
    """`recall@20_all_targets`, `mrr@20_all_targets` and `unknown_targets` of the commands' last line.

    unknown_targets: those that have no rank, since training did not know them or any event before them. A note goes to
    standard error.
    """
    targets = count_targets(held_out)
    found = {figure.metric: figure.value for figure in over_all_targets(evaluation, targets)}
    unknown = targets - evaluation.events
    said = " ".join(f"{metric} {found[metric]:.4f}" for metric in METRICS)
    say(f"{unknown} of {targets} targets are unknown to training and left out; as misses: {said}")
    return {**{f"{metric}_all_targets": found[metric] for metric in METRICS}, "unknown_targets": unknown}

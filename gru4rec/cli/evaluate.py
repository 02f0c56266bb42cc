"""`gru4rec evaluate`: how good a trained model is on held-out events, and baselines beside it."""

import argparse
import json
from typing import Any

import pyarrow as pa

from gru4rec.cli import baselines
from gru4rec.cli.console import columns_of, say, set_threads
from gru4rec.cli.files import held_out_data
from gru4rec.cli.paths import check_new_file
from gru4rec.cli.targets import of_all_targets
from gru4rec.evaluation.evaluate import Evaluation, evaluate
from gru4rec.scoring.threads import scoring_threads
from gru4rec.storage import checkpoint
from gru4rec.storage.files import write_parquet


def evaluate_command(arguments: argparse.Namespace) -> None:
    """Measure a model; a table with intervals goes to standard error, one JSON line to standard output."""
    if arguments.out is not None:
        check_new_file(arguments.out, "--out")
    names = baselines.asked_for(arguments)
    model = checkpoint.load(arguments.model_dir, arguments.device).model
    set_threads(arguments.threads or scoring_threads(model))
    held_out = held_out_data(arguments.test, model.vocabulary, columns_of(arguments))
    train = baselines.training_data(arguments, model.vocabulary) if names else None
    evaluation = evaluate(
        model,
        held_out,
        bootstrap=arguments.bootstrap,
        seed=arguments.seed,
        tie_rule=arguments.tie_rule,
    )
    if names:
        say(evaluation.model)
    _say_figures(evaluation)
    all_targets = of_all_targets(evaluation, held_out)
    others = []
    if train is not None:
        for other in baselines.measured(names, train, held_out, arguments):
            say(other.model)
            _say_figures(other)
            others.append(other)
    if arguments.out is not None:
        table = pa.concat_tables([one.table() for one in (evaluation, *others)])
        write_parquet(arguments.out, table.schema, table.to_batches())
        say(f"figures by segment written to {arguments.out}")
    summary: dict[str, Any] = {
        **evaluation.metrics,
        **all_targets,
        "tie_rule": evaluation.tie_rule,
        "predictions": evaluation.events,
        "sessions": len(held_out.sessions),
        "unknown_events": held_out.sessions.unknown,
        "short_sessions": held_out.sessions.short,
    }
    if others:
        summary["baselines"] = [{"model": o.model, **o.metrics, "tie_rule": o.tie_rule} for o in others]
    print(json.dumps(summary), flush=True)


def _say_figures(evaluation: Evaluation) -> None:
    """The figures over all events on standard error, with their intervals where there are some."""
    for figure in evaluation.figures:
        if figure.segment == "all":
            interval = f"  [{figure.low:.4f}, {figure.high:.4f}]" if evaluation.replicates else ""
            say(f"{figure.metric:>18} {figure.value:.4f}{interval}")

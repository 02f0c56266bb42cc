"""How people read a night's figures: in MLflow on the training's run and on the version, and on the asset's page."""

import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.evaluation.table import BASELINE, CHALLENGER, KNOWN, PAIRED, SERVED
from pipelines.policy.metadata import markdown_table
from pipelines.tracking.runs import NOTE_TAG, Tracking, numbers

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

SHOWN = ("recall@20", "mrr@20", "ndcg@20", "coverage@20")
LESS = f"challenger − this, {SHOWN[0]}"
KNOWS = "trained on the test days"  # the served checkpoint: its figures are no rival's


def log_figures(
    tracking: Tracking, version: "ModelVersion", rows: list[dict[str, Any]], file: Path, pictures: dict[str, bytes]
) -> None:
    """Write the metrics, the table and the pictures to the training's own run, and a summary to the model version."""
    from mlflow.entities import Metric

    run_id = version.run_id
    overall = [row for row in rows if row["segment"] == "all"]
    now = int(1000 * time.time())
    metrics = []
    for row in overall:
        who = "test" if row["role"] == CHALLENGER else f"test/{row['role']}"
        if row["role"] == BASELINE:
            who = f"test/{row['model']}"
        if row["role"] == SERVED:
            who = f"{KNOWS.replace(' ', '_')}/{SERVED}"
        for name, value in numbers({row["metric"]: row["value"]} | _spread(row)).items():
            metrics.append(Metric(f"{who}/{name}", value, now, 0))
    tracking.client.log_batch(run_id, metrics)
    tracking.client.log_artifact(run_id, str(file), "evaluation")
    tracking.client.log_text(run_id, summary(rows), "evaluation/summary.md")
    with tempfile.TemporaryDirectory() as folder:
        for name, content in pictures.items():
            (Path(folder) / f"{name}.png").write_bytes(content)
        tracking.client.log_artifacts(run_id, folder, "evaluation")
    mine = next(row for row in overall if row["role"] == CHALLENGER and row["metric"] == SHOWN[0])
    said = f"{SHOWN[0]} {mine['value']:.4f} on the test days of {mine['run_date']}.\n\n{summary(rows)}"
    tracking.client.update_model_version(version.name, version.version, description=said)
    tracking.client.set_tag(run_id, NOTE_TAG, said)


def _spread(row: dict[str, Any]) -> dict[str, Any]:
    """The interval of the challenger's figure, or its difference to another model with the difference's interval."""
    if row["metric"] not in PAIRED:
        return {}
    if row["role"] == CHALLENGER:
        return {f"{row['metric']}_low": row["low"], f"{row['metric']}_high": row["high"]}
    names = {"": "difference", "_low": "difference_low", "_high": "difference_high"}
    return {f"challenger_minus_this/{row['metric']}{end}": row[name] for end, name in names.items()}


def _served_last(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows in their order, those of the checkpoint that knows the test days at the end."""
    return sorted(rows, key=lambda row: bool(row["role"] == SERVED))


def brief(rows: list[dict[str, Any]]) -> str:
    """The main table in fewer than 1,000 characters: Dagster hides a longer one behind a click."""
    lines = []
    for row in _served_last(row for row in rows if row["segment"] == "all" and row["metric"] == SHOWN[0]):
        name = row["model"] if row["role"] == BASELINE else f"{row['role']} v{row['model_version']}"
        name += f", {KNOWS}" if row["role"] == SERVED else ""
        figure = f"{row['value']:.4f} [{row['low']:.3f}, {row['high']:.3f}]"
        less = "" if row["difference"] is None else f"[{row['difference_low']:+.3f}, {row['difference_high']:+.3f}]"
        lines.append({"model": name, SHOWN[0]: figure, "challenger − this": less})
    return markdown_table(["model", SHOWN[0], "challenger − this"], lines)


def summary(rows: list[dict[str, Any]]) -> str:
    """The table of all models, with one row a model and one column a metric."""
    table: dict[tuple[str, str], dict[str, Any]] = {}
    for row in _served_last(row for row in rows if row["segment"] == "all" and row["metric"] in (*SHOWN, KNOWN)):
        role = f"{SERVED}, {KNOWS}" if row["role"] == SERVED else row["role"]
        line = table.setdefault((role, row["model"]), {**row, "role": role, "version": row["model_version"] or ""})
        if row["metric"] == KNOWN:
            line["its events known"] = f"{row['value']:.1%}"
            continue
        line[row["metric"]] = f"{row['value']:.4f} [{row['low']:.4f}, {row['high']:.4f}]"
        if row["metric"] == SHOWN[0] and row["difference"] is not None:
            line[LESS] = f"{row['difference']:+.4f} [{row['difference_low']:+.4f}, {row['difference_high']:+.4f}]"
    return markdown_table(["role", "model", "version", *SHOWN, LESS, "its events known"], list(table.values()))

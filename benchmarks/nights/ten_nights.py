"""Ten nights in a row through Dagster: who was champion when, and why. Some nights are spoiled on purpose.

`python -m benchmarks.nights.ten_nights shop FOLDER`: a synthetic shop whose taste drifts; with `movielens` instead of
`shop`: MovieLens 100K, fetched as the demo does. FOLDER is made and kept: called again, it goes on after the last night
(`--nights 3` runs three and stops). Prints docs/ten_nights.md's table and reasons; draws FOLDER/ten_nights.png.
"""

import argparse
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.nights.page import draw, page

if TYPE_CHECKING:
    import dagster as dg

NIGHTS = 10
METRIC = "recall@20"
SHOP = """
[partitions]
first_day = "2026-01-01"
last_day = "2026-01-20"

[sessions]
window_days = 8

[contexts]
window_days = 8

[model]
preset = "rsc15"
threads = 1

[model.overrides]
hidden_size = 64
n_sample = 128
epochs = 4
keep = "best"

[evaluation]
baselines = ["popularity", "markov", "sequential rules"]

[recommendations]
n = 20
min_overlap = 0.0 # taste drifts here
"""


@dataclass(frozen=True)
class Trouble:
    """How a night is spoiled: `said` for people; overrides of the model; knobs of the sessions; a day of wrong ids."""

    said: str
    model: dict[str, Any] = field(default_factory=dict)
    sessions: dict[str, Any] = field(default_factory=dict)
    wrong_ids: bool = False


TROUBLES = {
    "shop": {
        4: Trouble("a learning rate of .003 instead of .1", model={"learning_rate": 0.003}),
        7: Trouble(
            "the day arrives with its item ids in the wrong rows; it is delivered anew the next day", wrong_ids=True
        ),
    },
    "movielens": {
        3: Trouble("a learning rate of 3 instead of .05", model={"learning_rate": 3.0}),
        6: Trouble("the window set to 45 days instead of all", sessions={"window_days": 45}),
        8: Trouble("only films with 50 ratings kept, instead of 5", sessions={"min_item_support": 50}),
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", choices=tuple(TROUBLES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nights", type=int, default=NIGHTS, help="run at most so many now")
    options = parser.parse_args()
    root = options.folder.absolute()
    home = root / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    os.environ |= {"GRU4REC_DATA": str(root), "DAGSTER_HOME": str(home)}
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    done = root / "nights.json"
    if not done.is_file():
        prepare_shop(root) if options.data == "shop" else prepare_movielens(root)
    rows = json.loads(done.read_text()) if done.is_file() else []
    run_nights(root, TROUBLES[options.data], rows, options.nights)
    print(page(rows))
    draw(rows, root / "ten_nights.png")


def prepare_shop(root: Path) -> None:
    from warehouse.sources.shop.generate import generate

    (root / "pipeline.toml").write_text(SHOP)
    generate(root, 60_000, seed=5, n_items=200, days=20, drift=0.1)


def prepare_movielens(root: Path) -> None:
    from pipelines.shell.demo.data import make_ready

    make_ready(root)


def run_nights(root: Path, troubles: dict[int, Trouble], rows: list[dict[str, Any]], at_most: int) -> None:
    """The nights that are not in `rows` yet; each is added to it and to nights.json."""
    import dagster as dg

    from pipelines.policy.partitions import DAILY

    days = DAILY.get_partition_keys()
    with dg.DagsterInstance.get() as instance:
        if not rows:
            run(instance, "backfill_events", span=(days[0], days[-NIGHTS - 1]))
        for number in range(len(rows) + 1, min(len(rows) + at_most, NIGHTS) + 1):
            night = days[number - NIGHTS - 1]
            trouble = troubles.get(number)
            for day in redeliver(root):
                run(instance, "backfill_events", span=(day, day))
            if trouble and trouble.wrong_ids:
                shuffle_ids(root, night)
            result = run(instance, "nightly", night=night, config=configuration(trouble))
            if result.success:
                first = rows[0]["challenger"]["version"] if rows else None
                row = judged(root, night, result, first)
            else:
                run(instance, "serve", night=night)  # what the sensor serve_old_champion asks the daemon for
                row = failed(result)
            served = lists_from(root, night)
            rows.append({"night": night, "trouble": trouble and trouble.said, **row, "lists_from": served})
            (root / "nights.json").write_text(json.dumps(rows, indent=1))
            print(night, row["decision"], row["challenger"], flush=True)


def configuration(trouble: Trouble | None) -> dict[str, Any]:
    """Dagster's run configuration of a night, as somebody would have typed it into the launchpad."""
    from pipelines.settings.read import current_settings

    ops = {}
    if trouble and trouble.model:
        ops["gru4rec_model"] = {"config": {"overrides": {**current_settings().knobs.model.overrides, **trouble.model}}}
    if trouble and trouble.sessions:
        ops["sessions"] = {"config": trouble.sessions}
    return {"ops": ops, "loggers": {"plain": {}}}


def run(
    instance: "dg.DagsterInstance",
    job: str,
    *,
    night: str | None = None,
    span: tuple[str, str] | None = None,
    config: dict[str, Any] | None = None,
) -> Any:
    """Execute a job of one night, or of the days of `span`."""
    from pipelines.definitions import defs

    names = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        partition_key=night,
        run_config=config or {"loggers": {"plain": {}}},
        tags=dict(zip(names, span, strict=True)) if span else None,
        raise_on_error=False,
    )


def shuffle_ids(root: Path, day: str) -> None:
    """Deal the item ids of a day's raw events anew among its rows; the right files are kept for `redeliver`."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    raw, kept = root / "raw" / "events" / day, root / "to_redeliver" / day
    if kept.exists():
        return
    shutil.copytree(raw, kept)
    for file in raw.glob("*.parquet"):
        table = pq.read_table(file)
        order = pa.array(np.random.default_rng(0).permutation(table.num_rows))
        ids = table["item_id"].combine_chunks().take(order)
        pq.write_table(table.set_column(table.column_names.index("item_id"), "item_id", ids), file)


def redeliver(root: Path) -> list[str]:
    """Put the right raw files back; returns their days."""
    days = sorted(folder.name for folder in (root / "to_redeliver").glob("*"))
    for day in days:
        shutil.copytree(root / "to_redeliver" / day, root / "raw" / "events" / day, dirs_exist_ok=True)
        shutil.rmtree(root / "to_redeliver" / day)
    return days


def judged(root: Path, night: str, result: Any, first: int | None) -> dict[str, Any]:
    """What the night's tables and the gate say: figures of all who were compared, the decision, who serves."""
    import pyarrow.parquet as pq

    from warehouse.layout import Layout

    layout = Layout(root)
    rows = pq.read_table(layout.partition("evaluations", night)).to_pylist()
    rows = [row for row in rows if row["segment"] == "all" and row["metric"] == METRIC]
    roles = {row["role"]: figures(row) for row in rows}
    best = max((row for row in rows if row["role"] == "baseline"), key=lambda row: row["value"])
    gate = result.asset_materializations_for_node("champion_model")[0].metadata
    return {
        "challenger": roles["challenger"],
        "champion": roles.get("champion"),
        "first": stale(layout, night, first) if first else None,
        "best": figures(best),
        "decision": gate["decision"].value,
        "reasons": [line.removeprefix("- ") for line in gate["reason"].value.splitlines()],
    }


def failed(result: Any) -> dict[str, Any]:
    """A night that registered no challenger: the sentence of the step that failed."""
    step = next(event for event in result.all_events if event.is_step_failure).step_failure_data
    said = step.user_failure_data.description if step.user_failure_data else step.error_display_string
    return {**dict.fromkeys(("challenger", "champion", "first", "best")), "decision": "failed", "reasons": [said]}


def lists_from(root: Path, night: str) -> list[int]:
    """The versions that made the night's lists."""
    from warehouse.layout import Layout
    from warehouse.recommendations import night as published

    lists = published(Layout(root), date.fromisoformat(night)).to_arrow(["model_version"])
    return list(lists["model_version"].unique().to_pylist())


def figures(row: dict[str, Any]) -> dict[str, Any]:
    names = ("model", "value", "low", "high", "n", "difference", "difference_low", "difference_high")
    return {"version": row["model_version"], **{name: row[name] for name in names}}


def stale(layout: Any, night: str, version: int) -> dict[str, Any]:
    """The first night's champion on this night's sessions: what would be served had nobody followed it."""
    from datetime import datetime

    from pipelines.evaluation.compare import Candidate, compare_night
    from pipelines.evaluation.table import CHALLENGER, evaluations_table
    from pipelines.policy.resources import resources
    from pipelines.settings.read import current_settings
    from pipelines.tracking import registry

    tracking = resources(current_settings())["mlflow"].open()

    def candidate(role: str, found: Any) -> Candidate:
        until = datetime.fromisoformat(found.tags["train_until"])
        checkpoint = registry.evaluated_checkpoint(tracking, found, Path(copies))
        return Candidate(role, int(found.version), checkpoint, until)

    splits = [layout.partition("splits", night)]
    knobs = current_settings().knobs.evaluation.model_copy(update={"baselines": []})
    with tempfile.TemporaryDirectory() as copies:
        both = [
            candidate(CHALLENGER, registry.of_night(tracking, night)),
            candidate("first", tracking.client.get_model_version(tracking.model, str(version))),
        ]
        compared = compare_night(splits, both, knobs, "auto")
    table = evaluations_table(compared, night).to_pylist()
    wanted = (row for row in table if row["role"] == "first" and row["segment"] == "all" and row["metric"] == METRIC)
    return figures(next(wanted))


if __name__ == "__main__":
    main()

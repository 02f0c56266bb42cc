"""Ten nights of a shop whose taste drifts: realised recall beside offline recall, and a night whose lists are spoiled.

Every figure of the table `realised` must be that of a slow computation from the published Delta table and the events.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

ROOT = Path(__file__).resolve().parents[3]
DAYS = [date(2026, 1, 1) + timedelta(days=number) for number in range(15)]
NIGHTS, SPOILED, SEEN = DAYS[5:], DAYS[12], DAYS[13]  # the lists of one night are seen on the next day
SETTINGS = f"""
[partitions]
first_day = "{DAYS[0]}"
last_day = "{DAYS[-1]}"
[sessions]
window_days = 6
[contexts]
window_days = 6
[model]
preset = "rsc15"
threads = 1
[model.overrides]
hidden_size = 48
batch_size = 32
n_sample = 64
epochs = 3
[evaluation]
baselines = ["popularity"]
bootstrap = 50
[gate]
min_events = 50
[recommendations]
n = 20
min_overlap = 0.0
[mlflow]
system_metrics = false
"""
DRIVER = """
import json, sys
from pathlib import Path
import dagster as dg
from benchmarks.nights.ten_nights import run
from warehouse.sources.shop.generate import generate

root, spoiled, first, *nights = Path(sys.argv[1]), *sys.argv[2:]
generate(root, 24_000, seed=4, n_items=120, days=15, drift=0.05)
with dg.DagsterInstance.ephemeral() as instance:
    run(instance, "backfill_events", span=("2026-01-01", first))
    for night in nights:
        wrong = {"recommendations": {"config": {"allow": "price > 80"}}}  # a rule that leaves ten items
        config = {"loggers": {"plain": {}}, "ops": wrong if night == spoiled else {}}
        result = run(instance, "nightly", night=night, config=config)
        checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
        print(json.dumps({"night": night, "success": result.success, "checks": checks}), flush=True)
"""


def slow(root: Path, day: date, k: int) -> dict[str, tuple[float, float, float, int]]:
    """(hit, recall, MRR, users) of the published lists and of the popular items, straight from their definitions."""
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    table = DeltaTable(root / "recommendations")
    stood = [commit["version"] for commit in table.history() if commit["timestamp"] < end.timestamp() * 1000]
    table = DeltaTable(root / "recommendations", version=max(stood)) if stood else table
    night = max(part["run_date"] for part in table.partitions() if part["run_date"] < day.isoformat())
    lists: dict[int, list[int]] = {}
    files = table.file_uris(file_pruning_predicate=[("run_date", "=", night)])
    rows = [row for file in files for row in pq.ParquetFile(file).read(["user_id", "rank", "item_id"]).to_pylist()]
    for row in sorted(rows, key=lambda row: row["rank"]):
        lists.setdefault(row["user_id"], []).append(row["item_id"])
    met: dict[int, set[int]] = {}
    for row in pq.read_table(root / "events" / f"{day}.parquet").to_pylist():
        if end - timedelta(days=1) <= row["timestamp"] < end:
            met.setdefault(row["user_id"], set()).add(row["item_id"])
    counts: Counter[int] = Counter()
    for known in [one for one in DAYS if one.isoformat() <= night]:
        counts.update(pq.read_table(root / "events" / f"{known}.parquet")["item_id"].to_pylist())
    longest = max(map(len, lists.values()))
    popular = sorted(counts, key=lambda item: (-counts[item], item))[:longest]
    found = {}
    users = [user for user in met if user in lists]
    for name, shown in (("published", lists), ("popular", dict.fromkeys(users, popular))):
        hits = [[rank for rank, item in enumerate(shown[user][:k], 1) if item in met[user]] for user in users]
        recall = sum(len(hit) / len(met[user]) for user, hit in zip(users, hits, strict=True))
        first = sum(1 / hit[0] for hit in hits if hit)
        found[name] = (sum(map(bool, hits)) / len(users), recall / len(users), first / len(users), len(users))
    return found


@pytest.fixture(scope="module")
def nights(
    tmp_path_factory: pytest.TempPathFactory, environment: Callable[[Path, Path], dict[str, str]]
) -> tuple[Path, list[dict[str, Any]]]:
    root = tmp_path_factory.mktemp("ten")
    (root / "pipeline.toml").write_text(SETTINGS)
    command = [sys.executable, "-W", "ignore", "-c", DRIVER, str(root), str(SPOILED), str(DAYS[4]), *map(str, NIGHTS)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(root, root), capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return root, [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"night"')]


@pytest.mark.slow
def test_ten_nights_of_realised_recall(nights: tuple[Path, list[dict[str, Any]]]) -> None:
    root, told = nights
    assert [one["night"] for one in told if one["success"]] == [str(night) for night in NIGHTS]
    for day in NIGHTS[1:]:
        rows = pq.read_table(root / "realised" / f"{day}.parquet").to_pylist()
        for k in (5, 10, 20, 100):
            expected = slow(root, day, k)
            for lists in ("published", "popular"):
                [row] = [row for row in rows if (row["lists"], row["by"], row["k"]) == (lists, "all", k)]
                got = (row["hit"], row["recall"], row["mrr"], row["users"])
                assert got == pytest.approx(expected[lists], rel=1e-12), (day, k, lists)


@pytest.mark.slow
def test_the_spoiled_lists_alone_are_seen_by_the_curve_and_by_the_check(
    nights: tuple[Path, list[dict[str, Any]]],
) -> None:
    root, told = nights
    warned = [one["night"] for one in told if not one["checks"]["realised_within_its_band"]]
    assert warned == [str(SEEN)]
    recalls = {day: slow(root, day, 20)["published"][1] for day in NIGHTS[1:]}
    assert min(recalls, key=lambda day: recalls[day]) == SEEN
    rows = pq.read_table(root / "evaluations" / f"{SEEN}.parquet").to_pylist()
    [row] = [row for row in rows if (row["role"], row["segment"], row["metric"]) == ("challenger", "all", "recall@20")]
    report = (root / "reports" / f"{NIGHTS[-1]}.html").read_text()
    assert f"{SEEN:%d %b}, offline recall@20: {row['value']:.4f}" in report
    assert f"{SEEN:%d %b}, published lists: {recalls[SEEN]:.4f}" in report

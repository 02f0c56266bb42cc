"""The end of the demo: the model's figures beside the baselines', and one user's list below that user's last items."""

from datetime import date
from typing import TYPE_CHECKING, Any

from warehouse.layout import Layout

if TYPE_CHECKING:
    import pyarrow as pa

METRICS = ("recall@5", "recall@20", "mrr@20", "ndcg@20", "coverage@20")
BEFORE, AFTER = 5, 10  # items shown of what the user met last, and of the list


def report(layout: Layout, name: str, run_date: date) -> None:
    """Print it all, read from the tables in the way that their users read them."""
    import pyarrow.parquet as pq

    evaluations = pq.read_table(layout.files("evaluations", run_date), partitioning=None).to_pylist()
    print(f"\n{name}, night of {run_date}: next item among all, on held-out sessions")
    print(accuracy(evaluations))
    items = pq.read_table(layout.files("items", run_date), partitioning=None)
    titles = dict(zip(items["item_id"].to_pylist(), items["title"].to_pylist(), strict=True))
    user, met = latest_user(layout, run_date)
    print(f"\nUser {user} met last:")
    for item in met[-BEFORE:]:
        print(f"      {titles.get(item) or item}")
    print("and is recommended:")
    from warehouse.recommendations import for_user

    for rank, row in enumerate(for_user(layout, user, AFTER, run_date=run_date), start=1):
        print(f"  {rank:2}  {row['title'] or row['item_id']}")


def accuracy(rows: list[dict[str, Any]]) -> str:
    """The models' figures over all events, a line each: the new model first, then the baselines."""
    shown = [row for row in rows if row["segment"] == "all" and row["role"] in ("challenger", "baseline")]
    lines = [" " * 18 + "".join(f"{metric:>13}" for metric in METRICS)]
    for model in dict.fromkeys(row["model"] for row in shown):
        values = {row["metric"]: row["value"] for row in shown if row["model"] == model}
        lines.append(f"{model:18}" + "".join(f"{values[metric]:13.4f}" for metric in METRICS))
    return "\n".join(lines)


def latest_user(layout: Layout, run_date: date) -> tuple[Any, list[Any]]:
    """The user of the last event (the lowest id among equals), and all items that user met, in order."""
    import pyarrow.compute as pc

    events = _events(layout, run_date)
    last = events.sort_by([("timestamp", "descending"), ("user_id", "ascending")]).slice(0, 1)
    user = last["user_id"][0].as_py()
    own = events.filter(pc.equal(events["user_id"], user)).sort_by(
        [("timestamp", "ascending"), ("item_id", "ascending")]
    )
    return user, own["item_id"].to_pylist()


def _events(layout: Layout, run_date: date) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = [file for day in layout.days("events") if day <= run_date for file in layout.files("events", day)]
    tables = [pq.read_table(file, columns=["user_id", "item_id", "timestamp"]) for file in files]
    return pa.concat_tables([table for table in tables if table.num_rows])

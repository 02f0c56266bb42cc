"""A data folder and its models belong to one log: a night of another log is refused before it begins to learn."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.policy.resources import MLflow, Warehouse
from pipelines.tracking import registry

if TYPE_CHECKING:
    import pyarrow as pa

WAY = "give this log a data folder of its own (GRU4REC_DATA) and, on an MLflow server, a model name ([mlflow] model)"


def require_one_log(warehouse: Warehouse, mlflow: MLflow, day: str) -> None:
    """Compare the ids of a day's events with those of the table of lists, and with those that the champion knows.

    A champion that cannot be read is passed over: the evaluation and the gate say what becomes of it.

    Raises:
        ValueError: the ids are of another type, or the champion knows none of the day's items.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = warehouse.layout.files("events", day)
    if not files:
        return  # what is missing is the step's own to say
    schema = pq.read_schema(files[0])
    users, items = (pa.types.is_integer(schema.field(name).type) for name in ("user_id", "item_id"))
    words = {True: "whole numbers", False: "texts"}
    listed = _users_of_lists(warehouse)
    if listed is not None and pa.types.is_integer(listed) != users:
        raise ValueError(
            f"{warehouse.layout.recommendations} holds the lists of another log: its user ids are {words[not users]}, "
            f"those of {day} {words[users]}; {WAY}"
        )
    tracking = mlflow.open()
    champion = registry.aliased(tracking, registry.CHAMPION)
    if champion is None:
        return
    with tempfile.TemporaryDirectory(dir=warehouse.scratch()) as copy:
        known = registry.known_items(champion, Path(copy))
    whose = f"the champion, version {champion.version} of {champion.tags.get('run_date')}, is of another log"
    if known is not None and pa.types.is_integer(known.type) != items:
        raise ValueError(f"{whose}: its item ids are {words[not items]}, those of {day} {words[items]}; {WAY}")
    if known is not None and not _meet(files, known):
        raise ValueError(f"{whose}: it knows no item of {day}; {WAY}")


def _users_of_lists(warehouse: Warehouse) -> "pa.DataType | None":
    """The type of the user ids of the newest night that is published; None where there is none that can be read."""
    from warehouse.recommendations import RecommendationsError, latest

    try:
        return latest(warehouse.layout).schema.field("user_id").type
    except (RecommendationsError, OSError):
        return None


def _meet(files: list[Path], known: "pa.Array") -> bool:
    """Whether an item of some events is known; true where there are no events."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    rows = 0
    for file in files:
        with pq.ParquetFile(file) as events:
            for batch in events.iter_batches(columns=["item_id"]):
                rows += batch.num_rows
                if pc.any(pc.is_in(batch["item_id"], value_set=known)).as_py():
                    return True
    return rows == 0

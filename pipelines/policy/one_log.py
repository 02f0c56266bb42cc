"""A data folder and its models belong to one log: a night of another log is refused before it begins to learn."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.policy.resources import MLflow, Warehouse
from pipelines.tracking import registry

if TYPE_CHECKING:
    import pyarrow as pa

WAY = "give this log a data folder of its own (GRU4REC_DATA) and, on an MLflow server, a model name ([mlflow] model)"


KINDS = {True: "whole numbers", False: "texts"}  # of ids, by whether they are integers


def require_own_lists(warehouse: Warehouse, day: str) -> None:
    """Compare the user ids of a day's events, where there are any, with those of the table of lists.

    Raises:
        ValueError: they are of another type.
    """
    listed, users = _users_of_lists(warehouse), _whole_numbers(warehouse, day, "user_id")
    if listed is not None and users is not None and listed != users:
        raise ValueError(
            f"{warehouse.layout.recommendations} holds the lists of another log: its user ids are {KINDS[listed]}, "
            f"those of {day} {KINDS[users]}; {WAY}"
        )


def require_one_log(warehouse: Warehouse, mlflow: MLflow, day: str) -> None:
    """Compare the ids of a day's events with those of the table of lists, and with those that the champion knows.

    A champion that cannot be read is passed over: the evaluation and the gate say what becomes of it.

    Raises:
        ValueError: the ids are of another type, or the champion knows none of the day's items.
    """
    import pyarrow as pa

    require_own_lists(warehouse, day)
    items = _whole_numbers(warehouse, day, "item_id")
    if items is None:
        return  # that events are missing is the step's own to say
    tracking = mlflow.open()
    champion = registry.aliased(tracking, registry.CHAMPION)
    if champion is None:
        return
    with tempfile.TemporaryDirectory(dir=warehouse.scratch()) as copy:
        known = registry.known_items(champion, Path(copy))
    whose = f"the champion, version {champion.version} of {champion.tags.get('run_date')}, is of another log"
    if known is not None and pa.types.is_integer(known.type) != items:
        raise ValueError(f"{whose}: its item ids are {KINDS[not items]}, those of {day} {KINDS[items]}; {WAY}")
    if known is not None and not _meet(warehouse.layout.files("events", day), known):
        raise ValueError(f"{whose}: it knows no item of {day}; {WAY}")


def _whole_numbers(warehouse: Warehouse, day: str, column: str) -> bool | None:
    """Whether the ids of a day's events are integers; None where the day has no events.

    A file without rows tells nothing: that of a day without raw files has a type that no id asked for.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from warehouse.engine.parquet_files import rows_of

    file = next((file for file in warehouse.layout.files("events", day) if rows_of(file)), None)
    return None if file is None else bool(pa.types.is_integer(pq.read_schema(file).field(column).type))


def _users_of_lists(warehouse: Warehouse) -> bool | None:
    """Whether the user ids of the newest published night are integers; None where no night can be read."""
    import pyarrow as pa

    from warehouse.recommendations import RecommendationsError, latest

    try:
        return bool(pa.types.is_integer(latest(warehouse.layout).schema.field("user_id").type))
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

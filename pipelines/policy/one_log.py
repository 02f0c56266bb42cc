"""A data folder and its models belong to one log: a night of another log is refused before it begins to learn."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.policy.resources import MLflow, Warehouse
from pipelines.tracking import registry

if TYPE_CHECKING:
    import pyarrow as pa

WAY = "give this log a data folder of its own (GRU4REC_DATA) and, on an MLflow server, a model name ([mlflow] model)"


ENOUGH = (
    10  # different items of a day, of which a shop's own champion knows one even where the catalogue turns over fast
)
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


def require_one_log(warehouse: Warehouse, mlflow: MLflow, day: str, window_days: int) -> None:
    """Compare the ids of a day's events with those of the table of lists, and with those that the champion knows.

    A champion that cannot be read is passed over: the evaluation and the gate say what becomes of it.

    Args:
        warehouse: where the events and the table lie.
        mlflow: whose champion it is.
        day: the night's.
        window_days: of the sessions; a quiet day is judged with the days of its window.

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
    if known is not None and _strange(warehouse, day, window_days, known):
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


def _strange(warehouse: Warehouse, day: str, window_days: int, known: "pa.Array") -> bool:
    """Whether no item of a day is known, nor one of the days before it that are looked at beside a quiet day.

    A quiet day proves nothing alone: all its items may have come up since the champion learnt, or be too rare for it.
    The days of its window before it are asked too, the newest first, until ENOUGH items were seen: those of the same
    shop hold something that its champion knows, and before another log's first days there is nothing. A day of ENOUGH
    items is judged alone, for the days before it may be those of the log whose folder it came into.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from warehouse.days import as_day, first_of_window
    from warehouse.engine.parquet_files import sentences_of

    last = as_day(day)
    first = first_of_window(last, window_days)
    met: set[int | str] = set()
    for one in [each for each in reversed(warehouse.layout.days("events")) if first <= each <= last]:
        if _whole_numbers(warehouse, one.isoformat(), "item_id") != pa.types.is_integer(known.type):
            continue
        for file in warehouse.layout.files("events", one):
            with sentences_of(file), pq.ParquetFile(file) as events:
                for batch in events.iter_batches(columns=["item_id"]):
                    if pc.any(pc.is_in(batch["item_id"], value_set=known)).as_py():
                        return False
                    if len(met) < ENOUGH:
                        met.update(batch["item_id"].unique().to_pylist())
        if len(met) >= ENOUGH:
            break
    return bool(met)

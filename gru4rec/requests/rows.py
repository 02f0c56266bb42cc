"""The rows of a request to a served model, judged before anything is reckoned."""

from collections.abc import Mapping
from typing import Any

from gru4rec.config.sentences import brief, shown
from gru4rec.serving.recommend import Request

FIELDS = {"items", "n", "exclude"}
USUAL_N = 20
MAX_N = 1000
MAX_ANSWERS = 20_000  # items of all lists of a request together
MAX_IDS = 10_000  # of a row's items, and of its exclude


def read_requests(model_input: Any) -> list[Request]:
    """The requests in whatever form MLflow hands over: a data frame, a list of objects, or one object.

    Raises:
        ValueError: one sentence of at most 480 characters says which row is wrong, and how; or that the rows ask for
            more than MAX_ANSWERS items together.
    """
    try:
        requests = [_request(number, row) for number, row in enumerate(_rows(model_input))]
    except ValueError as error:
        raise ValueError(brief(str(error))) from error
    if (answers := sum(request.n for request in requests)) > MAX_ANSWERS:
        raise ValueError(
            f"the {len(requests)} rows ask for {answers} items together; ask for at most {MAX_ANSWERS} at a time"
        )
    return requests


def _request(number: int, row: Mapping[str, Any]) -> Request:
    # numpy's scalars and arrays, which MLflow makes of some bodies, as Python's own
    plain = {key: value.tolist() if hasattr(value, "tolist") else value for key, value in row.items()}
    given = {key: value for key, value in plain.items() if not _absent(value)}
    if unknown := [shown(name) for name in given if name not in FIELDS]:
        raise ValueError(f"row {number} has unknown fields {', '.join(unknown)}; use {', '.join(sorted(FIELDS))}")
    if "items" not in given:
        raise ValueError(f"row {number} has no items; give a list of item ids, oldest first")
    items, exclude = (_ids(number, name, given.get(name, [])) for name in ("items", "exclude"))
    n = given.get("n", USUAL_N)
    if isinstance(n, bool) or not isinstance(n, (int, float)) or n not in range(1, MAX_N + 1):
        raise ValueError(f"n of row {number} is {shown(n)}; give a whole number from 1 to {MAX_N}")
    return Request(items, int(n), exclude)


def _ids(number: int, name: str, value: Any) -> list[Any]:
    """The ids of a field; whether they are of the model's type is judged where the model is known."""
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{name} of row {number} is {shown(value)}; give a list of item ids")
    if len(value) > MAX_IDS:
        raise ValueError(f"{name} of row {number} has {len(value)} ids; give at most {MAX_IDS}")
    for one in value:
        if one is None or isinstance(one, (bool, Mapping, list, tuple)):
            raise ValueError(f"{name} of row {number} holds {shown(one)}; give integers or strings")
    if len({isinstance(one, str) for one in value}) > 1:  # MLflow would make text of the numbers beside it
        raise ValueError(f"{name} of row {number} are of mixed type; give integers or strings throughout")
    return list(value)


def _rows(model_input: Any) -> list[Mapping[str, Any]]:
    if hasattr(model_input, "to_dict"):
        return list(model_input.to_dict(orient="records"))
    given = model_input.tolist() if hasattr(model_input, "tolist") else model_input
    rows = list(given) if isinstance(given, (list, tuple)) else [given]
    if not all(isinstance(row, Mapping) for row in rows):
        raise ValueError('a request is a list of objects such as {"items": [1, 2], "n": 10}')
    return rows


def _absent(value: Any) -> bool:
    """None, or the NaN that a data frame puts where a row lacks a column."""
    return value is None or (isinstance(value, float) and value != value)

"""GRU4Rec as an MLflow model (models from code): logged by path, loaded without pickle, called by an API layer.

Request: one row a list, columns `items` (ids, oldest first), optional `n` (default 20) and `exclude` (ids). As the body
of `mlflow models serve`: `{"dataframe_records": [{"items": [1, 2], "n": 10, "exclude": [7]}]}`, or
`{"inputs": [{"items": [1, 2]}]}`. Response: one object a row, in the order of the request:
`{"items": [{"rank", "item_id", "score", "probability"}, ...], "model", "version", "context_length", "unknown"}`.
"""

from collections.abc import Mapping
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext

from gru4rec.serving.answers import Recommendations
from gru4rec.serving.recommend import Recommender, Request

ARTIFACT = "model"  # the name of the artifact that holds the checkpoint's folder
FIELDS = {"items", "n", "exclude"}
MAX_N = 1000


class GRU4RecModel(PythonModel):
    """A recommender over the logged checkpoint. A request that cannot be read is answered 400 with one sentence."""

    # MLflow's own switch: without it every log and load would warn that `predict` has no type hint (why: see there)
    _skip_type_hint_validation = True

    def load_context(self, context: PythonModelContext) -> None:
        """Open the checkpoint among the artifacts."""
        self.recommender = Recommender.load(context.artifacts[ARTIFACT], device="auto")
        self.version = str((context.model_config or {}).get("version") or self.recommender.version)

    # no type hint on model_input: MLflow would take one for a schema and refuse the other forms
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Answer every row of the request.

        Raises:
            MlflowException: (HTTP 400) the request has another form, or ids of another type than the model's.
        """
        try:
            requests = [read_request(number, row) for number, row in enumerate(_rows(model_input))]
            answers = self.recommender.recommend_batch(requests)
        except ValueError as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from error
        return [self._response(answer) for answer in answers]

    def _response(self, answer: Recommendations) -> dict[str, Any]:
        rows = zip(answer.ids.to_pylist(), answer.scores, answer.probabilities, strict=True)
        return {
            "items": [
                {"rank": rank, "item_id": item, "score": float(score), "probability": float(probability)}
                for rank, (item, score, probability) in enumerate(rows, start=1)
            ],
            "model": answer.model,
            "version": self.version,
            "context_length": answer.context_length,
            "unknown": answer.unknown,
        }


def read_request(number: int, row: Mapping[str, Any]) -> Request:
    """One row of a request; ValueError with the row's number says what is wrong with it."""
    # numpy's scalars and arrays, which MLflow makes of some bodies, as Python's own
    plain = {key: value.tolist() if hasattr(value, "tolist") else value for key, value in row.items()}
    given = {key: value for key, value in plain.items() if not _absent(value)}
    if unknown := sorted(set(given) - FIELDS):
        raise ValueError(f"row {number} has unknown fields {', '.join(unknown)}; use {', '.join(sorted(FIELDS))}")
    if "items" not in given:
        raise ValueError(f"row {number} has no items; give a list of item ids, oldest first")
    items, exclude = (_ids(number, name, given.get(name, [])) for name in ("items", "exclude"))
    n = given.get("n", 20)
    if isinstance(n, bool) or not isinstance(n, (int, float)) or n not in range(1, MAX_N + 1):
        raise ValueError(f"n of row {number} is {n!r}; give a whole number from 1 to {MAX_N}")
    return Request(items, int(n), exclude)


def _ids(number: int, name: str, value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{name} of row {number} is {value!r}; give a list of item ids")
    return list(value)


def _rows(model_input: Any) -> list[Mapping[str, Any]]:
    """The rows of whatever form MLflow hands over: a data frame, a list of objects, or one object."""
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


set_model(GRU4RecModel())

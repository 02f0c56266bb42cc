"""GRU4Rec as an MLflow model (models from code): logged by path, loaded without pickle, called by an API layer.

Request: one row a list, columns `items` (ids, oldest first), optional `n` (default 20) and `exclude` (ids). As the body
of `mlflow models serve`: `{"dataframe_records": [{"items": [1, 2], "n": 10, "exclude": [7]}]}`, or
`{"inputs": [{"items": [1, 2]}]}`. Response: one object a row, in the order of the request:
`{"items": [{"rank", "item_id", "score", "probability"}, ...], "model", "version", "context_length", "unknown"}`.
The lists of a request hold at most 20,000 items together. Served by MLflow, the model stands behind
`gru4rec.requests.guard`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext
from mlflow.utils.yaml_utils import read_yaml

from gru4rec.config.sentences import brief
from gru4rec.requests.guard import Guard
from gru4rec.requests.rows import read_requests
from gru4rec.serving.answers import Recommendations
from gru4rec.serving.recommend import Recommender

ARTIFACT = "model"  # the name of the artifact that holds the checkpoint's folder
REGISTERED = "registered_model_meta"  # the file where MLflow notes the version when it fetches one from a registry


class RequestFault(MlflowException):
    """A request that cannot be answered: HTTP 400 and one sentence, to which MLflow adds nothing on the way out."""

    def __init__(self, sentence: str) -> None:
        super().__init__(brief(sentence), error_code=INVALID_PARAMETER_VALUE)
        self._sentence = self.message

    def serialize_as_json(self) -> str:
        """The body of the answer; `message` itself is rewritten by MLflow's server, with the whole request in it."""
        return json.dumps({"error_code": self.error_code, "message": self._sentence})


class GRU4RecModel(PythonModel):
    """A recommender over the logged checkpoint. A request that cannot be read is answered 400 with one sentence."""

    # MLflow's own switch: without it every log and load would warn that `predict` has no type hint (why: see there)
    _skip_type_hint_validation = True

    def load_context(self, context: PythonModelContext) -> None:
        """Open the checkpoint among the artifacts; where MLflow's server loads the model, put the guard before it."""
        checkpoint = Path(context.artifacts[ARTIFACT])
        self.recommender = Recommender.load(checkpoint, device="auto")
        self.version = _registered_version(checkpoint.parents[1]) or self.recommender.version
        _guard_the_server()

    # no type hint on model_input: MLflow would take one for a schema and refuse the other forms
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Answer every row of the request.

        Raises:
            RequestFault: (HTTP 400) the request has another form, asks for too much, or has ids of another type than
                the model's.
        """
        try:
            answers = self.recommender.recommend_batch(read_requests(model_input))
        except ValueError as error:
            raise RequestFault(str(error)) from error
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


def _registered_version(folder: Path) -> str:
    """The version of a model that was fetched from a registry, by a number or an alias; "" for another model."""
    if not (folder / REGISTERED).is_file():
        return ""
    return str(read_yaml(str(folder), REGISTERED)["model_version"])


def _guard_the_server() -> None:
    """Have MLflow's server put the guard before its application.

    The server's module `app` loads the model and makes a FastAPI application then; it has no place for a middleware,
    so in this process, which is the server's alone, FastAPI's applications come with the guard.
    """
    if "mlflow.pyfunc.scoring_server.app" not in sys.modules:
        return
    import fastapi

    class Guarded(fastapi.FastAPI):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self._guard = Guard(super().__call__)

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self._guard(scope, receive, send)

    fastapi.FastAPI = Guarded  # type: ignore[misc]


set_model(GRU4RecModel())

"""MLflow's web server behind the guard: `python -m pipelines.shell.mlflow_ui STORE ARTIFACTS PORT`, started by ui.py.

MLflow's own command starts the same application in a process of uvicorn, and tells it by the environment where the
store is; there is no place for a guard in it.
"""

import os
import sys

from pipelines.shell.guard import MLFLOW_METHODS, NAMES, Guard


def serve(store: str, artifacts: str, port: int) -> None:
    """Serve until the process is told to stop.

    Args:
        store: URI of runs and registry.
        artifacts: URI of the folder that new experiments keep their files in.
        port: on loopback.
    """
    import uvicorn
    from mlflow.server import constants, handlers

    os.environ[constants.BACKEND_STORE_URI_ENV_VAR] = store
    os.environ[constants.REGISTRY_STORE_URI_ENV_VAR] = store
    os.environ[constants.ARTIFACT_ROOT_ENV_VAR] = artifacts
    handlers.initialize_backend_stores(store, store, artifacts)
    from mlflow.server.fastapi_app import app  # made when it is imported, from that environment

    guarded = Guard(app, port, MLFLOW_METHODS, json_only=False)
    uvicorn.run(guarded, host=NAMES[0], port=port, log_level="warning")


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))

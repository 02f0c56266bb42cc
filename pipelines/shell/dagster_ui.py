"""Dagster's web server behind the guard: `python -m pipelines.shell.dagster_ui WORKSPACE PORT`, started by ui.py."""

import sys

from pipelines.shell.guard import NAMES, Guard


def serve(workspace: str, port: int) -> None:
    """Serve until the process is told to stop.

    Args:
        workspace: the file that names the code.
        port: on loopback.
    """
    import uvicorn
    from dagster import DagsterInstance
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster_webserver.app import create_app_from_workspace_process_context
    from dagster_webserver.version import __version__

    target = WorkspaceFileTarget([workspace])
    with DagsterInstance.get() as instance, WorkspaceProcessContext(instance, target, version=__version__) as context:
        app = create_app_from_workspace_process_context(context, live_data_poll_rate=2000)
        uvicorn.run(Guard(app, port), host=NAMES[0], port=port, log_level="warning")


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))

"""Dagster's web server behind the guard: `python -m pipelines.shell.dagster_ui WORKSPACE PORT`, started by ui.py.

It serves the pictures of the assets' pages and the nights' reports too.
"""

import re
import sys
from typing import TYPE_CHECKING

from pipelines.policy.pictures import PICTURES, REPORTS
from pipelines.settings.read import current_settings
from pipelines.shell.guard import NAMES, Guard
from warehouse.layout import Layout

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

# A report needs nothing beside it, and may do nothing in the name of Dagster's pages, whose address it shares.
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
}


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
        app.router.routes[:0] = routes(Layout(current_settings().root))  # before its own, whose last takes every path
        uvicorn.run(Guard(app, port), host=NAMES[0], port=port, log_level="warning")


def routes(layout: Layout) -> "list[Route]":
    """What answers with reports, with pictures that `pipelines.policy.pictures.show` wrote, and with nothing else."""
    from starlette.responses import FileResponse, PlainTextResponse
    from starlette.routing import Route

    def answer(request: "Request") -> "Response":
        night, name = request.path_params["night"], request.path_params.get("name")
        try:
            file = layout.report(night) if name is None else layout.picture(night, name)
        except ValueError:  # no date
            file = None
        if file is None or not file.is_file() or not re.fullmatch("[a-z_]+", name or "report"):
            return PlainTextResponse("There is no such file.", 404)
        return FileResponse(file, headers=HEADERS)

    return [Route(f"/{PICTURES}/{{night}}/{{name}}.png", answer), Route(f"/{REPORTS}/{{night}}.html", answer)]


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))

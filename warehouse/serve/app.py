"""What is answered by HTTP. One thread answers, from one open night; another opens its successor, which takes over.

A list is found in microseconds and answered where the request is read. What takes longer, opening a night and reading
events, is done elsewhere, so that no request for a list waits for it, and none sees a part of a night.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from importlib import metadata
from threading import Event

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from warehouse.layout import Layout
from warehouse.recommendations.errors import NoNight
from warehouse.serve.desk import Desk
from warehouse.serve.open_night import OpenNight
from warehouse.serve.routes import add_routes

POLL = 1.0  # seconds between two looks at the table

log = logging.getLogger(__name__)


def make_app(layout: Layout, opened: OpenNight | None, hosts: Sequence[str], stopping: Event) -> FastAPI:
    """The application.

    Args:
        layout: where the tables are.
        opened: the night that it begins with; None to answer with status 503 until there is one.
        hosts: names that a request may call this server by, so that a page of another name cannot read from it.
        stopping: the event that `opened` was made with; set when the application ends.
    """
    desk = Desk(opened)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(_follow(desk, layout, stopping))
        yield
        stopping.set()
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following

    app = FastAPI(
        title="Recommendations",
        description="Lists of the newest whole night. The ETag of an answer is the version of its table.",
        lifespan=lifespan,
        redoc_url=None,
        version=metadata.version("gru4rec-nightly"),
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    app.add_middleware(_PathsAsWritten)
    app.add_exception_handler(RequestValidationError, _refused)
    add_routes(app, desk)
    return app


class _PathsAsWritten:
    """Lets a request be found by its path as it was written, not decoded: in an id, %2F is no slash of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": scope["raw_path"].decode("ascii")}
        await self.app(scope, receive, send)


async def _follow(desk: Desk, layout: Layout, stopping: Event) -> None:
    """Look for a newer night again and again; whatever goes wrong, the one that is open stays."""
    while True:
        await asyncio.sleep(POLL)
        try:
            if desk.held is None:
                desk.held = await asyncio.to_thread(OpenNight, layout, stopping)
                newer = None
            else:
                newer = await asyncio.to_thread(desk.held.successor)
        except Exception as error:
            if desk.held is None and isinstance(error, NoNight):
                continue  # the first one has not come yet
            if desk.trouble is None:
                served = "none yet" if desk.held is None else f"the night of {desk.held.night.run_date}"
                log.exception("the table cannot be read; %s is served on", served)
            desk.trouble = f"the table cannot be read: {str(error).splitlines()[0]}"
            continue
        desk.trouble = None
        if newer is not None:
            desk.held = newer


async def _refused(_: Request, error: Exception) -> JSONResponse:
    """What was asked wrongly, as one sentence."""
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    said = "; ".join(f"{fault['loc'][-1]} is {fault.get('input')!r}: {fault['msg']}" for fault in faults)
    return JSONResponse({"detail": said}, status_code=422)

"""What is answered by HTTP. One thread answers, from one open night; another opens its successor, which takes over.

An answer is a few milliseconds of work, done where the request is read. Opening a night takes longer and is done
elsewhere, so no request waits for it, and none sees a part of it.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.middleware.trustedhost import TrustedHostMiddleware

from warehouse.serve.open_night import OpenNight

POLL = 1.0  # seconds between two looks at the table
MOST = 10_000  # items that may be asked for

log = logging.getLogger(__name__)


class Item(BaseModel):
    """One item of a list."""

    item_id: int | str
    title: str | None
    score: float
    model: str


class UserList(BaseModel):
    """A user's list, best first."""

    user_id: str
    run_date: dt.date
    items: list[Item]


class NightFacts(BaseModel):
    """The night that is served."""

    run_date: dt.date
    age_days: int
    version: int
    model_version: int | None
    mlflow_run_id: str | None
    generated_at: dt.datetime
    rollback: str | None


class Health(BaseModel):
    """Whether lists are served, and what keeps a newer night from being served."""

    status: str
    run_date: dt.date
    age_days: int
    version: int
    trouble: str | None


class Sentence(BaseModel):
    """Why there is no answer."""

    detail: str


class _Desk:
    """The night that answers now, and why it could not be followed by a newer one."""

    def __init__(self, opened: OpenNight) -> None:
        self.open = opened
        self.trouble: str | None = None

    @property
    def age_days(self) -> int:
        return (dt.datetime.now(dt.UTC).date() - self.open.night.run_date).days

    async def follow(self) -> None:
        """Look for a newer night again and again; whatever goes wrong, the one that is open stays."""
        while True:
            await asyncio.sleep(POLL)
            try:
                newer = await asyncio.to_thread(self.open.successor)
            except Exception as error:
                if self.trouble is None:
                    log.exception("the table cannot be read; the night of %s is served on", self.open.night.run_date)
                self.trouble = f"the table cannot be read: {str(error).splitlines()[0]}"
                continue
            self.trouble = None
            if newer is not None:
                old, self.open = self.open, newer
                old.close()


def make_app(opened: OpenNight, hosts: Sequence[str]) -> FastAPI:
    """The application.

    Args:
        opened: the night that it begins with; the application closes it.
        hosts: names that a request may call this server by, so that a page of another name cannot read from it.
    """
    desk = _Desk(opened)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(desk.follow())
        yield
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        desk.open.close()

    app = FastAPI(
        title="Recommendations",
        description="Lists of the newest whole night. The ETag of an answer is the version of the table.",
        lifespan=lifespan,
        redoc_url=None,
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    app.add_exception_handler(RequestValidationError, _refused)
    _add_routes(app, desk)
    return app


def _add_routes(app: FastAPI, desk: _Desk) -> None:
    @app.get("/users/{user_id:path}", responses={404: {"model": Sentence}, 304: {"description": "As you have it."}})
    async def user(
        request: Request, response: Response, user_id: str, n: Annotated[int, Query(ge=1, le=MOST)] = 10
    ) -> UserList:
        """A user's best n items of the newest whole night, best first."""
        night = desk.open.night
        _tag(request, response, night.version)
        items = desk.open.best(user_id, n)
        if not items:
            raise HTTPException(
                404, f"user {user_id} has no list in the night {night.run_date}: no event of theirs lies in its window"
            )
        return UserList(user_id=user_id, run_date=night.run_date, items=[Item.model_validate(item) for item in items])

    @app.get("/night")
    async def night(request: Request, response: Response) -> NightFacts:
        """The night that is served, and the model that made it."""
        found = desk.open.night
        _tag(request, response, found.version)
        return NightFacts(
            run_date=found.run_date,
            age_days=desk.age_days,
            version=found.version,
            model_version=found.model_version,
            mlflow_run_id=found.mlflow_run_id,
            generated_at=found.generated_at,
            rollback=None if found.rollback is None else str(found.rollback),
        )

    @app.get("/health")
    async def health() -> Health:
        """Answers while lists are served; says how old they are and what keeps a newer night away."""
        found = desk.open.night
        return Health(
            status="ok" if desk.trouble is None else "stale",
            run_date=found.run_date,
            age_days=desk.age_days,
            version=found.version,
            trouble=desk.trouble,
        )


def _tag(request: Request, response: Response, version: int) -> None:
    """Give the answer its ETag; 304 where the client names it."""
    tag = f'"{version}"'
    response.headers["ETag"] = tag
    named = request.headers.get("If-None-Match", "")
    if tag in (one.strip().removeprefix("W/") for one in named.split(",")):
        raise HTTPException(304, headers={"ETag": tag})


async def _refused(_: Request, error: Exception) -> JSONResponse:
    """What was asked wrongly, as one sentence."""
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    said = "; ".join(f"{fault['loc'][-1]} is {fault.get('input')!r}: {fault['msg']}" for fault in faults)
    return JSONResponse({"detail": said}, status_code=422)

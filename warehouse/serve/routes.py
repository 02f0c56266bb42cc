"""The requests that are answered, by people's names for them; what they answer stands in answers.py."""

import asyncio
import logging
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import AfterValidator

from warehouse.serve import answers
from warehouse.serve.answers import answer, whole
from warehouse.serve.desk import Desk
from warehouse.serve.history import latest_events
from warehouse.serve.open_night import is_int64

MOST = 10_000  # items that may be asked for
PAGE = Path(__file__).with_name("page.html")
# Nothing from elsewhere, and nobody shows the page inside a page of theirs.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

Count = Annotated[int, Query(ge=1, le=MOST)]
Id = Annotated[str, AfterValidator(unquote)]  # routes are told apart by paths as they were written; see app.py
log = logging.getLogger(__name__)
_UNKNOWN: dict[int | str, dict[str, Any]] = {
    304: {"description": "As you have it."},
    404: {"model": answers.Sentence},
}


def add_routes(app: FastAPI, desk: Desk) -> None:
    """Add every route; each answers from the night that is open when the request is read."""
    _add_users(app, desk)
    _add_items(app, desk)
    _add_nights(app, desk)
    page = PAGE.read_text(encoding="utf-8")

    @app.get("/", include_in_schema=False)
    async def look_up() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})


def _add_users(app: FastAPI, desk: Desk) -> None:
    @app.get("/users/{user_id:path}/history", response_model=answers.History, responses={404: _UNKNOWN[404]})
    async def history(user_id: Id, n: Count = 20) -> dict[str, Any]:
        """A user's latest events up to the night, newest first."""
        opened = desk.open
        user = user_id if opened.users.text else int(user_id) if is_int64(user_id) else None
        events = []
        if user is not None:
            try:
                events = await asyncio.to_thread(latest_events, opened.layout, opened.night.run_date, user, n)
            except (ValueError, OSError) as error:
                log.error("the history of user %s cannot be read: %s", user, error)
                raise HTTPException(500, f"the events cannot be read: {error}") from None
        if not events:
            raise HTTPException(404, f"no event of user {user_id} is kept")
        titles = opened.titles([item for item, _ in events])
        return {
            "user_id": user_id,
            "items": [{"item_id": item, "title": titles.get(item), "timestamp": at} for item, at in events],
        }

    @app.get("/users/{user_id:path}", response_model=answers.UserList, responses=_UNKNOWN)
    async def user(request: Request, user_id: Id, n: Count = 10) -> Response:
        """A user's best n items of the newest whole night, best first."""
        opened = desk.open
        night, items = opened.night, opened.best(user_id, n)
        if not items:
            said = f"user {user_id} has no list in the night {night.run_date}: no event of theirs lies in its window"
            return answer(request, night.version, {"detail": said})
        return answer(request, night.version, {"user_id": user_id, "run_date": night.run_date, "items": items})


def _add_items(app: FastAPI, desk: Desk) -> None:
    @app.get("/items", response_model=answers.Found)
    async def items(title: Annotated[str, Query(min_length=1, max_length=200)], n: Count = 10) -> dict[str, Any]:
        """Items whose title holds a text, whatever its case; the shortest titles first."""
        found = await asyncio.to_thread(desk.open.named, title, n)
        return {"items": [{"item_id": item, "title": name} for item, name in found]}

    @app.get("/items/{item_id:path}/similar", response_model=answers.SimilarItems, responses=_UNKNOWN)
    async def similar(request: Request, item_id: Id, n: Count = 10) -> Response:
        """The n items most like an item, of the newest whole night of similar items, best first."""
        opened = desk.open
        if opened.similar is None:
            raise HTTPException(404, "there is no night of similar items yet")
        night, found = opened.similar.night, opened.like(item_id, n)
        if not found:
            said = f"item {item_id} has no list in the night {night.run_date}: the model does not know it"
            return answer(request, night.version, {"detail": said})
        own = item_id if opened.similar.text else int(item_id)
        body = {"item_id": item_id, "title": opened.titles([own]).get(own), "run_date": night.run_date, "items": found}
        return answer(request, night.version, body)


def _add_nights(app: FastAPI, desk: Desk) -> None:
    @app.get("/night", response_model=answers.NightFacts)
    async def night() -> Response:
        """The night that is served, and the model that made it."""
        found = desk.open.night
        facts = ("run_date", "version", "model_version", "mlflow_run_id", "generated_at", "rollback")
        return whole(found.version, {"age_days": desk.age_days, **{name: getattr(found, name) for name in facts}})

    @app.get("/health")
    async def health() -> answers.Health:
        """Answers while lists are served; says how old they are and what keeps a newer night away."""
        found, similar = desk.open.night, desk.open.similar
        return answers.Health(
            status="ok" if desk.trouble is None else "stale",
            run_date=found.run_date,
            age_days=desk.age_days,
            version=found.version,
            similar_items=None if similar is None else similar.night.run_date,
            trouble=desk.trouble,
        )

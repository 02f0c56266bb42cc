"""The shapes of the answers, for the description at /openapi.json; and how one becomes bytes."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel


class Item(BaseModel):
    """One item of a user's list."""

    item_id: int | str
    title: str | None
    score: float
    model: str


class UserList(BaseModel):
    """A user's list, best first."""

    user_id: str
    run_date: dt.date
    items: list[Item]


class SimilarItem(BaseModel):
    """One item that is like another."""

    item_id: int | str
    title: str | None
    score: float


class SimilarItems(BaseModel):
    """What is similar to an item, best first."""

    item_id: str
    title: str | None
    run_date: dt.date
    items: list[SimilarItem]


class Named(BaseModel):
    """An item with its title."""

    item_id: int | str
    title: str | None


class Found(BaseModel):
    """Items whose title holds a text, the shortest titles first."""

    items: list[Named]


class Met(Named):
    """An item that a user met, and when."""

    timestamp: dt.datetime


class History(BaseModel):
    """A user's latest events, newest first."""

    user_id: str
    items: list[Met]


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
    similar_items: dt.date | None
    trouble: str | None


class Sentence(BaseModel):
    """Why there is no answer."""

    detail: str


def answer(request: Request, version: int, body: Mapping[str, Any]) -> Response:
    """An answer with the version of its table as ETag; 304 where the client names it, 404 for a sentence."""
    tag = tag_of(version)
    named = request.headers.get("If-None-Match")
    if named is not None and tag in (one.strip().removeprefix("W/") for one in named.split(",")):
        return Response(status_code=304, headers={"ETag": tag})
    return whole(version, body)


def whole(version: int, body: Mapping[str, Any]) -> Response:
    """As `answer`, whatever the client has: of what changes without a new version, as an age does.

    It is turned into bytes here: FastAPI would judge every item of a list again, which takes longer than to find it.
    """
    status = 404 if "detail" in body else 200
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str)
    return Response(text.encode(), status, {"ETag": tag_of(version)}, "application/json")


def tag_of(version: int) -> str:
    """The ETag of a version."""
    return f'"{version}"'

"""Pictures of the assets' pages: short enough for Dagster to show at once; they and reports are all that is served."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from pipelines.policy.pictures import show
from pipelines.shell.dagster_ui import routes
from warehouse.layout import Layout

NIGHT, HIDDEN = "2026-01-31", 1000  # Dagster hides Markdown as long as that
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100


def ask(layout: Layout, path: str) -> tuple[int, bytes]:
    """Status and body of what the server answers to a path."""
    from starlette.applications import Starlette

    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        await asyncio.Event().wait()  # nothing more comes

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    asyncio.run(Starlette(routes=routes(layout))(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def test_a_picture_is_shown_by_a_link_that_changes_with_it(tmp_path: Path) -> None:
    layout, links = Layout(tmp_path), set()
    for content in (PNG, PNG[::-1], PNG):
        shown = show(layout, NIGHT, {"recall": content})["recall"].value
        assert len(shown) < HIDDEN
        found = re.fullmatch(r"!\[pictures/2026-01-31/recall\.png of the data folder\]\((/\S+)\?(sum=\w+)\)", shown)
        assert found
        assert ask(layout, found[1]) == (200, content)
        links.add(found[2])
    assert len(links) == 2


@pytest.mark.parametrize(
    "path",
    [
        "/pictures/2026-01-31/other.png",
        "/pictures/2026-02-31/recall.png",
        "/pictures/../recall.png",
        "/pictures/2026-01-31/../secret.png",
        "/pictures/2026-01-31/..%2Fsecret.png",
        "/pictures/2026-01-31/Recall.png",
        "/pictures/2026-01-31/recall.txt",
        "/pictures/2026-01-31",
        "/reports/2026-02-01.html",
        "/reports/secret.html",
        "/reports/..%2Freports%2F2026-01-31.html",
    ],
)
def test_nothing_else_is_served(tmp_path: Path, path: str) -> None:
    show(Layout(tmp_path), NIGHT, {"recall": PNG})
    Layout(tmp_path).report(NIGHT).parent.mkdir()
    for file in (Layout(tmp_path).report(NIGHT), tmp_path / "reports" / "secret.html"):
        file.write_text("<h1>Night</h1>")
    assert ask(Layout(tmp_path), f"/reports/{NIGHT}.html") == (200, b"<h1>Night</h1>")
    (tmp_path / "pictures" / "secret.png").write_bytes(PNG)
    assert ask(Layout(tmp_path), path)[0] == 404

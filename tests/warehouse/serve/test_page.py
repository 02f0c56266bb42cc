"""The page for people, in a real browser: a user's history beside the list, a title, what is similar to it."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.pipelines.browser import Browser
from tests.warehouse.serve.server import Server
from warehouse import recommendations as table

EVIL = "<img src=x onerror=document.title='hacked'> & \"film\""


WIDE = 2**53 + 1  # no number of JavaScript's


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    found = Browser(tmp_path)
    yield found
    found.close()


@pytest.fixture
def page(nights: Any, browser: Browser) -> Iterator[Browser]:
    """The page over a night of lists and of similar items, with titles, one of them not meant well."""
    layout, night = nights.layout, nights.day(0)
    nights.publish(0)
    for name, columns in {
        "items": {"item_id": list(range(50)), "title": [EVIL, *(f"film {n}" for n in range(1, 50))]},
        "events": {"user_id": [7], "item_id": [0], "timestamp": pa.array([dt.datetime(2026, 1, 10, 9, tzinfo=dt.UTC)])},
    }.items():
        layout.partition(name, night).parent.mkdir()
        pq.write_table(pa.table(columns), layout.partition(name, night))
    similar_night(layout, night, [*range(50)])
    server = Server(layout.root)
    browser.call("Page.navigate", url=f"http://127.0.0.1:{server.port}/")
    yield browser
    server.stop()


def similar_night(layout: Any, night: dt.date, items: list[int]) -> None:
    """Each item is like the next one."""
    rows = [(item, 1, following, 0.5) for item, following in zip(items, [*items[1:], items[0]], strict=True)]
    columns = dict(zip(table.SIMILAR.staged.names, zip(*rows, strict=True), strict=True))
    size = len(items)
    batch = pa.record_batch({**columns, "rank": pa.array([1] * size, pa.int16()), "score": pa.array([0.5] * size)})
    expected, facts = table.Expected(1, size), table.NightFacts(7, "run7")
    table.publish(layout.similar_items, night, [batch], facts, expected)


def fill(browser: Browser, form: str, field: str, text: str) -> None:
    """Type into a form, and press its button."""
    browser.until(f"!!document.querySelector('#{form} input')")
    browser.do(f"document.querySelector('#{form} input[name={field}]').value = decodeURIComponent('{quote(text)}')")
    browser.do(f"document.querySelector('#{form} button').click()")


def says(browser: Browser, *texts: str) -> None:
    for text in texts:
        browser.until(f"document.body.innerText.includes(decodeURIComponent('{quote(text)}'))", 60)


@pytest.mark.slow
def test_a_person_looks_up_a_user_a_title_and_what_is_similar(nights: Any, page: Browser) -> None:
    says(page, "Night 2026-01-10", "from model version 7")
    fill(page, "by-user", "user", "7")
    says(page, "History of user 7, newest first", EVIL, "2026-01-10 09:00", "List of user 7")
    best = table.for_user(nights.layout, 7, 1)[0]
    says(page, str(best["title"]), f"{best['score']:.3f}")
    assert page.do("document.title") == "Recommendations", "a title is shown, not run"
    fill(page, "by-title", "title", "FILM 4")
    says(page, "choose one", "film 4", "film 49")
    page.click("film 49")
    says(page, "Similar to film 49", EVIL, "0.500")
    fill(page, "by-title", "title", "film 12")
    says(page, "Similar to film 12", "film 13")
    fill(page, "by-user", "user", "999")
    says(page, "user 999 has no list in the night 2026-01-10", "no event of user 999 is kept")
    page.do("history.back()")
    says(page, "Similar to film 12")


@pytest.mark.slow
def test_an_item_is_found_by_its_id_though_titles_hold_it(page: Browser) -> None:
    fill(page, "by-title", "title", "4")
    says(page, "Items with “4” in their title, or as their id: choose one", "film 4", "film 14", "film 49")
    page.click("film 4")
    says(page, "Similar to film 4", "film 5")


@pytest.mark.slow
def test_events_that_cannot_be_read_are_a_sentence_beside_the_list(nights: Any, page: Browser) -> None:
    nights.layout.partition("events", nights.day(0)).write_bytes(b"no parquet")
    fill(page, "by-user", "user", "7")
    says(page, "List of user 7", "the events cannot be read")


@pytest.mark.slow
def test_ids_of_64_bits_are_shown_and_followed_as_they_are(nights: Any, browser: Browser) -> None:
    rows = nights.rows(range(1), n=2)
    rows = rows.set_column(2, "item_id", pa.array([WIDE, WIDE - 1]))
    nights.publish(0, rows, expected=table.Expected(2, 1))
    similar_night(nights.layout, nights.day(0), [WIDE - 1, WIDE, -WIDE])
    server = Server(nights.layout.root)
    try:
        browser.call("Page.navigate", url=f"http://127.0.0.1:{server.port}/#user=0")
        says(browser, f"item {WIDE}", f"item {WIDE - 1}")
        browser.click(f"item {WIDE}")
        says(browser, f"Similar to item {WIDE}", f"item {-WIDE}")
    finally:
        server.stop()


@pytest.mark.slow
def test_before_the_first_night_the_page_says_so(nights: Any, browser: Browser) -> None:
    server = Server(nights.layout.root, "--wait")
    browser.call("Page.navigate", url=f"http://127.0.0.1:{server.port}/")
    says(browser, "there is no night yet: run one first")
    assert "undefined" not in browser.do("document.body.innerText")
    server.stop()
    fill(browser, "by-user", "user", "7")
    says(browser, "the server gave no answer")

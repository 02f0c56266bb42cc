"""A night is laid out by a process of its own, or here where it is small; either way by nobody once the server ends."""

from pathlib import Path
from threading import Event
from typing import Any

import pytest

from warehouse import recommendations as table
from warehouse.recommendations.kinds import RECOMMENDED
from warehouse.serve import open_night
from warehouse.serve.open_night import OpenNight


@pytest.mark.parametrize("small", [0, open_night.SMALL])
def test_a_successor_takes_over_what_has_not_changed(nights: Any, monkeypatch: pytest.MonkeyPatch, small: int) -> None:
    monkeypatch.setattr(open_night, "SMALL", small)
    nights.publish(0)
    first = OpenNight(nights.layout, Event())
    assert first.successor() is None
    assert first.best("7", 3) == table.for_user(nights.layout, 7, 3)
    nights.publish(1)
    second = first.successor()
    assert second is not None
    assert second.night.run_date == nights.day(1)
    assert second.best("7", 3) == table.for_user(nights.layout, 7, 3)
    assert first.best("7", 3) == table.for_user(nights.layout, 7, 3, run_date=nights.day(0)), "it answers on"
    table.retain(nights.layout, 1)
    third = second.successor()
    assert third is not None
    assert third.users.lists is second.users.lists
    assert [path for path in nights.layout.scratch.rglob("*") if path.is_file()] == []


def test_another_table_in_the_place_of_the_one_that_is_open_is_followed(nights: Any, tmp_path: Path) -> None:
    nights.publish(0)
    opened = OpenNight(nights.layout, Event())
    nights.layout.recommendations.rename(tmp_path / "away")
    with pytest.raises(table.NoNight):
        opened.successor()
    nights.publish(0, nights.rows(seed=50))
    second = opened.successor()
    assert second is not None
    assert second.night.version == opened.night.version
    assert second.best("7", 3) == table.for_user(nights.layout, 7, 3) != opened.best("7", 3)


def test_a_server_that_ends_does_not_wait_for_a_night(nights: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_night, "SMALL", 0)
    nights.publish(0)
    stopping = Event()
    stopping.set()
    with pytest.raises(OSError, match="the server is ending"):
        OpenNight(nights.layout, stopping)
    assert [path for path in nights.layout.scratch.rglob("*") if path.is_file()] == []


def test_what_goes_wrong_in_the_process_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_night, "SMALL", 0)
    spoiled = tmp_path / "night.parquet"
    spoiled.write_text("no parquet")
    with pytest.raises(OSError, match=r"the night could not be laid out in .*magic bytes"):
        open_night._laid_out(([str(spoiled)], RECOMMENDED, tmp_path / "lists-0.arrow"), 0, Event())
    assert [path.name for path in tmp_path.iterdir()] == ["night.parquet"]

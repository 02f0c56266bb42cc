"""Which lists readers saw: the table as it stood when the day ended, not as it stands now."""

import datetime as dt
import json
from pathlib import Path

import pytest
from deltalake import DeltaTable

from warehouse import recommendations as table
from warehouse.realised.seen import lists_seen


def at_day(layout, version: int, moment: dt.datetime) -> None:
    """Let a commit of the table have been made at another moment: what only time itself could do otherwise."""
    path = Path(layout.recommendations) / "_delta_log" / f"{version:020d}.json"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if "commitInfo" in line:
            line["commitInfo"]["timestamp"] = int(moment.timestamp() * 1000)
    path.write_text("\n".join(map(json.dumps, lines)))


def moment(day: dt.date, hour: int) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour), dt.UTC)


def test_the_newest_night_before_the_day(nights):
    for day in (0, 1, 3):
        nights.publish(day)
    assert lists_seen(nights.layout, nights.day(1)).run_date == nights.day(0)
    assert lists_seen(nights.layout, nights.day(2)).run_date == nights.day(1)
    assert lists_seen(nights.layout, nights.day(3)).run_date == nights.day(1), "no night came on the day before"


def test_without_an_earlier_night_there_is_nothing_to_score(nights):
    for _ in range(2):
        with pytest.raises(table.NoNight, match=f"no lists were published before {nights.day(1)}"):
            lists_seen(nights.layout, nights.day(1))
        nights.publish(1)


def test_a_night_run_again_later_does_not_change_what_readers_saw(nights):
    first = nights.publish(0)
    for version in range(first.version + 1):
        at_day(nights.layout, version, moment(nights.day(1), 2))
    seen = lists_seen(nights.layout, nights.day(1)).to_arrow()
    nights.publish(0, nights.rows(seed=99))
    found = lists_seen(nights.layout, nights.day(1))
    assert found.version == first.version
    assert found.to_arrow().equals(seen)
    assert not table.night(nights.layout, nights.day(0)).to_arrow().equals(seen)


def test_a_night_that_came_too_late_was_not_seen(nights):
    first, second = nights.publish(0), nights.publish(1)
    for version in range(first.version + 1):
        at_day(nights.layout, version, moment(nights.day(1), 2))
    at_day(nights.layout, second.version, moment(nights.day(3), 0))
    assert lists_seen(nights.layout, nights.day(2)).run_date == nights.day(0)


def test_a_rollback_shows_the_night_before(nights):
    nights.publish(0)
    second = nights.publish(1)
    table.rollback(nights.layout)
    for version in range(second.version + 2):
        at_day(nights.layout, version, moment(nights.day(2), 2))
    assert lists_seen(nights.layout, nights.day(2)).run_date == nights.day(0)


def test_what_stood_in_the_table_before_its_log_was_cleaned_up_is_no_longer_known(nights):
    """A night run again since then is not taken for what readers saw."""
    first, second = nights.publish(0), nights.publish(1)
    for version in range(first.version + 1):
        at_day(nights.layout, version, moment(nights.day(1), 2))
    at_day(nights.layout, second.version, moment(nights.day(2), 2))
    log = Path(nights.layout.recommendations) / "_delta_log"
    for version in range(first.version):  # the table and its constraints
        entry = log / f"{version:020d}.json"
        lines = [json.loads(line) for line in entry.read_text().splitlines()]
        for line in lines:
            if "metaData" in line:
                line["metaData"]["createdTime"] = int(moment(nights.day(1), 1).timestamp() * 1000)
        entry.write_text("\n".join(map(json.dumps, lines)))
    nights.publish(0, nights.rows(seed=99))
    DeltaTable(nights.layout.recommendations).create_checkpoint()
    for version in range(second.version + 1):
        (log / f"{version:020d}.json").unlink()
    with pytest.raises(table.NoNight, match="saw on 2026-01-11 is no longer known: its log has been cleaned up"):
        lists_seen(nights.layout, nights.day(1))
    today = dt.datetime.now(dt.UTC).date()
    assert lists_seen(nights.layout, today).run_date == nights.day(1)


def test_lists_that_vacuum_removed_are_one_sentence(nights):
    first = nights.publish(0)
    for version in range(first.version + 1):
        at_day(nights.layout, version, moment(nights.day(1), 2))
    files = lists_seen(nights.layout, nights.day(1)).files
    nights.publish(0, nights.rows(seed=99))
    for file in files:
        Path(file).unlink()
    with pytest.raises(table.NoNight, match="vacuum has removed their files"):
        lists_seen(nights.layout, nights.day(1))


def test_an_emptied_entry_of_the_log_is_one_sentence(nights):
    for day in (0, 1):
        nights.publish(day)
    first = Path(nights.layout.recommendations) / "_delta_log" / f"{0:020d}.json"
    first.write_bytes(b"")
    with pytest.raises(table.RecommendationsError, match=r"is empty.*copy the folder of the table again"):
        lists_seen(nights.layout, nights.day(1))

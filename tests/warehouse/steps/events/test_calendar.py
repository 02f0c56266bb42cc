"""Which days of a window were delivered, read, delivered again, missing."""

import json
import os
import shutil
from datetime import date, timedelta

import pytest

from warehouse.days import spans
from warehouse.steps.events.calendar import calendar

FIRST, LAST = date(2024, 2, 20), date(2024, 3, 1)


@pytest.fixture
def week(shop, clock):
    """Raw events of 26, 27, 29 February and 1 March; those of 26 and 27 are read."""
    for day in ("2024-02-26", "2024-02-27", "2024-02-29", "2024-03-01"):
        shop.rows(day, [(1, 1, clock(f"{day} 10:00"))])
    shop.ingest("2024-02-26", "2024-02-27")
    return shop


def test_days_count_from_the_first_that_was_ever_delivered(week):
    found = calendar(week.layout, FIRST, LAST)
    assert (found.days[0], found.days[-1], len(found.days)) == (date(2024, 2, 26), LAST, 5)
    assert found.read == (date(2024, 2, 26), date(2024, 2, 27))
    assert found.unread == (date(2024, 2, 29), LAST)
    assert found.missing == (date(2024, 2, 28),)
    assert found.stale == ()
    assert found.problem() == (
        "2024-02-28 of the window was not delivered; 2024-02-29 to 2024-03-01 of the window were delivered but not read"
    )


def test_a_day_whose_raw_files_change_in_any_way_is_stale_until_it_is_read_again(week, clock):
    day = date(2024, 2, 27)

    def stale():
        return calendar(week.layout, FIRST, LAST).stale == (day,)

    file = week.rows(day, [(1, 1, clock("2024-02-27 10:00")), (1, 2, clock("2024-02-27 11:00"))])
    assert stale()
    week.ingest(day)
    assert not stale()
    more = week.rows(day, [(1, 3, clock("2024-02-27 12:00"))], name="late.parquet")
    assert stale()
    week.ingest(day)
    more.unlink()
    assert stale()
    week.ingest(day)
    same = bytearray(file.read_bytes())
    same[-20] ^= 1
    file.write_bytes(same)
    assert stale(), "the same size, another byte"


def test_a_copy_of_the_data_folder_is_not_delivered_again(week, tmp_path):
    for file in week.layout.raw_events("2024-02-27").iterdir():
        os.utime(file, (0, 0))
    shutil.copytree(week.layout.root, tmp_path / "copy", copy_function=shutil.copyfile)
    for root in (week.layout.root, tmp_path / "copy"):
        assert calendar(type(week.layout)(root), FIRST, LAST).stale == ()


def in_place(file, other):
    file.write_bytes(other)


def moved_here(file, other):
    beside = file.with_name("_other")
    beside.write_bytes(other)
    beside.rename(file)


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
@pytest.mark.parametrize("replace", [in_place, moved_here])
def test_other_rows_of_the_same_size_and_time_are_delivered_again(week, clock, replace):
    day = date(2024, 2, 27)
    [file] = week.layout.raw_events(day).iterdir()
    before, old = file.read_bytes(), file.stat()
    week.rows(day, [(1, 2, clock("2024-02-27 10:00"))], name=file.name)
    other = file.read_bytes()
    assert len(other) == len(before)
    replace(file, before)
    os.utime(file, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert calendar(week.layout, FIRST, LAST).stale == (), "the rows that were read"
    replace(file, other)
    os.utime(file, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (old.st_size, old.st_mtime_ns)
    assert calendar(week.layout, FIRST, LAST).stale == (day,)
    week.ingest(day)
    assert calendar(week.layout, FIRST, LAST).stale == ()
    assert [row[1] for row in week.table("events", day)] == [2]


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_sums_of_a_copy_are_compared_once(week, tmp_path):
    copy = type(week.layout)(shutil.copytree(week.layout.root, tmp_path / "copy"))
    known = copy.delivery("2024-02-27").read_bytes()
    assert calendar(copy, FIRST, LAST).stale == ()
    learnt = copy.delivery("2024-02-27").read_bytes()
    assert learnt != known
    [file] = copy.raw_events("2024-02-27").iterdir()
    assert json.loads(learnt)[file.name][3] == file.stat().st_ctime_ns
    assert calendar(copy, FIRST, LAST).stale == ()
    assert copy.delivery("2024-02-27").read_bytes() == learnt


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_the_record_of_an_older_version_holds(week):
    day = date(2024, 2, 27)
    place = week.layout.delivery(day)
    before = {name: entry[:3] for name, entry in json.loads(place.read_text()).items() if name}  # it had no settings
    place.write_text(json.dumps(before))
    assert calendar(week.layout, FIRST, LAST).stale == calendar(week.layout, FIRST, LAST).otherwise == ()
    assert [len(entry) for entry in json.loads(place.read_text()).values()] == [4]


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_days_that_were_read_by_other_settings_are_named_until_they_are_read_again(week, tmp_path):
    before = calendar(week.layout, FIRST, LAST)
    assert (before.otherwise, before.remarks()) == ((), before.problem())
    week.ingest("2024-02-29", time_zone="Europe/Athens", max_rejected_share=0.5)
    found = calendar(week.layout, FIRST, LAST)
    assert (found.otherwise, found.settings) == (before.read, ("time_zone",))
    told = "2024-02-26 to 2024-02-27 were read with other settings than the newest day (time_zone)"
    assert found.remarks() == f"{found.problem()}; {told}"
    assert told not in found.problem(), "it stops no night"
    copy = type(week.layout)(shutil.copytree(week.layout.root, tmp_path / "copy"))
    assert calendar(copy, FIRST, LAST).otherwise == calendar(copy, FIRST, LAST).otherwise == before.read
    week.ingest("2024-02-26", "2024-02-27", time_zone="Europe/Athens")
    assert calendar(week.layout, FIRST, LAST).otherwise == ()


def test_a_day_without_its_record_is_read_again_and_one_whose_raw_files_went_away_is_not(week):
    week.layout.delivery("2024-02-26").write_text("{")
    shutil.rmtree(week.layout.raw_events("2024-02-27"))
    found = calendar(week.layout, FIRST, LAST)
    assert found.stale == (date(2024, 2, 26),)
    assert date(2024, 2, 27) in found.read
    assert found.missing == (date(2024, 2, 28),)
    assert found.withdrawn == (date(2024, 2, 27),)
    assert "the raw files of 2024-02-27 are gone, and the events read before are used" in found.problem()


def test_raw_files_that_are_kept_for_a_time_only_are_not_withdrawn(week):
    """The oldest go first."""
    for day in ("2024-02-26", "2024-02-27"):
        shutil.rmtree(week.layout.raw_events(day))
        assert calendar(week.layout, FIRST, LAST).withdrawn == ()


def test_a_closed_day_and_one_that_was_dropped_are_not_withdrawn(week):
    week.ingest("2024-02-28", allow_empty_day=True)
    shutil.rmtree(week.layout.raw_events("2024-02-27"))
    week.ingest("2024-02-27", allow_empty_day=True)
    assert week.table("events", "2024-02-27") == []
    assert calendar(week.layout, FIRST, LAST).withdrawn == ()


def test_an_empty_raw_folder_is_no_delivery(week):
    week.layout.raw_events("2024-02-28").mkdir()
    assert calendar(week.layout, FIRST, LAST).missing == (date(2024, 2, 28),)


MISSED = date(2024, 2, 28)


def no_parquet(folder):
    (folder / "_SUCCESS").touch()
    (folder / ".part-0.parquet.crc").write_bytes(b"crc")
    (folder / "_temporary" / "0").mkdir(parents=True)
    (folder / "_temporary" / "0" / "part-0.parquet").write_bytes(b"PAR1")


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
@pytest.mark.parametrize(
    "leave",
    [
        pytest.param(lambda folder: None, id="an empty folder"),
        pytest.param(no_parquet, id="what a writer leaves that was killed"),
        pytest.param(lambda folder: (folder / "hour=01").mkdir(), id="an empty folder of an hour"),
        pytest.param(lambda folder: folder.rename(folder.with_name("2024-2-28")), id="a day without its zero"),
        pytest.param(lambda folder: folder.rename(folder.with_name("day=2024-02-28")), id="a name of another kind"),
        pytest.param(lambda folder: (folder.rmdir(), folder.write_bytes(b"PAR1")), id="a file for the folder"),
    ],
)
def test_what_is_no_delivery_is_a_missing_day_by_name(week, leave):
    folder = week.layout.raw_events(MISSED)
    folder.mkdir()
    leave(folder)
    found = calendar(week.layout, FIRST, LAST)
    assert found.missing == (MISSED,)
    assert "2024-02-28 of the window was not delivered" in found.problem()


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
@pytest.mark.parametrize("name", ["0001-01-01", "1582-10-15", "9999-12-31"])
def test_a_day_that_no_data_can_have_stops_no_night(week, clock, name):
    """Writers that divide by day call so what has no day; every night ended with a sentence about it."""
    folder = week.layout.raw / "events" / name
    folder.mkdir()
    (folder / "a.parquet").write_bytes(week.rows("2024-02-29", [(1, 1, clock("2024-02-29 10:00"))]).read_bytes())
    assert calendar(week.layout, FIRST, LAST).days[0] == date(2024, 2, 26)
    assert week.layout.raw_strays() == [folder]


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
@pytest.mark.parametrize("name", ["hour=01/late.parquet", "LATE.PARQUET", "late.parq", "a/b/c/late.parquet"])
def test_late_data_in_any_place_of_the_day_is_seen_and_read(week, clock, name):
    day = date(2024, 2, 27)
    week.rows(day, [(1, 9, clock("2024-02-27 23:00"))], name=name)
    assert calendar(week.layout, FIRST, LAST).stale == (day,)
    week.ingest(day)
    assert calendar(week.layout, FIRST, LAST).stale == ()
    assert 9 in [row[1] for row in week.table("events", day)]


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
@pytest.mark.parametrize("size", [0, 4, 300, -1])
def test_events_that_are_not_what_was_written_are_damaged(week, size):
    file = week.layout.partition("events", "2024-02-27")
    file.write_bytes(file.read_bytes()[:size])
    found = calendar(week.layout, FIRST, LAST)
    assert found.damaged == (date(2024, 2, 27),)
    assert "the events of 2024-02-27 are damaged" in found.problem()


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_a_day_that_is_refused_stays_due_and_is_named(week):
    day = week.layout.raw_events(MISSED)
    day.mkdir()
    (day / "a.parquet").write_bytes(b"no parquet")
    with pytest.raises(ValueError, match=r"a\.parquet"):
        week.ingest(MISSED)
    assert MISSED in calendar(week.layout, FIRST, LAST).unread
    week.rows(MISSED, [], name="a.parquet")
    with pytest.raises(ValueError, match="2024-02-28"):
        week.ingest(MISSED)
    assert MISSED in calendar(week.layout, FIRST, LAST).unread, "a file without rows is no day"
    week.ingest(MISSED, allow_empty_day=True)
    assert MISSED in calendar(week.layout, FIRST, LAST).read


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_a_file_of_another_kind_makes_its_own_day_due_and_no_other(week):
    for day in ("2024-02-27", "2024-02-29"):
        (week.layout.raw_events(day) / "Thumbs.db").touch()
    found = calendar(week.layout, FIRST, LAST)
    assert found.read == (date(2024, 2, 26), date(2024, 2, 27))
    assert found.stale == (date(2024, 2, 27),)
    assert found.unread == (date(2024, 2, 29), LAST)
    for day in ("2024-02-27", "2024-02-29"):
        with pytest.raises(ValueError, match=rf"{day}/Thumbs\.db is no parquet file by its name"):
            week.ingest(day)
        (week.layout.raw_events(day) / "Thumbs.db").unlink()
    assert calendar(week.layout, FIRST, LAST).stale == ()


def test_days_are_told_in_spans_of_a_bounded_number():
    days = [LAST + timedelta(days=n) for n in (0, 1, 2, 5, 9, 10)]
    assert spans(days) == "2024-03-01 to 2024-03-03, 2024-03-06, 2024-03-10 to 2024-03-11"
    assert spans(days, 1) == "2024-03-01 to 2024-03-03 and 3 more days"
    assert spans([LAST]) == "2024-03-01"

"""A log imported by a wrong mapping, then by the right one: nothing of the first is left, whatever was wrong."""

import datetime as dt

import pytest

from warehouse.sources.mapped import import_mapped

ROLES = {"user_id": "u", "item_id": "i", "timestamp": "t"}
SECONDS = 1_709_287_200  # 2024-03-01 10:00 UTC


@pytest.fixture
def imports(engine, layout, tmp_path, shop):
    """Import lines by a mapping; gives the report, or the sentence, and what a night then reads of every raw day."""

    def run(lines, /, columns="u,i,t", **mapping):
        (tmp_path / "log.csv").write_text("\n".join([columns, *lines, ""]), encoding="utf-8")
        keys = {"format": "csv", **ROLES, **mapping}
        text = "".join(
            f"{key} = {str(value) if isinstance(value, int) else repr(value)}\n" for key, value in keys.items()
        )
        (tmp_path / "mapping.toml").write_text("[events]\n" + text)
        return import_mapped(engine, layout, tmp_path / "log.csv", mapping=tmp_path / "mapping.toml")

    def read():
        days = layout.raw_days()
        shop.ingest(*days, allow_empty_day=True)  # an import leaves no day between two of its own undelivered
        return {str(day): sorted(row[:2] for row in shop.table("events", day)) for day in days}

    return run, read


@pytest.mark.parametrize(
    ("lines", "wrong", "right", "days"),
    [
        pytest.param(
            ["a,x,03/04/2026", "a,y,05/04/2026"],
            {"timestamp_format": "%m/%d/%Y"},
            {"timestamp_format": "%d/%m/%Y"},
            ["2026-04-03", "2026-04-05"],
            id="day and month",
        ),
        pytest.param(
            ["a,x,01.02.03", "a,y,02.02.03"],
            {"timestamp_format": "%y.%m.%d"},
            {"timestamp_format": "%d.%m.%y"},
            ["2003-02-01", "2003-02-02"],
            id="a year of two digits first or last",
        ),
        pytest.param(
            ["a,x,2024-03-01 00:30", "a,y,2024-03-02 00:30"],
            {},
            {"time_zone": "Europe/Athens"},
            ["2024-02-29", "2024-03-01"],
            id="a zone, which moves rows across midnight",
        ),
        pytest.param(
            ["a,x,2024-03-01 23:30", "a,y,2024-03-02 23:30"],
            {"time_zone": "America/New_York"},
            {"time_zone": "UTC"},
            ["2024-03-01", "2024-03-02"],
            id="another zone",
        ),
        pytest.param(
            ["a,x,202401", "a,y,202402"],
            {"timestamp_format": "%Y%d"},  # the month for a day
            {"timestamp_format": "%Y%m"},
            ["2024-01-01", "2024-02-01"],
            id="months",
        ),
    ],
)
def test_a_corrected_clock_leaves_no_day_of_the_wrong_one(imports, layout, lines, wrong, right, days):
    run, read = imports
    run(lines, **wrong)
    assert [str(day) for day in layout.raw_days()] != days
    run(lines, **right)
    found = read()
    assert [day for day, rows in found.items() if rows] == days
    assert sorted(row for rows in found.values() for row in rows) == [("a", "x"), ("a", "y")]


def test_corrected_columns_and_a_log_that_grew_shorter(imports):
    run, read = imports
    lines = ["a,x,2024-03-01,v", "b,y,2024-03-02,w"]
    run(lines, "u,i,t,e", user_id="i", item_id="u", session_id="e")
    run(lines, "u,i,t,e")
    assert read() == {"2024-03-01": [("a", "x")], "2024-03-02": [("b", "y")]}
    run(lines[1:], "u,i,t,e")
    assert read() == {"2024-03-02": [("b", "y")]}


@pytest.mark.parametrize(
    ("time", "mapping", "said"),
    [
        (SECONDS * 1000, {"timestamp_unit": "s"}, "timestamp_unit"),
        (SECONDS, {"timestamp_unit": "ms"}, "read as 1970-01-20"),
        (SECONDS * 10**6, {"timestamp_unit": "ns"}, "read as 1970-01-20"),
        (45_352, {"timestamp_unit": "s"}, "read as 1970-01-01"),  # a day of a spreadsheet
        ("01/02/2024", {}, "no time in it can be read, such as '01/02/2024'; check"),
        ("2024-03-01", {"timestamp_format": "%d/%m/%Y"}, "no time in it can be read"),
    ],
)
def test_a_clock_of_another_unit_is_refused_and_shown(imports, layout, time, mapping, said):
    run, read = imports
    run(["a,x,2024-03-01 10:00"])
    with pytest.raises(ValueError, match=said):
        run([f"a,x,{time}"], **mapping)
    assert read() == {"2024-03-01": [("a", "x")]}, "what was imported before stays"


def test_a_format_that_fits_some_rows_counts_the_others_and_rejects_them(imports, layout, shop):
    run, read = imports
    report = run(["a,x,13/04/2026", "a,y,04/13/2026", "a,z,14/04/2026"], timestamp_format="%d/%m/%Y")
    assert (report.events, report.timeless) == (3, 1)
    assert read() == {"2026-04-13": [("a", "x")], "2026-04-14": [("a", "z")]}
    [report] = shop.ingest(dt.date(2026, 4, 14))
    assert report.rejected_by_reason == {"timestamp is unreadable": 1}
    [row] = shop.table("rejected_events", "2026-04-14")
    assert row[2] == "04/13/2026"


@pytest.mark.parametrize("fraction", ["", ".4", ".567"])
def test_fractions_of_a_unit_are_kept(imports, layout, shop, fraction):
    run, read = imports
    run([f"a,x,{SECONDS}{fraction}"], timestamp_unit="s")
    read()
    [row] = shop.table("events", "2024-03-01")
    assert row[2].timestamp() == pytest.approx(float(f"{SECONDS}{fraction}"), abs=1e-6)
    run([f"a,x,{SECONDS}000{fraction}"], timestamp_unit="ms")
    read()
    [row] = shop.table("events", "2024-03-01")
    assert row[2].microsecond == round(1000 * float(fraction or 0))

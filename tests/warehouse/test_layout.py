"""Partitions are known by their names alone."""

from datetime import date

from warehouse.layout import Layout


def test_days_are_folders_and_files_with_such_names_only(tmp_path):
    layout = Layout(tmp_path)
    for name in (
        "2024-03-01.parquet",
        "2024-13-01.parquet",
        ".2024-03-02.parquet.tmp",
        "notes.txt",
        "2024-02-29.parquet",
    ):
        (tmp_path / "events").mkdir(exist_ok=True)
        (tmp_path / "events" / name).touch()
    assert layout.days("events") == [date(2024, 2, 29), date(2024, 3, 1)]
    assert layout.days("sessions") == []


def test_what_lies_among_the_raw_days_and_is_none_is_a_stray(tmp_path):
    layout = Layout(tmp_path)
    assert layout.raw_strays() == []
    for name in ("2024-03-01", "2024-3-02", "20240303", "date=2024-03-04", "2024-13-01", "0001-01-01", "_old", ".c"):
        (layout.raw / "events" / name).mkdir(parents=True)
    for name in ("stray.parquet", "2024-03-05", ".DS_Store", "_SUCCESS"):
        (layout.raw / "events" / name).touch()
    assert [path.name for path in layout.raw_strays()] == [
        "0001-01-01",
        "2024-03-05",
        "2024-13-01",
        "2024-3-02",
        "20240303",
        "date=2024-03-04",
        "stray.parquet",
    ]

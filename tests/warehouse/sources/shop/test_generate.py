"""The synthetic shop on disk: same seed, same bytes; what is reported is what is written."""

from datetime import date

import pyarrow.parquet as pq

from warehouse.layout import Layout
from warehouse.sources.shop.generate import generate, write_shop
from warehouse.sources.shop.process import Shop


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    def bytes_of(name, seed):
        write_shop(Shop(n_items=100, days=3, seed=seed), Layout(tmp_path / name), 3000)
        return [path.read_bytes() for path in sorted((tmp_path / name).rglob("*.parquet"))]

    assert bytes_of("a", 1) == bytes_of("b", 1) != bytes_of("c", 2)


def test_what_is_written_is_what_is_reported_and_sessions_survive_the_pipeline(shop):
    made = Shop(n_items=100, days=4, first_day="2024-02-27", seed=1)
    report = write_shop(made, shop.layout, 4000)
    assert shop.layout.raw_days() == [date(2024, 2, 27), date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)]
    ingested = shop.ingest(*shop.layout.raw_days())
    assert sum(day.rows for day in ingested) == report.events
    assert all(day.rejected == day.late == day.duplicates == 0 for day in ingested)
    assert abs(report.events - 4000) < 200
    built = shop.sessions(date(2024, 3, 1))
    assert (built.sessions, built.users, built.rows) == (report.sessions, report.users, report.events)
    assert report.users < report.sessions


def test_items_have_titles_and_their_hidden_group(tmp_path):
    generate(tmp_path, 1000, seed=0)
    table = pq.read_table(tmp_path / "raw" / "items" / "items.parquet")
    assert table.column_names == ["item_id", "title", "category", "price"]
    assert (len(table), len(set(table["category"].to_pylist()))) == (200, 10)


def test_text_ids(tmp_path):
    write_shop(Shop(n_items=100, days=1, text_ids=True), Layout(tmp_path), 500)
    table = pq.read_table(tmp_path / "raw" / "events" / "2026-01-01" / "part.parquet")
    assert table["item_id"][0].as_py().startswith("i")

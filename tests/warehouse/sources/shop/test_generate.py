"""The synthetic shop on disk: same seed, same bytes; what is reported is what is written."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.engine.errors import DataError
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


def fingerprint(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_shop_takes_the_place_of_an_earlier_one_with_all_its_days(tmp_path):
    generate(tmp_path / "again", 1000, seed=1, days=5)
    for name in ("again", "fresh"):
        generate(tmp_path / name, 1000, seed=2, days=3)
    assert fingerprint(tmp_path / "again") == fingerprint(tmp_path / "fresh")


@pytest.mark.parametrize(
    "name",
    ["events/2026-01-02/part.parquet", "events/2026-03-01/hour=3/a.parquet", "events/a.csv", "items/items.parquet"],
)
@pytest.mark.parametrize("shop_before", [False, True])
def test_raw_files_of_others_are_named_and_kept(tmp_path, name, shop_before):
    if shop_before:
        generate(tmp_path, 1000, seed=1, days=2)
    path = tmp_path / "raw" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"item_id": [1]}), path)
    before = fingerprint(tmp_path)
    with pytest.raises(DataError, match=f"{path} is not of a synthetic shop"):
        generate(tmp_path, 1000, seed=2, days=3)
    assert fingerprint(tmp_path) == before


def test_an_interrupted_shop_changes_nothing(tmp_path, monkeypatch):
    generate(tmp_path / "data", 1000, seed=1, days=3)
    before = fingerprint(tmp_path)
    draw = Shop.draw

    def interrupted(shop, n, number, seed):
        if number == 1:
            raise KeyboardInterrupt
        return draw(shop, n, number, seed)

    monkeypatch.setattr(Shop, "draw", interrupted)
    for name in ("data", "other"):
        with pytest.raises(KeyboardInterrupt):
            generate(tmp_path / name, 1000, seed=2, days=3)
    assert fingerprint(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["data"]

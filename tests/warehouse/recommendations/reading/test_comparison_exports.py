"""Two nights side by side, and a night for those who do not read Delta."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse import recommendations as table
from warehouse.tables import COMPARISON


def test_compare_counts_what_a_hand_counts(nights):
    a = nights.rows(users=range(4), n=3, seed=1)
    b = nights.rows(users=range(1, 5), n=3, seed=2)
    small = table.Expected(n=3, users=4)
    nights.publish(0, a, expected=small)
    nights.publish(1, b, expected=small, limits=table.AuditLimits(min_overlap=None))
    rows = table.compare(nights.layout, nights.day(0), nights.day(1), ks=(1, 3))
    assert rows.schema == COMPARISON.schema()
    for figures in rows.to_pylist():
        k = figures["k"]
        tops = [{}, {}]
        for top, night in zip(tops, (a, b), strict=True):
            for row in night.to_pylist():
                if row["rank"] <= k:
                    top.setdefault(row["user_id"], []).append(row["item_id"])
        both = tops[0].keys() & tops[1].keys()
        stayed = [len(set(tops[0][u]) & set(tops[1][u])) / k for u in both]
        shown = [{item for items in top.values() for item in items} for top in tops]
        assert (figures["users_a"], figures["users_b"], figures["users_both"]) == (4, 4, 3)
        assert figures["overlap"] == pytest.approx(sum(stayed) / 3)
        assert figures["churn"] == pytest.approx(1 - sum(stayed) / 3)
        assert figures["same_first"] == pytest.approx(sum(tops[0][u][0] == tops[1][u][0] for u in both) / 3)
        assert (figures["items_a"], figures["items_b"]) == (len(shown[0]), len(shown[1]))
        assert figures["items_both"] == len(shown[0] & shown[1])
        assert figures["coverage_a"] is None


def test_compare_divides_coverage_by_the_items_table_and_counts_fallback(nights):
    nights.publish(0)
    nights.publish(1, nights.rows(model="popularity"), limits=table.AuditLimits(max_fallback_share=None))
    items = nights.layout.partition("items", nights.day(0))
    items.parent.mkdir(parents=True)
    pq.write_table(pa.table({"item_id": list(range(100))}), items)
    figures = table.compare(nights.layout, nights.day(0), nights.day(1), ks=(5,)).to_pylist()[0]
    assert figures["coverage_a"] == pytest.approx(figures["items_a"] / 100)
    assert (figures["fallback_a"], figures["fallback_b"]) == (0, 1)


def test_compare_with_itself_and_with_nothing(nights):
    nights.publish(0)
    same = table.compare(nights.layout, nights.day(0), nights.day(0)).to_pylist()[0]
    assert (same["overlap"], same["churn"], same["same_first"]) == (1, 0, 1)
    with pytest.raises(table.NoNight):
        table.compare(nights.layout, nights.day(0), nights.day(5))
    with pytest.raises(ValueError, match="k is 0: it must be a whole number of at least 1"):
        table.compare(nights.layout, nights.day(0), nights.day(0), ks=(0,))


def test_compare_names_the_night_that_is_damaged(nights):
    for day in (0, 1):
        nights.publish(day)
    [file] = table.night(nights.layout, nights.day(0)).files
    whole = Path(file).read_bytes()
    Path(file).write_bytes(whole[: len(whole) // 3] + b"no page" + whole[len(whole) // 3 + 7 :])
    with pytest.raises(table.RecommendationsError, match=r"the night 2026-01-10 in .* cannot be read: see .* verify"):
        table.compare(nights.layout, nights.day(1), nights.day(0))


def test_compare_names_the_items_that_are_damaged(nights):
    nights.publish(0)
    items = nights.layout.partition("items", nights.day(0))
    items.parent.mkdir()
    items.write_bytes(b"no parquet")
    with pytest.raises(ValueError, match=rf"cannot be read.*{items.name}"):
        table.compare(nights.layout, nights.day(0), nights.day(0))


def test_export_parquet_is_the_night(nights, tmp_path):
    nights.publish(0)
    nights.publish(1)
    assert table.export_parquet(nights.layout, tmp_path / "night.parquet", nights.day(0)) == 150
    exported = pq.read_table(tmp_path / "night.parquet")
    assert exported == table.night(nights.layout, nights.day(0)).to_arrow()
    table.export_parquet(nights.layout, tmp_path / "night.parquet")
    assert set(pq.read_table(tmp_path / "night.parquet")["run_date"].to_pylist()) == {nights.day(1)}


def test_export_ranx_is_a_run_by_text_ids(nights, tmp_path):
    nights.publish(0)
    assert table.export_ranx(nights.layout, tmp_path / "run.parquet") == 150
    run = pq.read_table(tmp_path / "run.parquet")
    assert run.schema.names == ["q_id", "doc_id", "score"]
    assert [str(field.type) for field in run.schema] == ["string", "string", "double"]
    rows = [row for row in run.to_pylist() if row["q_id"] == "7"]
    listed = table.for_user(nights.layout, 7)
    assert [(row["doc_id"], row["score"]) for row in rows] == [(str(x["item_id"]), x["score"]) for x in listed]


def test_an_export_that_cannot_be_written_leaves_nothing(nights, tmp_path):
    nights.publish(0)
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(table.WriteFailed, match="could not be written"):
        table.export_parquet(nights.layout, tmp_path / "file" / "night.parquet")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "file"]


@pytest.mark.parametrize("export", [table.export_parquet, table.export_ranx])
@pytest.mark.parametrize("other", [table.export_parquet, table.export_ranx])
def test_an_export_replaces_an_export_alone(nights, tmp_path, export, other):
    nights.publish(0)
    other(nights.layout, tmp_path / "night.parquet")
    assert export(nights.layout, tmp_path / "night.parquet") == 150
    (part,) = table.latest(nights.layout).files
    settings, events = tmp_path / "pipeline.toml", tmp_path / "events.parquet"
    settings.write_text("[recommendations]")
    pq.write_table(pa.table({"q_id": ["7"], "doc_id": ["8"], "score": [1.0]}), events)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.parquet").symlink_to(tmp_path / "night.parquet")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    others = [
        settings,
        events,
        tmp_path / "folder",
        tmp_path / "link.parquet",
        tmp_path / "dangling",
        "/dev/null",
        part,
    ]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for path in others:
        with pytest.raises(table.WriteFailed, match=f"{path} is there and is no export of recommendations: name"):
            export(nights.layout, path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert (tmp_path / "link.parquet").is_symlink()
    assert (tmp_path / "dangling").is_symlink()

"""The table of similar items: published by the rules of the users' lists, each fault of a night seen, read by item."""

import datetime as dt
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse import recommendations as table
from warehouse.__main__ import main
from warehouse.layout import Layout

NIGHT = dt.date(2026, 1, 10)
ITEMS, N = 12, 4
IDS = pa.array(range(ITEMS))


def rows_of(turn: int = 0, text: bool = False) -> pa.Table:
    """Item i is like i + 1 + turn, i + 2 + turn, ... (of 12), less and less."""
    found = [
        {"item_id": item, "rank": rank, "similar_item_id": (item + turn % 7 + rank) % ITEMS, "score": 1 - rank / 10}
        for item in range(ITEMS)
        for rank in range(1, N + 1)
    ]
    rows = pa.Table.from_pylist(found)
    kind = pa.string() if text else pa.int64()
    types = {"item_id": kind, "rank": pa.int16(), "similar_item_id": kind, "score": pa.float32()}
    rows = pa.table({name: rows[name].cast(types[name]) for name in rows.column_names})
    return rows.sort_by([("item_id", "ascending"), ("rank", "ascending")])


def publish(layout: Layout, day: int = 0, rows: pa.Table | None = None, **limits: float | None) -> table.Published:
    rows = rows_of() if rows is None else rows
    expected = table.Expected(N, ITEMS, IDS.cast(rows.schema.field("item_id").type))
    facts = table.NightFacts(7, "run7")
    batches = rows.to_batches(max_chunksize=5)
    audit = table.AuditLimits(**limits)
    night = NIGHT + dt.timedelta(days=day)
    return table.publish(layout.similar_items, night, batches, facts, expected, audit)


@pytest.mark.parametrize("text", [False, True])
def test_a_night_is_published_replaced_and_read_by_item(layout: Layout, text: bool) -> None:
    for turn in (3, 0):
        done = publish(layout, 0, rows_of(turn, text), min_overlap=None)
        assert (done.rows, done.users, done.audit.passed) == (ITEMS * N, ITEMS, True)
        read = table.latest(layout.similar_items).to_arrow()
        assert read.schema.names == [
            "run_date", "item_id", "rank", "similar_item_id", "score", "model_version", "mlflow_run_id", "generated_at",
        ]  # fmt: skip
        assert read.select(rows_of(turn, text).schema.names).to_pydict() == rows_of(turn, text).to_pydict()
    first = table.for_item(layout, "5" if text else 5, 2)
    like = ["6", "7"] if text else [6, 7]
    assert [(row["item_id"], row["title"]) for row in first] == [(like[0], None), (like[1], None)]
    assert [row["score"] for row in first] == pytest.approx([0.9, 0.8])
    assert table.for_item(layout, "99" if text else 99) == []
    with pytest.raises(table.RecommendationsError, match="but the item ids of"):
        table.for_item(layout, 5 if text else "5")


def test_rows_in_any_order_end_in_order(layout: Layout) -> None:
    publish(layout, 0, rows_of().take(pa.array([(i * 37) % 48 for i in range(48)])))
    read = table.latest(layout.similar_items).to_arrow(["item_id", "rank", "similar_item_id", "score"])
    assert read.to_pydict() == rows_of().to_pydict()


def planted(column: str, row: int, value: object) -> pa.Table:
    values = rows_of()[column].to_pylist()
    values[row] = value
    place = rows_of().schema.get_field_index(column)
    return rows_of().set_column(place, column, pa.array(values, rows_of().schema.field(column).type))


FAULTS = {
    "every_item": rows_of().slice(N),
    "wrong_length": pa.concat_tables([rows_of().slice(0, 7), rows_of().slice(8)]),
    "broken_ranks": planted("rank", 3, 9),
    "duplicates": planted("similar_item_id", 2, 1),
    "unknown": planted("similar_item_id", 6, 99),
    "itself": planted("similar_item_id", 7, 1),
    "not_finite": planted("score", 7, float("nan")),
    "out_of_order": planted("score", 7, 0.95),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_fails_its_own_check_and_the_night_stays_unseen(layout: Layout, name: str) -> None:
    publish(layout, 0)
    with pytest.raises(table.AuditFailed) as caught:
        publish(layout, 1, FAULTS[name])
    assert [check.name for check in caught.value.audit.failures] == [name]
    assert [check.name for check in caught.value.audit.checks] == list(table.SIMILAR_CHECKS)
    assert table.latest(layout.similar_items).run_date == NIGHT
    assert json.loads(caught.value.kept.with_name(f"{caught.value.kept.name}.json").read_text())["passed"] is False


def test_a_night_is_compared_with_the_one_before(layout: Layout) -> None:
    assert publish(layout, 0).audit.figures["overlap"] is None
    figures = publish(layout, 1, rows_of(1)).audit.figures
    assert figures["overlap"] == pytest.approx(3 / 4)
    assert (figures["item_drop"], figures["score_shift"]) == (0, pytest.approx(0))
    with pytest.raises(table.AuditFailed, match="mean share of an item's top 10"):
        publish(layout, 2, rows_of(5), min_overlap=0.5)


def test_retention_and_rollback_follow_the_rules_of_the_lists(layout: Layout) -> None:
    path = layout.similar_items
    for day in range(3):
        publish(layout, day, rows_of(day))
    assert table.rollback(path).newest == NIGHT + dt.timedelta(days=1)
    left = table.retain(path, 1, 0)
    assert left.kept == (NIGHT + dt.timedelta(days=1),)
    assert table.latest(path).to_arrow(["similar_item_id"]).num_rows == ITEMS * N
    assert not layout.recommendations.exists()


def test_another_table_is_not_taken_for_this_one(nights) -> None:
    nights.publish(0)
    with pytest.raises(table.RecommendationsError, match="user_id"):
        table.publish(
            nights.layout.recommendations, NIGHT, rows_of().to_batches(), table.NightFacts(), table.Expected(N)
        )
    assert table.latest(nights.layout).to_arrow().num_rows == 150


def test_a_question_to_the_other_table_is_refused_in_one_sentence(nights) -> None:
    lists, similar = nights.layout.recommendations, nights.layout.similar_items
    nights.publish(0)
    publish(nights.layout)
    for ask in (
        lambda: table.for_user(similar, 5),
        lambda: table.for_users(similar, [5]),
        lambda: table.compare(similar, NIGHT, NIGHT),
    ):
        with pytest.raises(table.RecommendationsError, match="similar_items is no recommendations table"):
            ask()
    with pytest.raises(table.RecommendationsError, match="recommendations is no similar_items table"):
        table.for_item(lists, 5)


def test_the_shell_shows_titles_and_refuses_in_one_sentence(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", str(layout.root)]
    assert main(["similar", *data, "--item", "5"]) == 2
    assert "there is no similar_items table at" in capsys.readouterr().err
    publish(layout)
    items = layout.partition("items", NIGHT)
    items.parent.mkdir(parents=True)
    pq.write_table(pa.table({"item_id": range(ITEMS), "title": [f"Film {i}" for i in range(ITEMS)]}), items)
    assert main(["similar", *data, "--item", "5", "--n", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("night 2026-01-10, ")
    assert [line.split() for line in lines[1:]] == [
        ["rank", "item", "title", "score"],
        lines[2].split(),
        ["1", "6", "Film", "6", "0.900"],
        ["2", "7", "Film", "7", "0.800"],
    ]
    assert main(["similar", *data, "--json", "--item", "5"]) == 0
    assert json.loads(capsys.readouterr().out) == table.for_item(layout, 5)
    assert main(["similar", *data, "--item", "99"]) == 1
    assert "item 99 has no list in this night" in capsys.readouterr().out
    capsys.readouterr()
    assert main(["similar", *data, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run_date"] == str(NIGHT)
    assert main(["similar", *data]) == 0
    assert main(["similar", *data, "history"]) == 0
    assert capsys.readouterr().out.splitlines()[3].split()[3:5] == ["published", "2026-01-10"]
    assert main(["similar", *data, "--item", "toy"]) == 2
    assert "--item 'toy' is not a number, but the item ids of" in capsys.readouterr().err

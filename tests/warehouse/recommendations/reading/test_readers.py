"""Readers see whole nights only, the newest by default, in the shape that fusion takes."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse import recommendations as table


@pytest.fixture
def three(nights):
    for day in (0, 1, 2):
        nights.publish(day)
    return nights


def write_items(layout, day, titles):
    path = layout.partition("items", day)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"item_id": list(titles), "title": list(titles.values())}), path)


def test_for_user_gives_the_occf_shape_best_first(three):
    rows = [row for row in three.rows(seed=2).to_pylist() if row["user_id"] == 7]
    listed = table.for_user(three.layout, 7, 3)
    assert [list(row) for row in listed] == [["item_id", "title", "score", "model"]] * 3
    assert [row["item_id"] for row in listed] == [row["item_id"] for row in rows[:3]]
    assert [row["score"] for row in listed] == sorted((row["score"] for row in listed), reverse=True)
    assert listed[0] == {"item_id": rows[0]["item_id"], "title": None, "score": 3.0, "model": "GRU4Rec"}


def test_unknown_user_gets_nothing_and_n_beyond_the_list_all_of_it(three):
    assert table.for_user(three.layout, 999) == []
    assert len(table.for_user(three.layout, 7, 100)) == 5


def test_titles_are_those_the_night_could_know(three):
    item = table.for_user(three.layout, 7, 1)[0]["item_id"]
    write_items(three.layout, three.day(1), {item: "Known"})
    write_items(three.layout, three.day(3), {item: "From the future"})
    assert [row["title"] for row in table.for_user(three.layout, 7, 2)] == ["Known", None]
    assert table.for_user(three.layout, 7, 1, run_date=three.day(0))[0]["title"] is None


def test_a_warm_reader_notices_new_titles_and_needs_no_order(three):
    best = [row["item_id"] for row in table.for_user(three.layout, 7, 5)]
    with table.Reader(three.layout) as reader:
        for word in ("Old", "New"):
            write_items(three.layout, three.day(1), {item: f"{word} {item}" for item in sorted(best, reverse=True)})
            assert [row["title"] for row in reader.for_user(7, 5)] == [f"{word} {item}" for item in best]
        write_items(three.layout, three.day(1), {str(item): "Another kind of id" for item in best})
        assert {row["title"] for row in reader.for_user(7, 5)} == {None}


def test_items_without_titles_give_none(three, tmp_path):
    pq.write_table(pa.table({"item_id": [1]}), tmp_path / "items.parquet")
    assert table.for_user(three.layout, 7, 1, items=tmp_path / "items.parquet")[0]["title"] is None


def test_for_users_is_arrow_in_order(three):
    rows = table.for_users(three.layout, [9, 3, 999], 2)
    assert rows.schema == table.latest(three.layout).schema
    assert list(zip(rows["user_id"].to_pylist(), rows["rank"].to_pylist(), strict=True)) == [
        (3, 1),
        (3, 2),
        (9, 1),
        (9, 2),
    ]
    older = table.for_users(three.layout, pa.array([3]), 5, run_date=three.day(0))
    assert set(older["run_date"].to_pylist()) == {three.day(0)}
    assert older["item_id"].to_pylist() != table.for_users(three.layout, [3], 5)["item_id"].to_pylist()


def test_a_warm_reader_sees_a_new_night_and_a_replaced_one(nights):
    nights.publish(0)
    with table.Reader(nights.layout) as reader:
        first = reader.for_user(7)
        nights.publish(0, nights.rows(seed=8))
        assert reader.for_user(7) != first
        nights.publish(1)
        assert reader.night().run_date == nights.day(1)
        assert reader.for_user(7, run_date=nights.day(0)) == table.for_user(nights.layout, 7, run_date=nights.day(0))
        assert reader.night().run_date == nights.day(1)


def test_a_warm_reader_notices_another_table_in_the_place_of_its_own(three, tmp_path):
    """As after `move it away and run the nights again`: the new one has fewer versions, or as many, or more."""
    with table.Reader(three.layout) as reader:
        assert reader.night().run_date == three.day(2)
        three.layout.recommendations.rename(tmp_path / "away")
        with pytest.raises(table.NoNight, match="there is no recommendations table"):
            reader.for_user(7)
        for day in range(4):
            three.publish(day, three.rows(seed=50 + day))
            for asked in (None, three.day(0)):
                assert reader.for_user(7, 5, run_date=asked) == table.for_user(three.layout, 7, 5, run_date=asked)


@pytest.mark.parametrize("seven", [7.0, np.int64(7), np.uint64(7), np.float32(7), Decimal(7)])
def test_whole_numbers_of_any_type_are_ids(three, seven):
    assert table.for_user(three.layout, seven, 3) == table.for_user(three.layout, 7, 3)
    assert table.for_users(three.layout, [seven], 3).equals(table.for_users(three.layout, [7], 3))


@pytest.mark.parametrize("user", [2**63, -(2**63) - 1, 2**200])
def test_a_whole_number_beyond_all_ids_is_an_unknown_user(three, user):
    assert table.for_user(three.layout, user) == []
    assert set(table.for_users(three.layout, [user, 3])["user_id"].to_pylist()) == {3}


@pytest.mark.parametrize(
    "user", [7.5, Decimal("7.5"), float("nan"), Decimal("nan"), float("inf"), 2.0**53, None, True, b"7", [7], 7j]
)
def test_what_is_no_id_is_refused_instead_of_finding_somebody_else(three, user):
    for ask in (lambda: table.for_user(three.layout, user), lambda: table.for_users(three.layout, [user, 3])):
        with pytest.raises(table.RecommendationsError, match=r"is no id, but the user ids of .* are integers"):
            ask()


@pytest.mark.parametrize(
    ("user", "n", "sentence"),
    [
        ("7", 5, "'7' is text, but the user ids .* are integers"),
        (7, 0, "n is 0: it must be a whole number of at least 1"),
    ],
)
def test_questions_that_would_silently_find_nothing_are_refused(three, user, n, sentence):
    with pytest.raises(table.RecommendationsError, match=sentence):
        table.for_user(three.layout, user, n)


def test_text_ids(nights):
    nights.publish(0, nights.rows(text=True))
    assert table.for_user(nights.layout, "7", 1)[0]["item_id"] == nights.rows(text=True)["item_id"][35].as_py()
    assert table.for_user(nights.layout, "o'neil") == []
    with pytest.raises(table.RecommendationsError, match="7 is a number"):
        table.for_user(nights.layout, 7)


def test_titles_of_a_file_that_is_gone_stay_as_they_were(three, tmp_path):
    path = tmp_path / "items.parquet"
    pq.write_table(pa.table({"item_id": list(range(50)), "title": [f"film {i}" for i in range(50)]}), path)
    with table.Reader(three.layout, items=path) as reader:
        before = reader.for_user(7, 3)
        path.unlink()
        assert reader.for_user(7, 3) == before
    with pytest.raises(FileNotFoundError):
        table.for_user(three.layout, 7, 3, items=path)

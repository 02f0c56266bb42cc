"""The example fusion job: blends by hand, and reading while a night is written."""

import importlib.util
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse import recommendations as table

FUSION = Path(__file__).resolve().parents[4] / "examples" / "fusion.py"
spec = importlib.util.spec_from_file_location("fusion", FUSION)
fusion = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fusion)


def branch(model, *scored):
    return [{"item_id": i, "title": f"t{i}", "score": s, "model": model} for i, s in scored]


GRU, OCCF = branch("GRU4Rec", (1, 9.0), (2, 5.0), (3, 1.0)), branch("OCCF", (3, 0.9), (4, 0.3))
HALVES = {"GRU4Rec": 0.5, "OCCF": 0.5}


def test_reciprocal_rank_by_hand():
    blend = fusion.reciprocal_rank([GRU, OCCF], HALVES, n=3)
    assert [row["item_id"] for row in blend] == [3, 1, 2], "4 ties with 2 and comes later by its id"
    assert blend[0]["score"] == pytest.approx(0.5 / 63 + 0.5 / 61)
    assert blend[0] == {"item_id": 3, "title": "t3", "score": blend[0]["score"], "model": "GRU4Rec+OCCF"}


def test_weighted_min_max_by_hand():
    blend = fusion.weighted_min_max([GRU, OCCF], {"GRU4Rec": 0.6, "OCCF": 0.4}, n=10)
    assert [(row["item_id"], pytest.approx(row["score"])) for row in blend] == [(1, 0.6), (3, 0.4), (2, 0.3), (4, 0.0)]


def test_a_branch_without_an_answer_and_equal_scores_are_no_trouble():
    assert fusion.weighted_min_max([[], []], HALVES, 5) == []
    same = branch("GRU4Rec", (1, 2.0), (2, 2.0))
    assert [row["score"] for row in fusion.weighted_min_max([same, []], HALVES, 5)] == [0.5, 0.5]
    assert fusion.reciprocal_rank([branch("unheard of", (1, 2.0))], HALVES, 5)[0]["score"] == 0


@pytest.fixture
def shop(nights):
    """A published night; users 0..9 liked {u, u+1, u+2}: the toy branch must find the neighbours' items."""
    nights.publish(0)
    events = nights.layout.partition("events", nights.day(0))
    events.parent.mkdir(parents=True)
    pairs = [(u, u + step) for u in range(10) for step in range(3)]
    pq.write_table(pa.table({"user_id": [u for u, _ in pairs], "item_id": [i for _, i in pairs]}), events)
    items = nights.layout.partition("items", nights.day(0))
    items.parent.mkdir(parents=True)
    pq.write_table(pa.table({"item_id": list(range(50)), "title": [f"Film {i}" for i in range(50)]}), items)
    return nights.layout


def test_the_toy_branch_finds_the_neighbours_items(shop):
    occf = fusion.ToyOCCF(shop)
    found = occf.recommend(5, 10)
    assert {row["item_id"] for row in found} == {3, 4, 8, 9}
    assert {row["item_id"] for row in found[:2]} == {4, 8}
    assert found[0]["title"] == f"Film {found[0]['item_id']}"
    assert occf.recommend(999, 10) == []


def test_fusing_takes_from_both_branches(shop):
    occf = fusion.ToyOCCF(shop)
    with table.Reader(shop) as reader:
        blends = fusion.fuse(reader, occf, 5, 6)
        assert fusion.fuse(reader, occf, 999, 6) == {"reciprocal rank": [], "weighted min-max": []}
    for blend in blends.values():
        assert len(blend) == 6
        assert len({row["item_id"] for row in blend}) == 6
        assert {"GRU4Rec", "OCCF"} <= {name for row in blend for name in row["model"].split("+")}
        scores = [row["score"] for row in blend]
        assert scores == sorted(scores, reverse=True)


def test_fusion_reads_while_a_night_is_written(shop):
    versions, answers = fusion.read_while_writing(shop, fusion.ToyOCCF(shop), 5, 6, reads=5)
    assert versions >= 3
    assert answers == 1


def test_without_events_the_toy_branch_says_so(nights):
    with pytest.raises(FileNotFoundError, match="no events below"):
        fusion.ToyOCCF(nights.layout)


@pytest.fixture
def text_shop(nights):
    """A published night of text ids, and the first item of each list; 7 likes what O'Brien does, and his first item."""
    users = ["007", "7", "O'Brien", "u42"]
    rows = nights.rows(users=users, text=True)
    items = pa.array([f"item {item}" for item in rows["item_id"].to_pylist()])
    rows = rows.set_column(rows.column_names.index("item_id"), "item_id", items)
    nights.publish(0, rows, expected=table.Expected(n=5, users=len(users)))
    best = dict(zip(reversed(rows["user_id"].to_pylist()), reversed(items.to_pylist()), strict=True))
    liked = [("7", "both"), ("O'Brien", "both"), ("7", best["O'Brien"]), ("7", "item x"), ("u42", "item y")]
    events = nights.layout.partition("events", nights.day(0))
    events.parent.mkdir(parents=True)
    pq.write_table(pa.table({"user_id": [u for u, _ in liked], "item_id": [i for _, i in liked]}), events)
    return nights.layout, best


def run(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["fusion.py", *map(str, arguments)])
    fusion.main()


def test_text_ids_are_fused_as_whole_numbers_are(text_shop, monkeypatch, capsys):
    """007 and 7 are two users, and a quote in an id is no trouble."""
    layout, best = text_shop
    occf = fusion.ToyOCCF(layout)
    with table.Reader(layout) as reader:
        for blend in fusion.fuse(reader, occf, "O'Brien", 3).values():
            assert blend[0]["item_id"] == best["O'Brien"]
            assert blend[0]["model"] == "GRU4Rec+OCCF"
        assert {row["item_id"] for row in occf.recommend("O'Brien", 10)} == {best["O'Brien"], "item x"}
        assert fusion.fuse(reader, occf, "7", 3) != fusion.fuse(reader, occf, "007", 3)
    run(monkeypatch, "--data", layout.root, "--user", "O'Brien", "--n", "3")
    said = capsys.readouterr().out
    assert "user O'Brien" in said
    assert said.count(best["O'Brien"]) == 2
    assert fusion.read_while_writing(layout, occf, "u42", 3, reads=2)[1] == 1


def test_a_text_for_a_table_of_whole_numbers_is_refused_with_a_sentence(shop, monkeypatch, capsys):
    with pytest.raises(SystemExit) as refused:
        run(monkeypatch, "--data", shop.root, "--user", "u5")
    assert refused.value.code == 2
    assert "--user 'u5' is not a number, but the user ids of" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(monkeypatch, "--data", shop.root, "--user", "9" * 25)
    assert "is not a number" in capsys.readouterr().err
    run(monkeypatch, "--data", shop.root, "--user", "5")
    assert "user 5" in capsys.readouterr().out


def test_items_without_titles_and_a_folder_without_lists(shop, monkeypatch, capsys):
    [items] = (shop.root / "items").glob("*.parquet")
    pq.write_table(pq.read_table(items, partitioning=None).drop("title"), items)
    run(monkeypatch, "--data", shop.root, "--user", "5")
    assert "weighted min-max" in capsys.readouterr().out
    shop.recommendations.rename(shop.root / "away")
    with pytest.raises(SystemExit) as refused:
        run(monkeypatch, "--data", shop.root, "--user", "5")
    assert refused.value.code == 2
    assert "there is no recommendations table at" in capsys.readouterr().err


@pytest.mark.parametrize("n", ["0", "-1", "ten", "10001"])
def test_a_length_that_no_list_has_is_refused_with_a_sentence(shop, monkeypatch, capsys, n):
    with pytest.raises(SystemExit) as refused:
        run(monkeypatch, "--data", shop.root, "--user", "5", "--n", n)
    assert refused.value.code == 2
    assert f"argument --n: '{n}' is not a whole number of at least 1 and at most 10000" in capsys.readouterr().err

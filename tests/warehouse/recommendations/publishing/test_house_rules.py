"""What the audit counts of the rules of the shop, against a plain count, and when scores must fall along a list."""

import datetime as dt
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse import recommendations as table

TRAITS = pa.table(
    {
        "item_id": list(range(45)),  # the lists have 50: five are unknown
        "shelf": [f"shelf {item % 2}" for item in range(45)],
        "category": [None if item % 7 == 0 else f"kind {item % 3}" for item in range(45)],
        "new": [item % 4 == 0 for item in range(45)],
    }
)
CAPPED = (table.Cap("category", 2),)
DIRECTIONS = np.random.default_rng(3).normal(size=(45, 4)).astype(np.float32)
DIRECTIONS /= np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)
VECTORS = pa.table(
    {
        "item_id": list(range(44, -1, -1)),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(DIRECTIONS[::-1].ravel()), 4),
    }
)


def audited(rows: pa.Table, folder: Path, house: table.HouseRules | None, n: int = 5) -> table.Audit:
    staged = folder / "night.parquet"
    pq.write_table(rows, staged, row_group_size=12)
    expected = table.Expected(n=n, users=30, items=pa.array(range(50)), house=house)
    return table.audit([staged], dt.date(2026, 1, 10), expected, table.AuditLimits())


def test_each_figure_is_that_of_a_plain_count(a_night: pa.Table, tmp_path: Path) -> None:
    known = {row["item_id"]: row for row in TRAITS.to_pylist()}
    over = both = short = 0
    for user in range(30):
        own = a_night.filter(pa.compute.equal(a_night["user_id"], user))["item_id"].to_pylist()
        kinds = Counter(known[item]["category"] for item in own[:4] if item in known)
        over += any(count > 1 for kind, count in kinds.items() if kind)
        shelves = Counter(known[item]["shelf"] for item in own[:2] if item in known)
        both += any(count > 1 for kind, count in kinds.items() if kind) or any(n > 1 for n in shelves.values())
        short += sum(known[item]["new"] for item in own if item in known) < 2
    assert 0 < over < 30
    assert 0 < short < 30
    caps = (table.Cap("category", 1, 4), table.Cap("shelf", 1, 2))
    report = audited(a_night, tmp_path, table.HouseRules(TRAITS, caps[:1], share=0.4))
    assert report.passed
    names = ("over_cap", "short_of_new", "reordered", "out_of_order", "alike", "alike_by_score")
    assert [report.figures[name] for name in names] == [over, short, 0, 0, None, None]
    assert over < both < 30
    assert audited(a_night, tmp_path, table.HouseRules(TRAITS, caps)).figures["over_cap"] == both


def test_a_rule_that_is_off_has_no_figure(a_night: pa.Table, tmp_path: Path) -> None:
    figures = audited(a_night, tmp_path, table.HouseRules(TRAITS, CAPPED)).figures
    assert figures["over_cap"] is not None
    assert figures["short_of_new"] is None
    figures = audited(a_night, tmp_path, None).figures
    assert [figures[name] for name in ("over_cap", "short_of_new", "reordered")] == [None] * 3


@pytest.mark.parametrize(
    ("house", "fault"),
    [
        (None, 1),
        (table.HouseRules(TRAITS, CAPPED), 0),
        (table.HouseRules(TRAITS, vectors=VECTORS), None),
    ],
)
def test_a_higher_score_may_stand_below_another_kind_of_item_alone(
    a_night: pa.Table, tmp_path: Path, house: table.HouseRules | None, fault: int | None
) -> None:
    items, scores = a_night["item_id"].to_numpy().copy(), a_night["score"].to_numpy().copy()
    items[:5] = [1, 2, 3, 4, 5]  # of kinds 1, 2, 0, 1, 2; 4 is new besides
    scores[:5] = [5, 4, 3, 1, 2]
    rows = a_night.set_column(2, "item_id", pa.array(items)).set_column(3, "score", pa.array(scores))
    report = audited(rows, tmp_path, house)
    assert report.figures["out_of_order"] == fault
    assert report.passed is not bool(fault)
    assert report.figures["reordered"] == (None if house is None else pytest.approx(1 / 30))


def test_scores_of_one_kind_must_still_fall(a_night: pa.Table, tmp_path: Path) -> None:
    items, scores = a_night["item_id"].to_numpy().copy(), a_night["score"].to_numpy().copy()
    items[:5] = [1, 2, 3, 10, 5]
    scores[:5] = np.array([1, 4, 3, 2, 1])  # 1 and 10 are both of kind 1, neither of them new
    rows = a_night.set_column(2, "item_id", pa.array(items)).set_column(3, "score", pa.array(scores))
    report = audited(rows, tmp_path, table.HouseRules(TRAITS, CAPPED))
    assert [check.name for check in report.failures] == ["out_of_order"]
    assert report.figures["out_of_order"] == 1


def test_how_alike_a_lists_top_is_beside_the_best_scores_of_the_list(tmp_path: Path) -> None:
    """Lists of 25 items, the scores of which rise down to the last one: the best scores stand at the end."""
    rng = np.random.default_rng(5)
    items = np.stack([rng.permutation(50)[:25] for _ in range(30)])
    rows = pa.table(
        {
            "user_id": np.repeat(np.arange(30), 25),
            "rank": np.tile(np.arange(1, 26, dtype=np.int16), 30),
            "item_id": items.ravel(),
            "score": np.tile(np.arange(25, dtype=np.float32), 30),
            "probability": np.full(750, 0.1, np.float32),
            "model": pa.array(["GRU4Rec"] * 750),
            "context_length": np.full(750, 3, np.int16),
        }
    )
    known = np.concatenate([DIRECTIONS, np.zeros((5, 4), np.float32)])  # five items are like none
    asked = {"alike": items[:, :10], "alike_by_score": items[:, -10:]}
    figures = audited(rows, tmp_path, table.HouseRules(TRAITS, vectors=VECTORS), n=25).figures
    for name, tops in asked.items():
        pairs = [known[a] @ known[b] for top in tops for a, b in combinations(top, 2)]
        assert figures[name] == pytest.approx(np.mean(pairs), abs=1e-4)
    assert figures["alike"] != pytest.approx(figures["alike_by_score"], abs=1e-3)
    short = rows.filter(pa.compute.less_equal(rows["rank"], 15))
    figures = audited(short, tmp_path, table.HouseRules(TRAITS, vectors=VECTORS), n=15).figures
    assert (figures["alike"] is None, figures["alike_by_score"]) == (False, None), "too short to tell"

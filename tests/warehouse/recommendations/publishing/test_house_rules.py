"""What the audit counts of the rules of the shop, against a plain count, and when scores must fall along a list."""

import datetime as dt
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse import recommendations as table

TRAITS = pa.table(
    {
        "item_id": list(range(45)),  # the lists have 50: five are unknown
        "category": [None if item % 7 == 0 else f"kind {item % 3}" for item in range(45)],
        "new": [item % 4 == 0 for item in range(45)],
    }
)


def audited(rows: pa.Table, folder: Path, house: table.HouseRules | None) -> table.Audit:
    staged = folder / "night.parquet"
    pq.write_table(rows, staged, row_group_size=12)
    expected = table.Expected(n=5, users=30, items=pa.array(range(50)), house=house)
    return table.audit([staged], dt.date(2026, 1, 10), expected, table.AuditLimits())


def test_each_figure_is_that_of_a_plain_count(a_night: pa.Table, tmp_path: Path) -> None:
    known = {row["item_id"]: row for row in TRAITS.to_pylist()}
    over = short = 0
    for user in range(30):
        own = a_night.filter(pa.compute.equal(a_night["user_id"], user))["item_id"].to_pylist()
        kinds = Counter(known[item]["category"] for item in own[:4] if item in known)
        over += any(count > 1 for kind, count in kinds.items() if kind)
        short += sum(known[item]["new"] for item in own if item in known) < 2
    assert 0 < over < 30
    assert 0 < short < 30
    report = audited(a_night, tmp_path, table.HouseRules(TRAITS, most=1, first=4, share=0.4))
    assert report.passed
    assert {name: report.figures[name] for name in ("over_cap", "short_of_new", "reordered", "out_of_order")} == {
        "over_cap": over, "short_of_new": short, "reordered": 0, "out_of_order": 0,
    }  # fmt: skip


def test_a_rule_that_is_off_has_no_figure(a_night: pa.Table, tmp_path: Path) -> None:
    figures = audited(a_night, tmp_path, table.HouseRules(TRAITS, most=1)).figures
    assert figures["over_cap"] is not None
    assert figures["short_of_new"] is None
    figures = audited(a_night, tmp_path, None).figures
    assert [figures[name] for name in ("over_cap", "short_of_new", "reordered")] == [None] * 3


@pytest.mark.parametrize(
    ("house", "fault"),
    [
        (None, 1),
        (table.HouseRules(TRAITS, most=2), 0),
        (table.HouseRules(TRAITS, mixed=True), None),
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
    report = audited(rows, tmp_path, table.HouseRules(TRAITS, most=2))
    assert [check.name for check in report.failures] == ["out_of_order"]
    assert report.figures["out_of_order"] == 1

"""What the audit must see, each fault planted into an otherwise good night; and that a failed night stays unseen."""

import datetime as dt
import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse import recommendations as table
from warehouse.recommendations.kinds import RECOMMENDED
from warehouse.recommendations.publishing import sample
from warehouse.recommendations.publishing.staging import StagedNight


def replaced(column: str, row: int, value: object) -> Callable[[pa.Table], pa.Table]:
    def change(rows: pa.Table) -> pa.Table:
        values = rows[column].to_pylist()
        values[row] = value
        index = rows.schema.get_field_index(column)
        return rows.set_column(index, column, pa.array(values, rows.schema.field(column).type))

    return change


def second_item_again(rows: pa.Table) -> pa.Table:
    return replaced("item_id", 3, rows["item_id"][1].as_py())(rows)


FAULTS = {
    "every_user": lambda rows: rows.slice(5),
    "wrong_length": lambda rows: pa.concat_tables([rows.slice(0, 9), rows.slice(10)]),
    "broken_ranks": replaced("rank", 4, 9),
    "duplicates": second_item_again,
    "unknown": replaced("item_id", 7, 999),
    "not_finite": replaced("score", 7, float("nan")),
    "out_of_order": replaced("score", 7, 99.0),
}
FACTS = table.NightFacts(7, "run7").columns()
EXPECTED = table.Expected(n=5, users=30, items=pa.array(range(50)))


def audited(rows: pa.Table, folder: Path) -> table.Audit:
    staged = folder / "night.parquet"
    pq.write_table(rows, staged, row_group_size=10)
    return table.audit([staged], dt.date(2026, 1, 10), EXPECTED, table.AuditLimits())


def test_a_good_night_passes_every_check(a_night, tmp_path):
    report = audited(a_night, tmp_path)
    assert report.passed
    assert (report.rows, report.users, report.failures) == (150, 30, ())
    assert [check.name for check in report.checks] == list(table.CHECKS)
    zero = [check.value for check in report.checks][2:9]
    assert zero == [0] * 7
    assert [check.value for check in report.checks][9:12] == [None] * 3, "there is no night before"
    assert [check.value for check in report.checks][12:] == [None] * 5, "there are no rules of the shop"


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_fails_its_own_check_and_no_other(a_night, tmp_path, name):
    report = audited(FAULTS[name](a_night), tmp_path)
    assert [check.name for check in report.failures] == [name]
    assert report.figures[name] == (29 if name == "every_user" else 1)


@pytest.mark.parametrize("value", [float("nan"), -0.1, 1.1])
def test_a_probability_outside_its_range_fails(a_night, tmp_path, value):
    assert audited(replaced("probability", 3, value)(a_night), tmp_path).figures["not_finite"] == 1


def test_a_failed_night_is_kept_for_whoever_looks_into_it_and_never_seen(nights, content):
    nights.publish(0)
    before = content(nights.layout, nights.day(0))
    with pytest.raises(table.AuditFailed, match=r"twice in one user's list: 1 .*It is kept in .*rejected") as caught:
        nights.publish(1, second_item_again(nights.rows(seed=1)))
    assert table.latest(nights.layout).run_date == nights.day(0)
    assert content(nights.layout, nights.day(0)) == before
    kept = caught.value.kept
    assert pq.read_table(kept).num_rows == caught.value.audit.rows
    assert json.loads(kept.with_name(f"{kept.name}.json").read_text())["passed"] is False
    nights.publish(1, nights.rows(seed=1))  # the night itself is not spoiled
    assert kept.exists()


def test_short_lists_are_right_only_where_the_catalogue_ends(nights):
    """Four items may be shown, three of them can be in the context: any list of 1 to 4 items is whole, none is not."""
    rows = nights.rows(users=range(10), n=4)
    index = pa.compute.less(rows["rank"], 3)
    four = table.Expected(n=5, users=10, items=pa.array(range(50)))
    with pytest.raises(table.AuditFailed, match="without exactly N items"):
        nights.publish(0, rows.filter(index), expected=four)
    small = rows.set_column(2, "item_id", pa.array([0, 1, 2, 3] * 10)).filter(index)
    nights.publish(0, small, expected=table.Expected(n=5, users=10, items=pa.array(range(4))))


@pytest.mark.parametrize(("left_out", "passes"), [(3, False), (4, True)])
def test_who_has_seen_all_that_may_be_shown_may_have_no_list(nights, left_out, passes):
    """Where so few items may be shown that one context may hold them all; too many lists stay a fault."""
    rows = nights.rows(users=range(9), n=4)
    small = rows.set_column(2, "item_id", pa.array([0, 1, 2, 3] * 9))
    shown = pa.array(range(4))
    for users, allowed in ((10, passes), (8, False)):
        expected = table.Expected(n=5, users=users, items=shown, left_out=left_out)
        with nullcontext() if allowed else pytest.raises(table.AuditFailed, match="users with a list: 9"):
            nights.publish(0, small, expected=expected)


def test_without_a_catalogue_or_a_count_only_the_night_itself_is_audited(nights):
    done = nights.publish(0, nights.rows(users=range(3), n=4), expected=table.Expected(n=5))
    assert done.audit.passed
    assert done.audit.figures["every_user"] == 3


def test_distribution_against_the_night_before(nights):
    first = nights.publish(0, nights.rows(seed=1))
    assert [first.audit.figures[name] for name in ("overlap", "score_shift", "user_drop")] == [None] * 3
    again = nights.publish(1, nights.rows(seed=1)).audit
    assert again.previous == nights.day(0)
    assert (again.figures["overlap"], again.figures["score_shift"], again.figures["user_drop"]) == (1.0, 0.0, 0.0)
    half = nights.publish(2, nights.rows(users=range(15), seed=1)).audit.figures
    assert half["user_drop"] == pytest.approx(0.5)
    assert half["overlap"] == pytest.approx(1.0), "over users of both nights"


def test_overlap_and_score_shift_are_what_they_say(nights):
    nights.publish(0, nights.rows(seed=1))
    rows = nights.rows(seed=2)
    was, now = nights.rows(seed=1).to_pylist(), rows.to_pylist()
    both = {(r["user_id"], r["item_id"]) for r in was} & {(r["user_id"], r["item_id"]) for r in now}
    scores = np.array([r["score"] for r in was])
    shifted = rows.set_column(3, "score", pa.array(rows["score"].to_numpy() + np.float32(1.0)))
    figures = nights.publish(1, shifted).audit.figures
    assert figures["overlap"] == pytest.approx(len(both) / 150)
    assert figures["score_shift"] == pytest.approx(1.0 / scores.std(), rel=1e-5)


@pytest.mark.parametrize(
    ("limits", "change", "sentence"),
    [
        ({"min_overlap": 0.9}, {"seed": 2}, "mean share of a user's top 10 that stood there the night before"),
        ({"max_user_drop": 0.1}, {"users": range(20), "seed": 1}, "share of users fewer than the night before: 0.33"),
        ({"max_fallback_share": 0.5}, {"model": "popularity", "seed": 1}, "popular items for want of a known one: 1"),
    ],
)  # fmt: skip
def test_a_limit_that_does_not_hold_fails_the_night_and_none_switches_it_off(nights, limits, change, sentence):
    nights.publish(0, nights.rows(seed=1))
    with pytest.raises(table.AuditFailed, match=sentence):
        nights.publish(1, nights.rows(**change), limits=table.AuditLimits(**limits))
    nights.publish(1, nights.rows(**change), limits=table.AuditLimits(**dict.fromkeys(limits)))


def test_a_shifted_score_fails_its_limit(nights):
    nights.publish(0)
    rows = nights.rows()
    far = rows.set_column(3, "score", pa.array(rows["score"].to_numpy() + np.float32(100)))
    with pytest.raises(table.AuditFailed, match="change of the mean score"):
        nights.publish(1, far)


def test_limits_outside_their_range_are_refused():
    with pytest.raises(ValueError, match="min_overlap is 2: it is a share, from 0 to 1"):
        table.AuditLimits(min_overlap=2)
    with pytest.raises(ValueError, match="max_score_shift is 0: it must be a number above 0"):
        table.AuditLimits(max_score_shift=0)
    with pytest.raises(ValueError, match="n is 0: it must be a whole number of at least 1"):
        table.Expected(n=0)


@settings(max_examples=12, deadline=None)
@given(
    fault=st.sampled_from([None, *FAULTS]), group=st.integers(1, 40), cut=st.integers(1, 149), text=st.booleans()
)  # fmt: skip
def test_row_groups_and_parts_find_what_one_look_at_the_whole_finds(tmp_path_factory, a_night, fault, group, cut, text):
    """The audit goes row group by row group: its figures must not depend on where those, or the parts, are cut."""
    rows = FAULTS[fault](a_night) if fault else a_night
    if text:
        rows = rows.set_column(0, "user_id", rows["user_id"].cast(pa.string()))
        rows = rows.sort_by([("user_id", "ascending"), ("rank", "ascending")])
    folder = tmp_path_factory.mktemp("staged")
    pq.write_table(rows, folder / "whole.parquet")
    pq.write_table(rows.slice(0, cut), folder / "first.parquet", row_group_size=group)
    pq.write_table(rows.slice(cut), folder / "second.parquet", row_group_size=group)
    reports = [
        table.audit([folder / name for name in names], dt.date(2026, 1, 10), EXPECTED, table.AuditLimits())
        for names in (["whole.parquet"], ["first.parquet", "second.parquet"])
    ]
    assert reports[0] == reports[1]


def test_a_user_found_in_two_places_fails(a_night, tmp_path):
    rows = pa.concat_tables([a_night.slice(5), a_night.slice(0, 5)])
    assert audited(rows, tmp_path).figures["broken_ranks"] == 1


def test_a_score_beyond_the_tables_bounds_fails_before_the_table_could_refuse_it(a_night, tmp_path):
    assert audited(replaced("score", 0, 3.402e38)(a_night), tmp_path).figures["not_finite"] == 1


@pytest.mark.parametrize("text", [False, True])
def test_a_large_night_is_compared_over_ranges_of_its_users(nights, tmp_path, monkeypatch, text):
    """Of both nights only the row groups of the sampled users are read, and the figures are theirs exactly."""
    monkeypatch.setattr(sample, "SAMPLED_USERS", 8)
    users = [str(i) if text else i for i in range(100, 140)]
    tonight, was = (nights.rows(users=users, seed=seed, text=text) for seed in (1, 2))
    for name, rows, group in (("tonight", tonight, 10), ("was", was, 7)):
        pq.write_table(rows, tmp_path / f"{name}.parquet", row_group_size=group)
    files = [tmp_path / "tonight.parquet"]
    ranges = sample.sampled_ranges(files, 40, 5, RECOMMENDED)
    assert ranges is not None
    chosen = {user for low, high in ranges for user in users if low <= user <= high}
    assert 6 <= len(chosen) <= 12
    pairs = [{(r["user_id"], r["item_id"]) for r in rows.to_pylist() if r["user_id"] in chosen}
             for rows in (tonight, was)]  # fmt: skip
    overlap, shift, drop = sample.against(files, [tmp_path / "was.parquet"], 40, 5, RECOMMENDED)
    assert overlap == pytest.approx(len(pairs[0] & pairs[1]) / len(pairs[0]))
    assert (shift, drop) == (0.0, 0.0)


def test_order_is_noticed_across_batches(tmp_path, nights):
    rows = nights.rows()
    with StagedNight(tmp_path / "recommendations", nights.day(0)) as staged:
        staged.write(rows.to_batches(max_chunksize=7), FACTS)
        assert staged.in_order
        assert staged.rows == 150
    for wrong in (rows.take(pa.array([1, 0, *range(2, 150)])), pa.concat_tables([rows.slice(75), rows.slice(0, 75)])):
        with StagedNight(tmp_path / "recommendations", nights.day(0)) as staged:
            staged.write(wrong.to_batches(max_chunksize=75), FACTS)
            assert not staged.in_order

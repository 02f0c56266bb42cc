"""The recommendations asset: who gets a list, what may stand in it, what the checks show, what stays when it fails."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipelines.serving.recommendations import recommendations
from pipelines.tracking import registry
from warehouse import recommendations as table

FIRST, LAST = date(2026, 1, 7), date(2026, 1, 8)
ITEMS, USERS = 40, 60
STRANGER, OLD = 777, 888  # a user of unknown items only; a user whose only event lies before the window


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def lists(serve: SimpleNamespace, day: date = LAST) -> dict[int, list[dict]]:
    found: dict[int, list[dict]] = {}
    for row in table.night(serve.layout, day).to_arrow().to_pylist():
        found.setdefault(row["user_id"], []).append(row)
    return found


def test_every_user_of_the_window_gets_a_whole_list_and_every_check_passes(serve: SimpleNamespace) -> None:
    result = serve.run()
    assert result.success
    assert checks(result) == {"recommendations_complete": True, **{f"audit_{name}": True for name in table.CHECKS}}
    found = lists(serve)
    assert set(found) == {*range(USERS), STRANGER}, "not the user whose only event lies before the window"
    assert all([row["rank"] for row in rows] == list(range(1, 11)) for rows in found.values())
    assert all(len({row["item_id"] for row in rows}) == 10 for rows in found.values())
    [materialized] = result.asset_materializations_for_node("recommendations")
    assert materialized.metadata["users"].value == USERS + 1
    assert materialized.metadata["dagster/row_count"].value == 10 * (USERS + 1)


def test_the_page_shows_some_lists_beside_what_their_users_met(serve: SimpleNamespace) -> None:
    [materialized] = serve.run(FIRST).asset_materializations_for_node("recommendations")
    rows = [record.data for record in materialized.metadata["lists"].records]
    found, events = lists(serve, FIRST), pq.read_table(serve.layout.partition("events", FIRST)).to_pylist()
    users = {row["user_id"] for row in rows}
    assert len(users) == 4
    for user in users:
        mine = [row for row in rows if row["user_id"] == user]
        assert [row["listed"] for row in mine] == [f"{row['rank']}. Film {row['item_id']}" for row in found[user][:6]]
        met = [row for row in events if row["user_id"] == user]
        met.sort(key=lambda row: (row["timestamp"], row["item_id"]), reverse=True)
        titles = [f"Film {row['item_id']}" if row["item_id"] < ITEMS else str(row["item_id"]) for row in met]
        assert [row["met last"] for row in mine] == (titles + 6 * [""])[:6]


def test_lists_that_cannot_be_shown_fail_no_night(serve: SimpleNamespace) -> None:
    """The catalogue is damaged where only titles are read."""
    spoiled = serve.layout.root / "items"
    spoiled.unlink()
    spoiled.mkdir()
    (spoiled / f"{FIRST}.parquet").write_bytes(b"PAR1 is not enough")
    result = serve.run(FIRST)
    assert result.success
    [materialized] = result.asset_materializations_for_node("recommendations")
    assert materialized.metadata["lists"].value.startswith("No lists are shown here: ")


def test_lists_continue_the_last_session_without_what_it_holds(serve: SimpleNamespace) -> None:
    serve.run()
    found = lists(serve)
    events = pq.read_table(serve.layout.partition("events", LAST)).to_pylist()
    hits = 0
    for user in range(USERS):
        seen = [row["item_id"] for row in events if row["user_id"] == user]
        assert {row["context_length"] for row in found[user]} == {4}
        assert not {row["item_id"] for row in found[user]} & set(seen)
        hits += (seen[-1] + 1) % ITEMS in [row["item_id"] for row in found[user]]
    assert hits > 0.5 * USERS, "10 of 36 by chance"


def test_items_come_with_the_event_behind_them_where_that_is_asked_for(serve: SimpleNamespace) -> None:
    assert serve.run(FIRST).success
    assert "because_of" not in table.night(serve.layout, FIRST).schema.names
    result = serve.run(explain=True)
    assert result.success
    events = pq.read_table(serve.layout.partition("events", LAST)).to_pylist()
    for user, rows in lists(serve).items():
        seen = {row["item_id"] for row in events if row["user_id"] == user}
        behind = {row["because_of"] for row in rows}
        assert behind == {None} if user == STRANGER else behind - {None} <= seen
    [materialized] = result.asset_materializations_for_node("recommendations")
    assert "because_of" in materialized.metadata["preview"].value


def test_rules_of_the_shop_hold_and_the_audit_says_what_they_came_to(serve: SimpleNamespace) -> None:
    result = serve.run(caps={"in_stock": {"most": 2, "first": 4}, "shelf": {"most": 1, "first": 2}})
    assert result.success
    assert checks(result) == {"recommendations_complete": True, **{f"audit_{name}": True for name in table.CHECKS}}
    for rows in lists(serve).values():
        assert len({row["item_id"] for row in rows}) == 10
        assert sum(row["item_id"] % 2 == 0 for row in rows[:4]) == 2
        assert rows[0]["item_id"] % 3 != rows[1]["item_id"] % 3
    told = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert told["audit_over_cap"].metadata["value"].value == 0
    assert told["audit_reordered"].metadata["value"].value > 0
    assert "no figure (allowed: no such rule)" in (told["audit_short_of_new"].description or "")


def test_unlike_items_are_preferred_where_that_is_asked_for(serve: SimpleNamespace) -> None:
    assert serve.run(FIRST).success
    plain = serve.run()
    before = lists(serve)
    assert plain.success
    result = serve.run(mmr=0.7)
    assert result.success
    after = lists(serve)
    assert after.keys() == before.keys()
    assert all(after[user][0]["item_id"] == before[user][0]["item_id"] for user in after), "the best stays first"
    assert any(after[user] != before[user] for user in after)
    told = {check.check_name: check.description or "" for check in result.get_asset_check_evaluations()}
    assert "any: unlike items are preferred" in told["audit_out_of_order"]
    assert "lists are too short to tell" in told["audit_alike_by_score"]
    assert "no figure" not in told["audit_alike"]


def test_the_audit_says_how_much_less_alike_unlike_items_are(serve: SimpleNamespace) -> None:
    result = serve.run(mmr=0.9, n=20, pool=2)
    assert result.success
    told = {check.check_name: check for check in result.get_asset_check_evaluations()}
    alike, before = (told[f"audit_{name}"].metadata["value"].value for name in ("alike", "alike_by_score"))
    assert -1 <= alike < before <= 1


def test_a_rule_without_its_column_publishes_nothing(serve: SimpleNamespace) -> None:
    result = serve.run(new_share=0.2)
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "need the column 'released' of items, which has item_id, in_stock" in str(failure.event_specific_data)
    assert not serve.layout.recommendations.exists()


def test_only_unknown_items_bring_the_popular_ones_flagged(serve: SimpleNamespace) -> None:
    serve.run()
    rows = lists(serve)[STRANGER]
    assert {(row["model"], row["context_length"], row["model_version"]) for row in rows} == {
        ("popularity", 0, serve.version)
    }
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores, reverse=True)


def test_allow_and_deny_lists_hold(serve: SimpleNamespace) -> None:
    pq.write_table(pa.table({"item_id": [0, 2, 4]}), serve.layout.root / "banned.parquet")
    assert serve.run(allow="in_stock", deny="banned.parquet").success
    shown = {row["item_id"] for rows in lists(serve).values() for row in rows}
    assert shown <= set(range(6, ITEMS, 2))
    assert len(shown) > 10


def test_a_shelf_smaller_than_the_list_gives_all_of_it(serve: SimpleNamespace) -> None:
    assert serve.run(allow="item_id < 5", n=10).success
    assert all(1 <= len(rows) <= 5 for rows in lists(serve).values())
    assert len(lists(serve)[STRANGER]) == 5


def test_who_has_seen_all_that_may_be_shown_has_no_list_and_stops_nobody(serve: SimpleNamespace) -> None:
    result = serve.run(allow="item_id < 1")
    assert result.success
    assert all(checks(result).values())
    assert {STRANGER} <= lists(serve).keys() < {*range(USERS), STRANGER}


def test_a_night_that_fails_its_audit_shows_why_and_is_never_visible(serve: SimpleNamespace) -> None:
    assert serve.run(FIRST).success
    before = lists(serve, FIRST)
    result = serve.run(max_fallback_share=0.0)
    assert not result.success
    failed = {name for name, passed in checks(result).items() if not passed}
    assert failed == {"audit_fallback_share"}
    [failure] = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    assert (
        "was not published: share of users who get the popular items"
        in failure.step_failure_data.error.message + str(failure.step_failure_data.user_failure_data)
    )
    assert table.latest(serve.layout).run_date == FIRST
    assert lists(serve, FIRST) == before
    assert serve.run().success
    assert table.latest(serve.layout).run_date == LAST


def test_a_predicate_that_is_none_fails_with_a_sentence_before_anything_is_written(serve: SimpleNamespace) -> None:
    result = serve.run(allow="in_stok")
    assert not result.success
    assert not serve.layout.recommendations.exists()


def test_the_same_night_again_gives_the_same_rows(serve: SimpleNamespace) -> None:
    def rows() -> pa.Table:
        return table.night(serve.layout, LAST).to_arrow().drop_columns(["generated_at"])

    serve.run()
    first = rows()
    serve.run()
    assert rows() == first


def test_one_thread_and_two_give_the_same_lists_up_to_rounding(shop: SimpleNamespace) -> None:
    import torch

    from gru4rec.serving.recommend import Recommender
    from warehouse.config import ContextConfig
    from warehouse.engine.duckdb_engine import DuckDBEngine
    from warehouse.steps.contexts.build import contexts

    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            engine = DuckDBEngine(memory_limit="500MB", threads=threads, temp_directory=shop.checkpoint)
            with contexts(engine, shop.layout, LAST, ContextConfig()) as reader:
                batches = list(Recommender.load(shop.checkpoint, "cpu").recommend_stream(reader, n=10))
            found.append(pa.Table.from_batches(batches))
    finally:
        torch.set_num_threads(before)
    one, two = found
    assert one["user_id"] == two["user_id"]
    assert one["rank"] == two["rank"]
    for column in ("score", "probability"):
        np.testing.assert_allclose(one[column].to_numpy(), two[column].to_numpy(), rtol=1e-5, atol=1e-6)
    moved = pc.not_equal(one["item_id"], two["item_id"]).to_numpy()
    gaps = np.abs(np.diff(one["score"].to_numpy(), append=np.inf))
    assert (gaps[moved] < 1e-5).all(), "only near ties may change places"


@pytest.mark.parametrize(("named", "threads"), [(0, 1), (3, 3)])
def test_lists_take_the_threads_that_are_named_or_one_for_a_narrow_model(
    shop: SimpleNamespace, named: int, threads: int
) -> None:
    import torch

    from gru4rec.serving.recommend import Recommender
    from pipelines.serving.scoring import Rules

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    contexts = pa.record_batch({"user_id": [1, 1, 2], "item_id": [3, 4, 5]})
    try:
        rules = Rules(5, True, None, None, explain=False, threads=named)
        lists = rules.lists(Recommender.load(shop.checkpoint, "cpu"), [contexts])
        assert [(batch.num_rows, torch.get_num_threads()) for batch in lists] == [(10, threads)]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_older_nights_than_are_kept_leave_the_table(serve: SimpleNamespace, sentence: Callable) -> None:
    serve.run(FIRST)
    serve.run(LAST, keep_nights=1)
    with pytest.raises(table.NoNight, match="it holds 2026-01-08 alone"):
        table.night(serve.layout, FIRST)
    assert "2026-01-07 is older than the newest 1 night(s)" in sentence(serve.run(FIRST, keep_nights=1))


def test_without_a_champion_nothing_is_served(
    serve: SimpleNamespace, tmp_path: Path, fresh_mlflow: Callable[[Path], None]
) -> None:
    fresh_mlflow(tmp_path)
    serve.resources["mlflow"] = serve.store(tmp_path)
    result = serve.run()
    assert not result.success
    assert not serve.layout.recommendations.exists()


def test_the_champion_serves_and_a_newer_version_that_is_none_does_not(
    serve: SimpleNamespace, shop: SimpleNamespace
) -> None:
    tracking = shop.mlflow.open()
    champion = registry.aliased(tracking, registry.CHAMPION)
    assert champion is not None
    newer = tracking.client.create_model_version("gru4rec", champion.source, champion.run_id)
    tracking.client.set_registered_model_alias("gru4rec", registry.CHALLENGER, newer.version)
    serve.run()
    rows = table.latest(serve.layout).to_arrow(["model_version", "mlflow_run_id"])
    assert set(rows["model_version"].to_pylist()) == {shop.version}
    assert set(rows["mlflow_run_id"].to_pylist()) == {champion.run_id}


def test_a_night_that_stays_away_shows_as_stale(serve: SimpleNamespace) -> None:
    [spec] = recommendations.specs
    policy = spec.freshness_policy
    assert policy is not None
    assert policy.fail_window.to_timedelta() == timedelta(hours=36)

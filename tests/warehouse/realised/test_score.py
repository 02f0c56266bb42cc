"""Realised figures against a slow count from the lists as they were published and the events as they were delivered."""

import datetime as dt
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse import recommendations as table
from warehouse.realised.score import KS, RealisedConfig, score_day
from warehouse.tables import REALISED

LIMITS = table.AuditLimits(min_overlap=None, max_fallback_share=None, max_user_drop=None, max_score_shift=None)
FEW = RealisedConfig(replicates=20)


def lists_of(seed, users, n, *, text=False):
    """n distinct items of 200 for each user; a third of the users have popular items, the others contexts of 1..14."""
    generator = np.random.default_rng(seed)
    items = [item for _ in users for item in generator.permutation(200)[:n].tolist()]
    lengths = [0 if user % 3 == 0 else int(generator.integers(1, 15)) for user in users]
    name = str if text else int
    return pa.table(
        {
            "user_id": [name(user) for user in users for _ in range(n)],
            "rank": pa.array(list(range(1, n + 1)) * len(users), pa.int16()),
            "item_id": [name(item) for item in items],
            "score": pa.array(np.tile(np.linspace(3, 1, n), len(users)), pa.float32()),
            "probability": pa.array(np.tile(np.linspace(0.2, 0.1, n), len(users)), pa.float32()),
            "model": ["GRU4Rec" if length else "popularity" for length in lengths for _ in range(n)],
            "context_length": pa.array(np.repeat(lengths, n), pa.int16()),
        }
    ).sort_by([("user_id", "ascending"), ("rank", "ascending")])


def write_events(layout, day, rows, *, text=False):
    name = str if text else int
    times = [dt.datetime.combine(day, dt.time(hour % 24), dt.UTC) for _, _, hour in rows]
    path = layout.partition("events", day)
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {
        "user_id": pa.array([name(user) for user, _, _ in rows], pa.string() if text else pa.int64()),
        "item_id": pa.array([name(item) for _, item, _ in rows], pa.string() if text else pa.int64()),
        "timestamp": pa.array(times, pa.timestamp("us", tz="UTC")),
    }
    pq.write_table(pa.table(columns), path)


def bucket(length):
    return "11+" if length >= 11 else "6-10" if length >= 6 else "3-5" if length >= 3 else str(length)


def slowly(layout, day, night, catalogue):
    """{(lists, by, group, k): (users, hit, recall, mrr, coverage)} from the published rows and the events, by hand."""
    lists, about, met, counts = defaultdict(dict), {}, defaultdict(set), defaultdict(int)
    for row in table.night(layout, night).to_arrow().to_pylist():
        lists[row["user_id"]][row["item_id"]] = row["rank"]
        kind = "fallback" if row["model"] == "popularity" else "model"
        about[row["user_id"]] = {
            "all": "all", "kind": kind, "model_version": str(row["model_version"]),
            "context_length": bucket(row["context_length"]),
        }  # fmt: skip
    for one in layout.days("events"):
        for row in pq.read_table(layout.partition("events", one)).to_pylist():
            if one == day and row["timestamp"].date() == day:
                met[row["user_id"]].add(row["item_id"])
            if row["timestamp"].date() <= night:
                counts[row["item_id"]] += 1
    longest = max(rank for ranks in lists.values() for rank in ranks.values())
    best = sorted(counts, key=lambda item: (-counts[item], item))[: min(100, longest)]
    popular = {item: rank for rank, item in enumerate(best, start=1)}
    figures, shown = defaultdict(list), defaultdict(set)
    for user in met.keys() & lists.keys():
        for by, group in about[user].items():
            for k in KS:
                for name, ranks in (("published", lists[user]), ("popular", popular)):
                    hits = [ranks[item] for item in met[user] if ranks.get(item, k + 1) <= k]
                    figures[name, by, group, k].append(
                        (bool(hits), len(hits) / len(met[user]), 1 / min(hits) if hits else 0)
                    )
                    shown[name, by, group, k] |= {item for item, rank in ranks.items() if rank <= k}
    return {key: (len(of), *np.mean(of, axis=0), len(shown[key]) / catalogue) for key, of in figures.items()}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**31),
    n=st.sampled_from([3, 12, 100]),
    text=st.booleans(),
    events=st.lists(st.tuples(st.integers(0, 45), st.integers(0, 199), st.integers(0, 23)), max_size=300),
    before=st.lists(st.tuples(st.integers(0, 45), st.integers(0, 199), st.integers(0, 23)), min_size=1, max_size=150),
)
def test_the_figures_are_those_of_a_slow_count(engine, tmp_path_factory, seed, n, text, events, before):
    from warehouse.layout import Layout

    layout, night = Layout(tmp_path_factory.mktemp("data")), dt.date(2026, 1, 10)
    day = night + dt.timedelta(days=1)
    write_events(layout, night, before, text=text)
    write_events(layout, day, events, text=text)
    pq.write_table(pa.table({"item_id": list(range(250))}), (layout.root / "items.parquet"))
    layout.partition("items", night).parent.mkdir()
    (layout.root / "items.parquet").rename(layout.partition("items", night))
    lists = lists_of(seed, range(1, 31), n, text=text)
    expected = table.Expected(n=n, users=30)
    table.publish(layout, night, lists.to_batches(), table.NightFacts(7, "run"), expected, LIMITS)
    found = score_day(engine, layout, day, FEW)
    assert found.equals(pq.read_table(layout.partition("realised", day)))
    rows = found.to_pylist()
    wanted = slowly(layout, day, night, 250)
    assert {(r["lists"], r["by"], r["group"], r["k"]) for r in rows} == set(wanted)
    for row in rows:
        figures = wanted[row["lists"], row["by"], row["group"], row["k"]]
        named = (row["users"], row["hit"], row["recall"], row["mrr"], row["coverage"])
        assert named == pytest.approx(figures, rel=1e-12), row
        assert row["came"] == len({user for user, _, _ in events})
        assert row["list_date"] == night


@pytest.fixture
def scored(layout, engine):
    """Two nights of lists and the events of the day after the first."""

    def run(**config):
        return score_day(engine, layout, dt.date(2026, 1, 11), RealisedConfig(**config))

    for day in (10, 12):
        lists = lists_of(day, range(200), 20)
        facts, expected = table.NightFacts(day, "run"), table.Expected(n=20, users=200)
        table.publish(layout, dt.date(2026, 1, day), lists.to_batches(), facts, expected, LIMITS)
    generator = np.random.default_rng(0)
    rows = [tuple(row) for row in generator.integers(0, [200, 200, 24], (3000, 3)).tolist()]
    write_events(layout, dt.date(2026, 1, 10), rows[:1000])
    write_events(layout, dt.date(2026, 1, 11), rows[1000:])
    return run


def test_a_seed_gives_the_same_intervals_and_they_are_as_wide_as_theory_says(scored):
    one, same, other = scored(seed=1), scored(seed=1), scored(seed=2)
    assert one.equals(same)
    assert not one.equals(other)
    assert one.schema == REALISED.schema()
    [row] = [r for r in one.to_pylist() if (r["lists"], r["by"], r["k"]) == ("published", "all", 20)]
    assert row["hit_low"] < row["hit"] < row["hit_high"]
    half = 1.96 * (row["hit"] * (1 - row["hit"]) / row["users"]) ** 0.5  # of a share of so many users
    assert (row["hit_high"] - row["hit_low"]) / 2 == pytest.approx(half, rel=0.3)


def test_groups_add_up_to_all_and_lists_of_later_nights_do_not_count(scored):
    rows = [r for r in scored().to_pylist() if r["lists"] == "published" and r["k"] == 20]
    assert {row["group"] for row in rows if row["by"] == "model_version"} == {"10"}
    [whole] = [row for row in rows if row["by"] == "all"]
    for by in ("kind", "context_length"):
        parts = [row for row in rows if row["by"] == by]
        assert sum(row["users"] for row in parts) == whole["users"]
        assert sum(row["users"] * row["recall"] for row in parts) == pytest.approx(whole["users"] * whole["recall"])
    assert whole["coverage"] is None, "there is no items table"


def test_damaged_items_leave_the_coverage_open_with_a_warning(scored, layout, caplog):
    items = layout.partition("items", dt.date(2026, 1, 2))
    items.parent.mkdir()
    items.write_bytes(b"no parquet")
    assert {row["coverage"] for row in scored().to_pylist()} == {None}
    assert f"{items} cannot be read, so the coverage of the lists is not known" in caplog.text


def test_an_event_of_another_day_that_arrived_today_does_not_count(scored, layout):
    before = scored().to_pylist()
    path = layout.partition("events", "2026-01-11")
    late = pq.read_table(path)
    moved = late.set_column(
        2, "timestamp", pa.array([dt.datetime(2026, 1, 10, tzinfo=dt.UTC)] * len(late), late.schema[2].type)
    )
    pq.write_table(pa.concat_tables([late, moved]), path)
    assert scored().to_pylist() == before


def test_nobody_who_came_had_a_list_is_a_table_without_rows(engine, layout, scored):
    write_events(layout, dt.date(2026, 1, 11), [(999, 1, 3)])
    assert scored().num_rows == 0


def test_a_day_without_events_is_one_sentence(engine, layout, scored):
    with pytest.raises(FileNotFoundError, match="the events of 2026-01-13 are missing"):
        score_day(engine, layout, "2026-01-13")
    with pytest.raises(ValueError, match="replicates is 0"):
        RealisedConfig(replicates=0)

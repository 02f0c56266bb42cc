"""The SQL against thirty lines of plain Python, on random logs full of ties, duplicates, midnights and exact gaps."""

import random
import tempfile
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.spark import SMALL
from warehouse.config import SessionsConfig
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.engine.errors import DataError
from warehouse.engine.spark.spark_engine import SparkEngine
from warehouse.layout import Layout
from warehouse.steps.events.ingest import ingest_day
from warehouse.steps.sessions.build import build_sessions

FIRST, LAST = date(2024, 2, 28), date(2024, 3, 1)  # over a leap day
START = datetime(2024, 2, 28, tzinfo=UTC)
SPAN = 3 * 86_400_000_000
# Steps of a minute make ties and gaps of exactly thirty minutes; the odd microsecond falls just beside them.
TIMES = st.builds(
    lambda minute, micro: START + timedelta(microseconds=min(max(minute * 60_000_000 + micro, 0), SPAN - 1)),
    st.one_of(st.integers(0, 100), st.integers(1400, 1480), st.integers(0, 4319)),
    st.sampled_from([0, 0, 0, -1, 1]),
)
USERS = {"int64": [1, 2, -5], "string": ["a", "ä", "日本"]}
ITEMS = {"int64": [3, 1, 2, 10], "string": ["x", "é", "X", "zz"]}


def sessionise(events, gap=timedelta(minutes=30), repeats="drop", given=False, start=None, min_length=1, min_support=1):
    """events: (user, item, time[, session]) -> sorted rows (user, session_start, item, time)."""
    streams = defaultdict(set)
    for user, item, time, *session in events:
        if not given or session[0] is not None:
            streams[(user, session[0]) if given else (user,)].add((time, item))
    clicks = []
    for (user, *_), stream in streams.items():
        began = before = None
        for time, item in sorted(stream):
            if before is None or (not given and time - before[0] > gap):
                began = time
            elif item == before[1] and (repeats == "drop" or time == before[0]):
                before = (time, item)
                continue
            before = (time, item)
            clicks.append((user, began, item, time))
    clicks = [click for click in clicks if start is None or click[1] >= start]
    while True:
        support, lengths = defaultdict(int), defaultdict(int)
        for user, began, item, _ in clicks:
            support[item] += 1
            lengths[user, began] += 1
        kept = [c for c in clicks if lengths[c[0], c[1]] >= min_length]
        if len(kept) == len(clicks):
            kept = [c for c in clicks if support[c[2]] >= min_support]
        if len(kept) == len(clicks):
            return sorted(clicks, key=lambda c: (c[0], c[1], c[3], c[2]))
        clicks = kept


def event(kind):
    return st.tuples(st.sampled_from(USERS[kind]), st.sampled_from(ITEMS[kind]), TIMES, st.sampled_from([7, 8, None]))


def logs(kind, max_size=60):
    """Small logs, for finding a small counterexample."""
    return st.lists(event(kind), min_size=1, max_size=max_size)


def crowds(kind):
    """Logs of a hundred users each: as good as a hundred small logs, in one run."""

    def crowd(seed):
        rng = random.Random(seed)
        near = [0, 0, 0, 0, -1, 1]
        events = []
        for user in range(100):
            base = rng.choice([0, 1400, rng.randint(0, 4200)])
            for _ in range(rng.randint(1, 12)):
                micros = (base + rng.randint(0, 90)) * 60_000_000 + rng.choice(near)
                time = START + timedelta(microseconds=min(max(micros, 0), SPAN - 1))
                name = user if kind == "int64" else f"{user}ü"
                events.append((name, rng.choice(ITEMS[kind]), time, rng.choice([7, 8, None])))
        rng.shuffle(events)
        return events

    return st.builds(crowd, st.integers(0, 2**32))


def deliver(layout, events, days=None):
    """Write the events as raw files: each on its own day, or with `days`, on the day given for it."""
    folders = {}
    for event, day in zip(events, days or [event[2].date() for event in events], strict=True):
        folders.setdefault(day, []).append(event)
    for day, rows in folders.items():
        path = layout.raw_events(day) / "part.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        session = pa.array([row[3] for row in rows], pa.int64())
        users, items = [row[0] for row in rows], [row[1] for row in rows]
        times = pa.array([row[2] for row in rows], pa.timestamp("us", "UTC"))
        pq.write_table(pa.table({"user_id": users, "item_id": items, "timestamp": times, "session_id": session}), path)
    return sorted(folders)


def run(events, days=None, threads=1, url="", **config):
    """The sessions' rows and the files' bytes; with a url, on Spark."""
    with tempfile.TemporaryDirectory() as folder:
        layout, engine = Layout(Path(folder)), DuckDBEngine(memory_limit="500MB", threads=threads)
        if url:
            engine = SparkEngine(url, layout.scratch, SMALL | {"spark.sql.shuffle.partitions": "2"})
        for day in deliver(layout, events, days):
            ingest_day(engine, layout, day)
        if not layout.files("events", LAST):
            some = pq.read_table(layout.files("events", layout.days("events")[0]))
            pq.write_table(some, layout.partition("events", LAST))
        loose = {"window_days": 3, "min_session_length": 1, "min_item_support": 1}
        try:
            build_sessions(engine, layout, LAST, SessionsConfig(**{**loose, **config}))
        except DataError:  # nothing passed the filters: the reference must have found nothing either
            return [], b""
        files = layout.files("sessions", LAST)
        rows = [tuple(row.values()) for row in pq.read_table(files).to_pylist()]
        return rows, b"".join(file.read_bytes() for file in files)


def distinct_starts(events):
    """Without given sessions of one user that start together: they merge by definition, and have their own test."""
    starts = {}
    for user, _, time, session in events:
        if session is not None:
            starts[user, session] = min(starts.get((user, session), time), time)
    together = {name for name in starts if sum((name[0], starts[name]) == (u, t) for (u, _), t in starts.items()) > 1}
    return [event for event in events if (event[0], event[3]) not in together]


def check(events, choices, run=run):
    """One log through every kind of sessions; `choices` is a Random for the rest."""
    repeats = choices.choice(["drop", "keep"])
    assert run(events, repeats=repeats)[0] == sessionise(events, repeats=repeats)
    apart = distinct_starts(events)
    if any(event[3] is not None for event in apart):
        assert run(apart, sessions="given", repeats=repeats)[0] == sessionise(apart, given=True, repeats=repeats)
    length, support = choices.randint(1, 3), choices.randint(1, max(2, len(events) // 4))
    rows, _ = run(events, min_session_length=length, min_item_support=support)
    assert rows == sessionise(events, min_length=length, min_support=support)
    window = datetime(2024, 2, 29, tzinfo=UTC)
    assert run(events, window_days=2)[0] == sessionise(events, start=window)


def check_delivery(events, choices):
    """Each event on its own day, all on the last day, each on any later day, some of them twice: the same bytes."""
    late = [event[2].date() + timedelta(days=choices.randint(0, (LAST - event[2].date()).days)) for event in events]
    twice = events + choices.sample(events, len(events) // 2)
    again = [event[2].date() for event in events] + [LAST] * (len(events) // 2)
    expected, once = run(events, [LAST] * len(events))
    assert expected == sessionise(events)
    assert run(events)[1] == run(events, late)[1] == run(twice, again)[1] == once


one = settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
few = settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
many = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
randoms = st.integers(0, 2**32).map(random.Random)


@pytest.mark.parametrize("kind", ["int64", pytest.param("string", marks=pytest.mark.slow)])
@few
@given(data=st.data())
def test_sessions_agree_with_the_reference(kind, data):
    check(data.draw(crowds(kind)), data.draw(randoms))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["int64", "string"])
@many
@given(data=st.data())
def test_sessions_agree_with_the_reference_on_small_logs(kind, data):
    check(data.draw(logs(kind)), data.draw(randoms))


@pytest.mark.spark
@one
@given(crowds("string"), randoms)
def test_sessions_of_text_ids_agree_with_the_reference_on_two_executors_of_spark(events, choices):
    check(events, choices, partial(run, url="local-cluster[2,1,2048]"))


@few
@given(crowds("string"), randoms)
def test_day_by_day_is_the_same_as_all_at_once(events, choices):
    check_delivery(events, choices)


@pytest.mark.slow
@many
@given(logs("int64"), randoms)
def test_day_by_day_is_the_same_as_all_at_once_on_small_logs(events, choices):
    check_delivery(events, choices)


def test_the_bytes_are_the_same_for_any_thread_count_and_row_order():
    rng = random.Random(5)
    users = [rng.randint(1, 60) for _ in range(3000)]
    events = [(u, rng.randint(1, 30), START + timedelta(seconds=rng.randint(0, 259_199)), None) for u in users]
    shuffled = rng.sample(events, len(events))
    config = {"min_session_length": 2, "min_item_support": 3}
    first = run(events, threads=1, **config)[1]
    assert first
    assert first == run(shuffled, threads=2, **config)[1] == run(shuffled, threads=4, **config)[1]

"""The one place that opens DuckDB: its settings are judged, its connections keep them."""

import signal
import threading
from pathlib import Path

import pytest

import warehouse
from warehouse.engine.duckdb_engine import DuckDBEngine

PACKAGE = Path(warehouse.__file__).parent


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"memory_limit": "much"}, "memory_limit is 'much'"),
        ({"threads": 0}, "threads is 0"),
        ({"memory_limit": "1GB; DROP"}, "write it like 2GB"),
    ],
)
def test_an_engine_with_wrong_settings_is_refused(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        DuckDBEngine(**wrong)


def test_the_spill_folder_is_made_when_its_parents_are_missing(tmp_path):
    with DuckDBEngine(temp_directory=tmp_path / "not" / "there").open() as db:
        assert db.rows("SELECT current_setting('TimeZone')") == [("UTC",)]


def test_a_connection_keeps_the_engines_limits_and_speaks_utc(tmp_path):
    engine = DuckDBEngine(memory_limit="100MiB", threads=1, temp_directory=tmp_path)
    query = "SELECT current_setting('memory_limit'), current_setting('threads'), current_setting('TimeZone')"
    with engine.connect() as connection:
        assert connection.sql(query).fetchall() == [("100.0 MiB", 1, "UTC")]
    with engine.open() as db:
        assert db.rows(query) == [("100.0 MiB", 1, "UTC")]


def test_a_plain_connection_spills_below_the_engines_folder_and_leaves_nothing(tmp_path):
    engine = DuckDBEngine(memory_limit="60MB", threads=1, temp_directory=tmp_path)
    with engine.connect() as connection:
        connection.execute("CREATE TEMP TABLE t AS SELECT hash(range) AS h, hash(range + 1) AS g FROM range(5000000)")
        assert [path for path in tmp_path.rglob("*") if path.is_file()], "it spilled here"
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_duckdb_is_opened_in_one_place():
    places = [path.name for path in PACKAGE.rglob("*.py") if "duckdb.connect(" in path.read_text(encoding="utf-8")]
    assert places == ["duckdb_engine.py"]


def test_a_signal_ends_a_statement_as_an_interruption(tmp_path):
    """DuckDB hears it, and makes a RuntimeError of what the handler raises."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    main = threading.main_thread().ident
    late = threading.Timer(0.2, lambda: signal.pthread_kill(main, signal.SIGINT))
    try:
        with DuckDBEngine(threads=1, temp_directory=tmp_path).open() as db:
            late.start()
            with pytest.raises(KeyboardInterrupt):
                db.rows("SELECT count(*) FROM range(300000) a, range(300000) b WHERE (a.range * b.range) % 7 = 3")
            assert db.rows("SELECT 1") == [(1,)]
    finally:
        late.cancel()
        signal.signal(signal.SIGINT, before)

"""Statements: values go in as values, nothing else does; every file is in the portable subset and in use."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import warehouse
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.engine.statements import Columns, SqlType, identifier, literal, statement

CONNECTION = duckdb.connect()
PACKAGE = Path(warehouse.__file__).parent
FILES = sorted(PACKAGE.rglob("*.sql"))
NOT_PORTABLE = re.compile(
    r"::|//|\bEXCLUDE\b|\bREPLACE\b|\bunnest\b|\bASOF\b|\bepoch_\w+|\barray_agg\b|\blist\(|\bGLOB\b|\bILIKE\b|\bread_\w+\(",
    re.IGNORECASE,
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_statement_is_portable_and_used(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("-- "), "a statement opens by saying what it is"
    assert not NOT_PORTABLE.search(re.sub("--.*", "", text))
    code = "\n".join(source.read_text(encoding="utf-8") for source in PACKAGE.rglob("*.py"))
    assert re.search(rf"[\"']{path.stem}[\"']", code), "nothing runs this statement"


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=20).filter(lambda text: "\0" not in text))
def test_any_text_comes_back_as_it_went_in(text):
    (row,) = CONNECTION.execute(f"SELECT {literal(text)} AS {identifier(text or 'x')}").fetchall()
    assert row == (text,)


def test_values_of_every_kind(tmp_path):
    moment = datetime(2024, 3, 1, 10, 0, 0, 5, UTC)
    values = [True, 3, -1.5, date(2024, 3, 1), None, "it's; DROP TABLE x --"]
    with DuckDBEngine(temp_directory=tmp_path).open() as db:
        assert db.rows(f"SELECT {', '.join(map(literal, values))}") == [tuple(values)]
        assert db.rows(f"SELECT CAST({literal(moment)} AS TIMESTAMPTZ)") == [(moment,)]
        assert db.rows(f"SELECT 'a' IN {literal(('a', 'b'))}, coalesce('a' IN {literal(())}, false)") == [(True, False)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "a\0b"])
def test_values_that_cannot_be_written_are_refused(value):
    with pytest.raises(ValueError):
        literal(value)


def test_only_our_own_columns_go_in_bare():
    assert str(Columns(("user_id", "item_id"), "NULLS LAST")) == "user_id NULLS LAST, item_id NULLS LAST"
    assert literal(SqlType.INT64) == "BIGINT"
    with pytest.raises(ValueError, match="is not the name of one of our columns"):
        literal(Columns(("user_id; DROP",)))
    with pytest.raises(TypeError):
        literal(object())


def test_a_value_too_few_or_too_many_is_an_error():
    with pytest.raises(KeyError):
        statement("events_count")
    with pytest.raises(KeyError, match="no placeholder other"):
        statement("events_count", first=1, other=2)


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


def test_config_and_tables_import_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys, warehouse.config, warehouse.layout, warehouse.tables, warehouse.engine.duckdb_engine\n"
        "import warehouse.steps.sessions.build\n"
        "print([name for name in ('duckdb', 'pyarrow', 'deltalake', 'numpy', 'torch') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"

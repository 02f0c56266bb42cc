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
from warehouse.engine.statements import ColumnList, SqlType, identifier, literal, statement

CONNECTION = duckdb.connect()
PACKAGE = Path(warehouse.__file__).parent
FILES = sorted(PACKAGE.rglob("*.sql"))
NOT_PORTABLE = re.compile(
    r"::|//|\bEXCLUDE\b|\bREPLACE\b|\bunnest\b|\bASOF\b|\bepoch_\w+|\barray_agg\b|\blist\(|\bGLOB\b|\bILIKE\b|\bread_\w+\(",
    re.IGNORECASE,
)


def test_a_statement_is_found_by_its_name_alone():
    assert len({path.stem for path in FILES}) == len(FILES)


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
    assert str(ColumnList(("user_id", "item_id"), "NULLS LAST")) == "user_id NULLS LAST, item_id NULLS LAST"
    assert literal(SqlType.INT64) == "BIGINT"
    with pytest.raises(ValueError, match="is not the name of one of our columns"):
        literal(ColumnList(("user_id; DROP",)))
    with pytest.raises(TypeError):
        literal(object())


def test_a_value_too_few_or_too_many_is_an_error():
    with pytest.raises(KeyError):
        statement("events_count")
    with pytest.raises(KeyError, match="no placeholder other"):
        statement("events_count", first=1, other=2)

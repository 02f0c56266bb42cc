"""A predicate that somebody outside wrote: one true-or-false expression over the columns of a table, nothing more.

It becomes part of a statement, so DuckDB's own parser judges that statement first: whatever is not one plain expression
over the row's own columns is refused. No query inside it, no window, no function that does more than compute.
"""

import json
from functools import cache
from typing import Any

from warehouse.engine.duckdb_engine import fileless_connection

CHOSEN = "chosen"  # the column that says whether a row satisfies the predicate
_CLASSES = {
    "BETWEEN",
    "CASE",
    "CAST",
    "COLLATE",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "FUNCTION",
    "LAMBDA",
    "OPERATOR",
    "TYPE",
}
# Scalar functions that look at the engine instead of at the row.
_ABOUT_THE_ENGINE = {"current_setting", "getvariable", "json_serialize_plan", "txid_current"}
_LONGEST = 20_000  # characters; a longer list of ids belongs into a file


def predicate_statement(table: str, key: str, predicate: str) -> str:
    """The statement that gives `key` and `chosen` for every row of a table.

    Args:
        table: the name of a view.
        key: a column of it.
        predicate: SQL from outside, such as in_stock AND year > 1990.

    Raises:
        ValueError: the predicate is not one expression over the columns; the message says why, without a full stop.
    """
    if not predicate.strip():
        raise ValueError("it is blank")
    if "\0" in predicate:
        raise ValueError("it holds a NUL character")
    if len(predicate) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST:,} characters")
    statement = _around(table, key, predicate)
    skeleton, expression = _parsed(statement, end=statement.index("\n", len(_before(key)) + len(predicate)))
    if skeleton != _parsed(_around(table, key, "true"))[0]:
        raise ValueError("it is more than one expression")
    _judge(expression)
    return statement


def judge_predicate(predicate: str) -> None:
    """Raise what `predicate_statement` would raise, whatever the table."""
    predicate_statement("judged", "key", predicate)


def _before(key: str) -> str:
    return f"SELECT {key}, "


def _around(table: str, key: str, predicate: str) -> str:
    return f"{_before(key)}{predicate}\n AS {CHOSEN} FROM {table}"


def _parsed(statement: str, end: int = 0) -> tuple[Any, list[dict[str, Any]]]:
    """The statement without its second column, and every node of that column; end: where the predicate ends."""
    with fileless_connection() as connection:
        [(text,)] = connection.execute("SELECT json_serialize_sql(?)", [statement]).fetchall()
    nodes: list[dict[str, Any]] = []
    try:
        tree = json.loads(text, object_hook=lambda found: _placeless(found, nodes))
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if tree["error"]:
        raise ValueError(_parser_said(tree, end))
    columns = tree["statements"][0]["node"].get("select_list", [])
    if len(tree["statements"]) != 1 or len(columns) != 2:
        raise ValueError("it is more than one expression")
    del columns[1]
    return tree, nodes


def _placeless(found: dict[str, Any], nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """A node without its place in the text, noted in `nodes` where it is part of an expression."""
    node = {name: value for name, value in found.items() if not name.startswith("query_location")}
    if "class" in node:
        nodes.append(node)
    return node


def _parser_said(tree: dict[str, Any], end: int) -> str:
    message = str(tree["error_message"]).splitlines()[0]
    if "Only SELECT statements" in message:
        return "it is more than one expression"
    return "it stops before its end" if int(tree.get("position", -1)) >= end else message


def _judge(nodes: list[dict[str, Any]]) -> None:
    """ValueError for a node that is more than an expression over the row."""
    for node in nodes:
        if node["class"] == "SUBQUERY":
            raise ValueError("it has a query inside")
        if node["class"] not in _CLASSES:
            raise ValueError(f"it has a {node['class'].lower()} inside")
        if node["class"] == "FUNCTION" and node["function_name"].lower() not in _functions():
            raise ValueError(f"there is no function {node['function_name']} that may stand in it")


@cache
def _functions() -> frozenset[str]:
    """DuckDB's functions that compute a value from their arguments, and from the clock; none that does anything."""
    query = """
        SELECT lower(function_name) FROM duckdb_functions() WHERE function_type IN ('scalar', 'macro')
        GROUP BY ALL HAVING bool_and(stability IS DISTINCT FROM 'VOLATILE' AND NOT starts_with(function_name, 'pg_'))
    """
    with fileless_connection() as connection:
        return frozenset(name for (name,) in connection.execute(query).fetchall()) - _ABOUT_THE_ENGINE

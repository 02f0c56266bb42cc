"""Every table describes its columns, and its Arrow schema follows from the description."""

import pyarrow as pa

from warehouse.tables import EVENTS, RECOMMENDATIONS, REJECTED_EVENTS, SESSIONS, STAGED_NIGHT, TABLES, columns_markdown


def test_every_table_describes_its_columns():
    for name, table in TABLES.items():
        text = columns_markdown(name)
        assert all(f"| {column.name}" in text for column in table.columns)
        assert set(table.key) <= set(table.names)


def test_a_schema_follows_from_the_description():
    assert RECOMMENDATIONS.schema(user_id="string").field("user_id").type == pa.string()
    assert RECOMMENDATIONS.schema(item_id=pa.string()).field("item_id").type == pa.string()
    assert SESSIONS.schema().field("timestamp").type == pa.timestamp("us", tz="UTC")
    assert SESSIONS.schema().names == list(SESSIONS.required)
    assert EVENTS.schema(optional=("dwell",)).names == ["user_id", "item_id", "timestamp", "dwell"]


def test_a_rejected_row_keeps_its_ids_as_text():
    assert REJECTED_EVENTS.schema(user_id="int64").field("user_id").type == pa.string()


def test_a_staged_night_has_columns_of_the_table_and_no_nulls():
    staged, table = STAGED_NIGHT.schema(nullable=False), RECOMMENDATIONS.schema()
    assert all(field.with_nullable(True) == table.field(field.name) for field in staged)
    assert not any(field.nullable for field in staged)

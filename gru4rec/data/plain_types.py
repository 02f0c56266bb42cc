"""Plain Arrow columns: text is `string` and no column is a dictionary, whichever library or file it comes from."""

import pyarrow as pa


def plain(table: pa.Table) -> pa.Table:
    """The table with plain column types, without what a library noted about it."""
    columns = [_decoded(column) if pa.types.is_dictionary(column.type) else column for column in table.columns]
    fields = [pa.field(field.name, plain_type(field.type)) for field in table.schema]
    return pa.Table.from_arrays(columns, names=table.column_names).cast(pa.schema(fields))


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A dictionary column's values, which become plain first because Arrow cannot take from string views."""
    type_ = plain_type(column.type.value_type)
    return pa.chunked_array([part.dictionary.cast(type_).take(part.indices) for part in column.chunks], type_)


def plain_type(type_: pa.DataType) -> pa.DataType:
    """What a column's type becomes in a plain table."""
    if pa.types.is_dictionary(type_):
        return plain_type(type_.value_type)
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return pa.string()
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return pa.list_(plain_type(type_.value_type))
    return type_

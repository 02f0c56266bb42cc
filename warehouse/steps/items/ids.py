"""Item ids of a raw catalogue, of any type that the raw events may have too, as int64 or as text; titles as text.

Nothing is rounded and no two ids become one; what cannot be kept so is refused. A NaN is a missing id.
"""

from typing import TYPE_CHECKING
from uuid import UUID

from warehouse.engine.parquet_files import TEXTS, kind, plain_type
from warehouse.sentences import shown

if TYPE_CHECKING:
    import pyarrow as pa

_EXACT = {"halffloat": 2**11, "float": 2**24, "double": 2**53}  # up to where each tells neighbouring numbers apart


def item_ids(column: "pa.ChunkedArray", kept_as: str) -> "pa.ChunkedArray":
    """A column of ids as int64 or string.

    Args:
        column: of a kind among NUMBERS and TEXTS of `parquet_files`.
        kept_as: int64 or string.

    Raises:
        ValueError: an id is no whole number, or none that is exact, where it has to be; or it is no text. Arrow's own
            error is one.
    """
    import pyarrow as pa

    found = kind(column.type)
    plain = pa.chunked_array([_plain(chunk) for chunk in column.chunks] or [pa.array([], plain_type(column.type))])
    if found == "uuid":
        values = [None if value is None else str(UUID(bytes=value)) for value in plain.to_pylist()]
        return pa.chunked_array([pa.array(values, pa.string())]).cast(pa.type_for_alias(kept_as))
    if found == "bytes":
        plain = plain.cast(pa.binary()).cast(pa.string())
    if found == "decimal":
        plain = plain.cast(pa.decimal128(38, 0))
    if found == "float":
        plain = _whole(plain)
    kept = plain.cast(pa.type_for_alias(kept_as))
    if kept_as == "int64" and found in TEXTS:
        _require_same(plain, kept)
    return kept


def titles(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """A column of titles as text; numbers of whole values without a fraction, and a NaN is none.

    Raises:
        ValueError: it holds lists and the like, or what is not UTF-8. Arrow's own error is one.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = kind(column.type)
    if pa.types.is_nested(plain_type(column.type)):
        raise ValueError(f"it is {column.type}")
    plain = pa.chunked_array([_plain(chunk) for chunk in column.chunks] or [pa.array([], plain_type(column.type))])
    if found == "float":
        known = plain.cast(pa.float64())
        plain = pc.if_else(pc.is_nan(known), pa.scalar(None, pa.float64()), known)
    if found in ("float", "decimal"):
        return pa.chunked_array([pc.replace_substring_regex(plain.cast(pa.string()), r"\.0*$", "")])
    return plain.cast(pa.string())


def _require_same(texts: "pa.ChunkedArray", numbers: "pa.ChunkedArray") -> None:
    """ValueError where a text is not how its number is written (007, +7): two ids would become one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = texts.cast(pa.string())
    if other := texts.filter(pc.not_equal(texts, numbers.cast(pa.string()))).to_pylist():
        raise ValueError(f"{shown(other[0])} is not how a whole number is written")


def beyond_int64(column: "pa.ChunkedArray") -> bool:
    """Whether some id is a whole number that int64 cannot hold."""
    import pyarrow as pa

    if str(column.type) != "uint64" and kind(column.type) != "decimal":
        return False
    try:
        item_ids(column, "int64")
    except pa.ArrowInvalid:
        return True
    return False


def _plain(chunk: "pa.Array") -> "pa.Array":
    """The values of a dictionary or an extension."""
    import pyarrow as pa

    if pa.types.is_dictionary(chunk.type):
        return _plain(chunk.dictionary_decode())
    if isinstance(chunk.type, pa.BaseExtensionType):
        return _plain(chunk.storage)
    return chunk


def _whole(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Floats as the whole numbers that they are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    limit = _EXACT[str(column.type)]
    known = column.cast(pa.float64())
    known = pc.if_else(pc.is_nan(known), pa.scalar(None, pa.float64()), known)
    if pc.any(pc.greater_equal(pc.abs(known), float(limit))).as_py():
        raise ValueError(
            f"a {column.type} of {limit} or more may have been rounded: write ids as whole numbers or text"
        )
    return known.cast(pa.int64())

"""Ids from any column: whole numbers become int64, text and what has no type of its own becomes text.

Every way into the library reads ids here, so the same ids come out alike whichever tool wrote them. Nothing is rounded,
nothing becomes null and no two ids become one; what cannot be kept so is refused.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

T = TypeVar("T")
EXACT = {16: 2**11, 32: 2**24, 64: 2**53}  # bits of a float -> up to where it tells neighbouring whole numbers apart


def as_ids(values: Any, like: pa.DataType | None = None, what: str = "item ids") -> pa.Array:
    """Values as one Arrow array of int64 or string.

    Integers, and floats and decimals of whole values, become int64; where one of the column does not fit into 64 bits
    with a sign, all become text. Text stays text, digits too. Categories are read as their values, UUIDs and bytes
    as text.

    Args:
        values: an Arrow array, chunked array, numpy array or list.
        like: what wanted ids are: int64 or string. Whole numbers that Arrow keeps as uint64 or decimal become text
            where that is string, and an array without values is of this type.
        what: how a sentence about a fault calls them.

    Raises:
        ValueError: there are nulls, the values are of mixed type, a number is not whole or too large to be exact, a
            number does not fit into the int64 that `like` asks for, or they can be no ids (times, lists, ...).
    """
    column = decoded(_as_arrow(values, what))
    if len(column) == 0 and (like is not None or pa.types.is_null(column.type)):
        return pa.array([], type=like or pa.int64())
    if column.null_count:
        raise ValueError(f"{column.null_count} of {len(column)} {what} are null; drop those rows first")
    kind = column.type
    if pa.types.is_uint64(kind) or pa.types.is_decimal(kind):
        return _whole_numbers(column, like, what)
    if pa.types.is_integer(kind):
        return column.cast(pa.int64())
    if pa.types.is_floating(kind):
        return _whole_floats(column, what)
    if _is_text(kind):
        return column.cast(pa.string())
    if _is_bytes(kind):
        return _text_of_bytes(column, what)
    raise ValueError(f"{what} are {kind}; use integers or strings")


def as_keys(values: Any) -> pa.Array:
    """A column that names sessions: ids as in `as_ids`; a time may name one too and stays as it is."""
    column = decoded(_as_arrow(values, "session ids"))
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return column
    return as_ids(column, what="session ids")


def in_column(name: str, read: Callable[[Any], T], column: Any) -> T:
    """What `read` makes of a column; the sentence of a ValueError that it raises begins with the column's name."""
    try:
        return read(column)
    except ValueError as error:
        raise ValueError(f"column {name}: {error}") from error


def decoded(column: pa.Array) -> pa.Array:
    """The plain values of a dictionary, of runs or of an extension type; a UUID's are text."""
    kind = column.type
    if isinstance(kind, pa.UuidType):
        return _uuids(column.storage)
    if isinstance(kind, pa.Bool8Type):  # kept as numbers, which it is none
        return column.storage.cast(pa.bool_())
    if isinstance(kind, pa.BaseExtensionType):
        return decoded(column.storage)
    if pa.types.is_dictionary(kind):
        return decoded(column.dictionary).take(column.indices)
    if pa.types.is_run_end_encoded(kind):
        return decoded(pc.run_end_decode(column))
    if pa.types.is_string_view(kind):  # of which Arrow cannot take
        return column.cast(pa.string())
    if pa.types.is_binary_view(kind):
        return column.cast(pa.binary())
    return column


def _whole_numbers(column: pa.Array, like: pa.DataType | None, what: str) -> pa.Array:
    """Whole numbers of a type that int64 may be too small for."""
    if pa.types.is_decimal(column.type):
        try:
            column = column.cast(pa.decimal256(76, 0))
        except pa.ArrowInvalid as error:
            raise ValueError(f"{what} are {column.type}; use integers or strings ({error})") from error
    if like is None or pa.types.is_integer(like):
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid as error:
            if like is not None:
                raise ValueError(
                    f"{what} are 64-bit integers with a sign here, and {pc.max(pc.abs(column))} does not fit into them"
                ) from error
    return column.cast(pa.string())


def _whole_floats(column: pa.Array, what: str) -> pa.Array:
    exact = EXACT[column.type.bit_width]
    x = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    missing = int(np.isnan(x).sum())
    if missing:
        raise ValueError(f"{missing} of {len(x)} {what} are missing (NaN); drop those rows first")
    broken = x[(np.trunc(x) != x) | np.isinf(x)]
    if len(broken):
        raise ValueError(f"{what} are {column.type}; use integers or strings ({broken[0]} is no whole number)")
    large = x[np.abs(x) >= exact]
    if len(large):
        raise ValueError(
            f"{what} are {column.type}, which cannot tell {large[0]:.0f} from its neighbours; "
            "write them as integers or strings"
        )
    return pa.array(x.astype(np.int64))


def _text_of_bytes(column: pa.Array, what: str) -> pa.Array:
    """16 bytes are a UUID, as parquet keeps one; other bytes are text."""
    if pa.types.is_fixed_size_binary(column.type) and column.type.byte_width == 16:
        return _uuids(column)
    try:
        return column.cast(pa.binary()).cast(pa.string())
    except pa.ArrowInvalid as error:
        raise ValueError(f"{what} are bytes that are no UTF-8 text; write them as strings") from error


def _uuids(column: pa.Array) -> pa.Array:
    distinct = pc.dictionary_encode(column)
    values = distinct.dictionary.to_pylist()
    return pa.array([str(UUID(bytes=value)) for value in values], pa.string()).take(distinct.indices)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _as_arrow(values: Any, what: str) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    if isinstance(values, pa.Array):
        return values
    if isinstance(values, np.ndarray) and values.dtype.kind == "U":
        values = values.tolist()
    if not isinstance(values, (np.ndarray, Sequence)):
        raise ValueError(f"{what} are a {type(values).__name__}; give a list or an array of integers or strings")
    try:
        return pa.array(values)
    except OverflowError:
        return _large_integers(values, what)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{what} hold {error.object[error.start]!a}, half of a character, which no UTF-8 text has; "
            "write the ids as they were before they were cut"
        ) from error
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ValueError(f"{what} are of mixed type ({error}); use integers or strings throughout") from error
    except ValueError as error:  # of an object whose methods Arrow calls, such as pandas' NaT
        raise ValueError(f"{what} are neither integers nor strings ({error})") from error


def _large_integers(values: Any, what: str) -> pa.Array:
    """A list of which Arrow says that a number is too large for its usual int64."""
    try:
        return pa.array(values, pa.uint64())
    except (OverflowError, pa.ArrowException) as error:
        raise ValueError(f"{what} hold a number that does not fit into 64 bits; use strings") from error

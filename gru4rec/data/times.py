"""Times from any column, as int64 that stand in the same order."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from gru4rec.data.ids import decoded

NANOSECONDS = pa.timestamp("ns")
SECONDS_TO_2262 = 2**63 // 10**9  # so many fit into 64 bits as nanoseconds


class Times(NamedTuple):
    """Times [E] in the unit of `type`.

    Attributes:
        values: int64 [E].
        type: the Arrow type of the column that these are numbers of.
    """

    values: np.ndarray
    type: pa.DataType


def as_times(column: Any) -> Times:
    """A column of times: timestamps and dates in their own unit, whole numbers as they are.

    Numbers with a fraction are seconds and become nanoseconds. Text may spell a number, or an ISO time.

    Raises:
        ValueError: times are missing, or the column holds neither of these, or a number or its fraction is finer or
            larger than can be kept.
    """
    chunk = decoded(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)
    if chunk.null_count:
        raise ValueError(f"{chunk.null_count} of {len(chunk)} times are missing; drop those rows first")
    kind = chunk.type
    if pa.types.is_date32(kind):
        chunk = chunk.cast(pa.timestamp("s"))
    elif pa.types.is_date64(kind):
        chunk = chunk.cast(pa.timestamp("ms"))
    if pa.types.is_timestamp(chunk.type):
        return Times(np.asarray(chunk.cast(pa.int64()).to_numpy()), chunk.type)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        chunk = _of_text(chunk)
        if pa.types.is_timestamp(chunk.type):
            return Times(np.asarray(chunk.cast(pa.int64()).to_numpy()), chunk.type)
    if pa.types.is_floating(chunk.type):
        return _of_floats(chunk)
    if pa.types.is_integer(chunk.type) or pa.types.is_decimal(chunk.type):
        return _of_numbers(chunk)
    raise ValueError(f"the time column is {kind}; use a timestamp or whole numbers")


def _of_numbers(chunk: pa.Array) -> Times:
    """Integers and decimals, which are exact."""
    try:
        return Times(np.asarray(chunk.cast(pa.int64()).to_numpy()), pa.int64())
    except pa.ArrowInvalid as error:
        fault = f"the time column is {chunk.type}; use a timestamp or whole numbers ({error})"
        if not pa.types.is_decimal(chunk.type):
            raise ValueError(fault) from error
        try:
            exact = chunk.cast(pa.decimal128(38, 9))
            nanoseconds = pa.Array.from_buffers(pa.decimal128(38, 0), len(exact), exact.buffers(), offset=exact.offset)
            return Times(np.asarray(nanoseconds.cast(pa.int64()).to_numpy()), NANOSECONDS)
        except pa.ArrowInvalid:
            raise ValueError(fault) from error


def _of_floats(chunk: pa.Array) -> Times:
    x = chunk.cast(pa.float64()).to_numpy(zero_copy_only=False)
    missing = int(np.isnan(x).sum())
    if missing:
        raise ValueError(f"{missing} of {len(x)} times are missing (NaN); drop those rows first")
    whole = np.floor(x)
    is_whole = bool((whole == x).all())
    large = x[np.abs(x) >= (2.0**63 if is_whole else SECONDS_TO_2262)]
    if len(large):
        raise ValueError(f"the time column is {chunk.type} and holds {large[0]}; use a timestamp or whole numbers")
    if is_whole:
        return Times(x.astype(np.int64), pa.int64())
    nanoseconds = whole.astype(np.int64) * 10**9 + np.rint((x - whole) * 1e9).astype(np.int64)
    if len(np.unique(nanoseconds)) < len(np.unique(x)):
        raise ValueError(
            f"the time column is {chunk.type}, read as seconds, and some times differ by less than a nanosecond; "
            "use a timestamp or whole numbers"
        )
    return Times(nanoseconds, NANOSECONDS)


def _of_text(chunk: pa.Array) -> pa.Array:
    """Text as whole numbers, as numbers with a fraction, or as timestamps (UTC where a zone is named)."""
    readings = [pa.int64(), pa.decimal128(38, 9)]
    readings += [pa.timestamp(unit, zone) for unit in ("us", "ns") for zone in (None, "UTC")]
    for reading in readings:
        try:
            return chunk.cast(reading)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
    raise ValueError(
        f"the time column is {chunk.type}; use a timestamp or whole numbers (its text is neither ISO times throughout, "
        f"all with a zone or all without one, nor numbers; it begins with {chunk[0].as_py()[:40]!r})"
    )

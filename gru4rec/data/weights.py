"""Weights from any column of numbers, as float32."""

import pyarrow as pa


def as_weights(column: pa.ChunkedArray) -> pa.Array:
    """A column of weights, float32: whole numbers of any size are rounded, text may spell a number.

    Raises:
        ValueError: the column holds no numbers.
    """
    try:
        return column.cast(pa.float32(), safe=False).combine_chunks()
    except pa.ArrowException as error:
        raise ValueError(f"weights are {column.type}; use numbers of at least 0 ({error})") from error

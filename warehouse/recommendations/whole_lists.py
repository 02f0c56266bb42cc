"""A night's files read list by list: chunks of about one row group, none of which cuts a list in two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from warehouse.recommendations.kinds import Kind


def whole_lists(files: Sequence[str | Path], kind: Kind) -> Iterator[pa.Table]:
    """The row groups of a night's files in turn, each cut where a list ends. What is cut off comes with the next.

    Args:
        files: parquet with the kind's staged columns, in order of whose list it is, and rank.

    Returns:
        Tables of the staged columns that every night has. Whose list it is and what stands in it are called `owner`
        and `item`, whatever the kind calls them; `model`, where there is one, is a dictionary.
    """
    names = {kind.owner: "owner", kind.item: "item"}
    texts = ["model"] if "model" in kind.staged.required else []
    rest: pa.Table | None = None
    for file in files:
        with pq.ParquetFile(file, read_dictionary=texts, page_checksum_verification=True) as part:
            for number in range(part.num_row_groups):
                rows = part.read_row_group(number, columns=list(kind.staged.required), use_threads=False)
                rows = rows.rename_columns([names.get(name, name) for name in rows.column_names])
                rows = rows if rest is None else pa.concat_tables([rest, rows])
                cut = int(np.flatnonzero(starts(rows["owner"]))[-1]) if rows.num_rows else 0
                if cut:
                    yield rows.slice(0, cut)
                rest = rows.slice(cut)
    if rest is not None and rest.num_rows:
        yield rest


def starts(owner: pa.ChunkedArray) -> NDArray[np.bool_]:
    """[R] Whether a row starts a list: it is not of the owner of the row above, or it is the first."""
    whole = owner.combine_chunks()
    found = np.ones(len(whole), bool)
    if pa.types.is_integer(whole.type):
        values = whole.to_numpy()
        np.not_equal(values[1:], values[:-1], out=found[1:])
    else:
        found[1:] = pc.not_equal(whole.slice(1), whole.slice(0, len(whole) - 1)).to_numpy(zero_copy_only=False)
    return found

"""Files and folders of events as people keep them (parquet, CSV, TSV); their columns are known before a row is read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.dataset import ParquetFragmentScanOptions

from gru4rec.data.plain_types import plain
from gru4rec.data.text_files import header, is_text, read_text

ROWS = 1 << 17  # that a batch has at most


class Rows(NamedTuple):
    """Columns as a library or a file has them, batch by batch; they can be read once."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


@dataclass(frozen=True)
class TableFile:
    """A file or folder of which is known what its columns are, and no row has been read.

    Attributes:
        path: where it lies.
        names: those of its columns, in order.
        parquet: the files to read; None for a text file.
    """

    path: Path
    names: list[str]
    parquet: pq.ParquetDataset | None

    @classmethod
    def open(cls, path: Path, names: Sequence[str] | None = None) -> "TableFile":
        """Look at a file; arguments and faults are those of `open_parquet`, and those of `header` for a text file.

        Raises:
            FileNotFoundError: there is no such path.
        """
        if not path.exists():
            raise FileNotFoundError(f"there is no file {path}; check the path")
        if is_text(path):
            return cls(path, header(path)[0], None)
        files = open_parquet(path, names)
        return cls(path, files.schema.names, files)

    def read(
        self, names: Sequence[str] | None = None, *, item: str = "", item_type: pa.DataType | None = None
    ) -> pa.Table:
        """Columns as a plain Arrow table; the arguments, and faults of a text file, are those of `read_text`.

        Raises:
            ValueError: a parquet file breaks off.
        """
        if self.parquet is None:
            return read_text(self.path, names, item=item, item_type=item_type)
        try:
            return plain(self.parquet.read(columns=None if names is None else list(dict.fromkeys(names))))
        except pa.ArrowException as error:
            raise _not_parquet(str(self.path), error) from error

    def rows(self, names: Sequence[str], *, item: str = "", item_type: pa.DataType | None = None) -> Rows:
        """Columns batch by batch; arguments and faults are those of `read`. A text file is read whole first."""
        if self.parquet is None:
            table = read_text(self.path, names, item=item, item_type=item_type)
            return Rows(table.schema, iter(table.to_batches(max_chunksize=ROWS)))
        chosen = list(dict.fromkeys(names))
        return Rows(pa.schema([self.parquet.schema.field(name) for name in chosen]), self._batches(chosen))

    def _batches(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        assert self.parquet is not None
        options = ParquetFragmentScanOptions(pre_buffer=False)  # which would hold all of a file's bytes
        try:
            for fragment in self.parquet.fragments:
                yield from fragment.to_batches(
                    schema=self.parquet.schema,
                    columns=names,
                    batch_size=ROWS,
                    batch_readahead=1,
                    fragment_scan_options=options,
                    use_threads=False,
                )
        except pa.ArrowException as error:
            raise _not_parquet(str(self.path), error) from error


def open_parquet(path: Path, names: Sequence[str] | None = None) -> pq.ParquetDataset:
    """A parquet file, or all files of a folder as one; reading it does not look at the files' footers again.

    Args:
        path: an existing file or folder.
        names: the columns to check; None checks all.

    Raises:
        ValueError: a file is not parquet, the folder holds no parquet file, or a column stands twice in a file or is
            of another kind in another file (reading would take one of the two, or cast).
    """
    schemas: dict[str, pa.Schema] = {}
    file = str(path)
    try:
        dataset = pq.ParquetDataset(path)
        for fragment in dataset.fragments:
            file = fragment.path
            schemas[file] = fragment.physical_schema
    except pa.ArrowException as error:
        raise _not_parquet(file, error) from error
    if not schemas:
        raise ValueError(f"there is no parquet file in the folder {path}; check the path")
    kinds: dict[str, tuple[str, str]] = {}  # of a column: its kind and the first file that has it
    for file, schema in schemas.items():
        for column in schema:
            if names is not None and column.name not in names:
                continue
            if schema.names.count(column.name) > 1:
                raise ValueError(f"{file} has the column {column.name} twice; write it again with one of them")
            kind, first = kinds.setdefault(column.name, (_kind(column.type), file))
            if kind != _kind(column.type):
                raise ValueError(
                    f"column {column.name} is of {kind} in {first}, but of {_kind(column.type)} in {file}; "
                    "write all files of the folder with one type"
                )
    return dataset


def _kind(type_: pa.DataType) -> str:
    """What may differ between the files of a folder is how wide the values are, not what they are."""
    value = type_.value_type if pa.types.is_dictionary(type_) else type_
    if pa.types.is_integer(value):
        return "integers"
    if pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value):
        return "strings"
    return "timestamps" if pa.types.is_timestamp(value) else f"type {value}"


def _not_parquet(file: str, error: pa.ArrowException) -> ValueError:
    return ValueError(f"{file} cannot be read as parquet ({str(error).splitlines()[0]}); write it again")

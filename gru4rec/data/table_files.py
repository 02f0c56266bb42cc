"""Files and folders of events as people keep them (parquet, CSV, TSV); their columns are known before a row is read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.dataset import FileSystemDataset, ParquetFragmentScanOptions

from gru4rec.data.plain_types import plain
from gru4rec.data.text_files import header, is_text, read_text

ROWS = 1 << 17  # that a batch has at most
UNITS = ("s", "ms", "us", "ns")  # of timestamps, the finest last


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
    parquet: FileSystemDataset | None

    @classmethod
    def open(cls, path: Path, names: Sequence[str] | None = None, needed: Sequence[str] | None = None) -> "TableFile":
        """Look at a file; arguments and faults are those of `open_parquet`, and those of `header` for a text file.

        Raises:
            FileNotFoundError: there is no such path.
        """
        if not path.exists():
            raise FileNotFoundError(f"there is no file {path}; check the path")
        if is_text(path):
            return cls(path, header(path)[0], None)
        files = open_parquet(path, names, needed)
        return cls(path, files.schema.names, files)

    def read(
        self, names: Sequence[str] | None = None, *, item: str = "", item_type: pa.DataType | None = None
    ) -> pa.Table:
        """Columns as a plain Arrow table; the arguments, and faults of a text file, are those of `read_text`.

        Raises:
            ValueError: a parquet file breaks off or is damaged.
        """
        if self.parquet is None:
            return read_text(self.path, names, item=item, item_type=item_type)
        chosen = self.names if names is None else list(dict.fromkeys(names))
        try:
            return plain(self.parquet.to_table(columns=chosen))
        except (pa.ArrowException, OSError) as error:
            for _ in self._batches(chosen):  # file by file, to name the one at fault
                pass
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
        file = str(self.path)
        try:
            for fragment in self.parquet.get_fragments():
                file = fragment.path
                yield from fragment.to_batches(
                    schema=self.parquet.schema,
                    columns=names,
                    batch_size=ROWS,
                    batch_readahead=1,
                    fragment_scan_options=options,
                    use_threads=False,
                )
        except (pa.ArrowException, OSError) as error:  # the latter of damaged pages
            raise _not_parquet(file, error) from error


def open_parquet(
    path: Path, names: Sequence[str] | None = None, needed: Sequence[str] | None = None
) -> FileSystemDataset:
    """A parquet file, or all files of a folder as one; reading it does not look at the files' footers again.

    Args:
        path: an existing file or folder.
        names: the columns to check; None checks all.
        needed: the columns that all files of a folder must have where one has them; None: those of `names`.

    Raises:
        ValueError: a file is not parquet, the folder holds no parquet file, a file lacks a column that is needed, or a
            column stands twice in a file or is of another kind in another file (reading would take one of the two, or
            cast).
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
    columns: dict[str, dict[str, pa.DataType]] = {}  # of a column: its type in every file that has it
    for file, schema in schemas.items():
        for column in schema:
            if names is not None and column.name not in names:
                continue
            if schema.names.count(column.name) > 1:
                raise ValueError(f"{file} has the column {column.name} twice; write it again with one of them")
            columns.setdefault(column.name, {})[file] = column.type
    schema = dataset.schema  # of the first file, with what the names of folders say
    for name, types in columns.items():
        lacking = next((file for file in schemas if file not in types), None)
        if lacking is not None and name in (needed or names or ()):
            raise ValueError(f"{lacking} has no column {name}, but {next(iter(types))} has; write it again with it")
        field, place = pa.field(name, _common_type(name, types)), schema.get_field_index(name)
        schema = schema.append(field) if place < 0 else schema.set(place, field)
    first = dataset.fragments[0]
    return FileSystemDataset(dataset.fragments, schema, first.format, first.filesystem)


def _common_type(name: str, types: dict[str, pa.DataType]) -> pa.DataType:
    """The type that keeps what each file has of a column: what may differ is how wide values are, not what they are."""
    first, kept = next(iter(types.items()))
    for file, type_ in types.items():
        if _kind(type_) != _kind(kept):
            raise ValueError(
                f"column {name} is of {_kind(kept)} in {first}, but of {_kind(type_)} in {file}; "
                "write all files of the folder with one type"
            )
    if len(set(types.values())) == 1:
        return kept
    values = {_value_type(type_) for type_ in types.values()}
    if _kind(kept) == "timestamps":
        return pa.timestamp(max((value.unit for value in values), key=UNITS.index), _value_type(kept).tz)
    if _kind(kept) != "integers":
        return kept
    if all(pa.types.is_unsigned_integer(value) for value in values):
        return pa.uint64()
    return pa.decimal128(20, 0) if pa.uint64() in values else pa.int64()  # no integer is wide enough for both


def _kind(type_: pa.DataType) -> str:
    value = _value_type(type_)
    if pa.types.is_integer(value):
        return "integers"
    if pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value):
        return "strings"
    return "timestamps" if pa.types.is_timestamp(value) else f"type {value}"


def _value_type(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def _not_parquet(file: str, error: Exception) -> ValueError:
    return ValueError(f"{file} cannot be read as parquet ({str(error).splitlines()[0]}); write it again")

"""Files of a log as people's tools leave them: packed, in several shapes, with columns that nobody asked for."""

import gzip
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.sources.mapped import import_mapped

MAPPING = '[events]\nformat = "{}"\nuser_id = "u"\nitem_id = "i"\ntimestamp = "t"\nuser_id_type = "int64"\n'
MOMENT = datetime(2024, 3, 1, 10, tzinfo=UTC)
CSV = b"u,i,t\n1,a,2024-03-01T10:00:00\n2,b,2024-03-01T10:00:00\n"
ROWS = [(1, "a", MOMENT), (2, "b", MOMENT)]


def zstd(data):
    return pa.Codec("zstd").compress(data, asbytes=True)


def run(engine, layout, folder, kind, more="", **files):
    folder.mkdir()
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    (folder / "mapping.toml").write_text(MAPPING.format(kind) + more)
    import_mapped(engine, layout, folder, mapping=folder / "mapping.toml")
    paths = sorted((layout.raw / "events").glob("*/*.parquet"))
    return sorted(tuple(row.values()) for path in paths for row in pq.read_table(path).to_pylist())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("log__csv__gz", gzip.compress(CSV, mtime=0)),
        ("log__csv__zst", zstd(CSV)),
        ("log__csv", gzip.compress(CSV, mtime=0)),
        ("log__csv", zstd(CSV)),
        ("log__csv__gz", CSV),
    ],
)
def test_what_is_packed_is_read_whatever_its_name_says(tmp_path, engine, layout, name, content):
    assert run(engine, layout, tmp_path / "in", "csv", **{name: content}) == ROWS


def test_packed_and_plain_files_are_one_log(tmp_path, engine, layout):
    one, two = b'{"u": 1, "i": "a", "t": "2024-03-01T10:00:00"}\n', b'{"u": 2, "i": "b", "t": "2024-03-01T10:00:00"}\n'
    found = run(engine, layout, tmp_path / "in", "jsonl", a__jsonl=one, b__jsonl__zst=zstd(two))
    assert found == ROWS


@pytest.mark.parametrize(
    ("start", "named"),
    [(b"PK\x03\x04rest", "zip"), (b"BZh91AY", "bzip2"), (b"\xfd7zXZ\x00rest", "xz"), (b"7z\xbc\xaf\x27\x1c", "7z")],
)
def test_what_is_packed_otherwise_is_named(tmp_path, engine, layout, start, named):
    with pytest.raises(ValueError, match=rf"log\.csv is packed \({named}\): unpack it, or pack it with gzip or zstd"):
        run(engine, layout, tmp_path / "in", "csv", log__csv=start)
    assert not layout.raw.exists()


@pytest.mark.parametrize(
    "content", [zstd(CSV)[:-5], gzip.compress(CSV, mtime=0)[:-9], b"\x28\xb5\x2f\xfdx", b"\x1f\x8bx"]
)
def test_what_is_packed_and_broken_is_named(tmp_path, engine, layout, content):
    with pytest.raises(ValueError, match=r"log\.csv"):
        run(engine, layout, tmp_path / "in", "csv", log__csv=content)
    assert not list(layout.raw.rglob("*.parquet"))


def test_json_lines_matter_by_the_mapped_fields_alone(tmp_path, engine, layout):
    """Another order of keys, an optional key more, and a field that first stands far below."""
    one = b'{"u": 1, "i": "a", "t": "2024-03-01T10:00:00"}\n'
    two = b'{"t": "2024-03-01T10:00:00", "extra": {"": [1]}, "": 0, "i": "b", "u": 2, "s": "x"}\n'
    found = run(engine, layout, tmp_path / "in", "jsonl", 'session_id = "s"\n', a__jsonl=one * 300, b__jsonl=two)
    assert found.count((1, "a", MOMENT, None)) == 300
    assert found[300:] == [(2, "b", MOMENT, "x")]


def test_a_field_of_no_line_is_missing(tmp_path, engine, layout):
    line = b'{"u": 1, "i": "a", "t": "2024-03-01T10:00:00"}\n'
    with pytest.raises(ValueError, match="has no column 's'"):
        run(engine, layout, tmp_path / "in", "jsonl", 'session_id = "s"\n', a__jsonl=line * 300, b__jsonl=line)


def test_csv_files_may_have_their_columns_in_another_order(tmp_path, engine, layout):
    other = b"t,more,u,i\n2024-03-01T10:00:00,x,2,b\n"
    found = run(engine, layout, tmp_path / "in", "csv", a__csv=b"u,i,t\n1,a,2024-03-01T10:00:00\n", b__csv=other)
    assert found == ROWS


def test_columns_that_nobody_asked_for_do_not_matter(tmp_path, engine, layout):
    """The nameless index of pandas, two of one name."""
    log = b",u,i,t,x,x,\n0,1,a,2024-03-01T10:00:00,,,\n1,2,b,2024-03-01T10:00:00,,,\n"
    assert run(engine, layout, tmp_path / "in", "csv", log__csv=log) == ROWS


def test_a_mapped_column_that_stands_twice_is_refused(tmp_path, engine, layout):
    log = b"u,i,t,u\n1,a,2024-03-01T10:00:00,2\n"
    with pytest.raises(ValueError, match=r"log\.csv has the column 'u' 2 times: keep one of them"):
        run(engine, layout, tmp_path / "in", "csv", log__csv=log)

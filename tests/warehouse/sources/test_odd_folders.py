"""Files and columns as people's tools leave them: each row and each file is read, or somebody is told by name."""

import gzip
import io
import os
import tarfile
import zipfile
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.engine.errors import DataError
from warehouse.sources.mapped import import_mapped

DAY = date(2024, 3, 1)
ROLES = 'user_id = "u"\nitem_id = "i"\ntimestamp = "t"\n'
AT = "2024-03-01T10:00:00Z"
CSV = f"u,i,t\n1,2,{AT}\n"
JSON = f'{{"u": 1, "i": 2, "t": "{AT}"}}\n'
ZSTD = pa.compress(CSV.encode(), codec="zstd", asbytes=True)


def table(user, **more):
    return pa.table({"u": [user], "i": [2], "t": [AT], **more})


def zipped(text):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("a.csv", text)
    return packed.getvalue()


def tarred(mode):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        entry = tarfile.TarInfo("a.csv")
        entry.size = len(CSV)
        archive.addfile(entry, io.BytesIO(CSV.encode()))
    return packed.getvalue()


@pytest.fixture
def imported(engine, layout, shop, tmp_path):
    """Import a folder of files, given by their names; gives the users of its one day, or the sentence."""

    def run(form, files, more=""):
        for name, content in files.items():
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, pa.Table):
                pq.write_table(content, path)
            else:
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
        mapping = tmp_path / "in" / "mapping.toml"  # beside the log, which it is no part of
        mapping.write_text(f'[events]\nformat = "{form}"\n{ROLES}{more}')
        try:
            import_mapped(engine, layout, tmp_path / "in", mapping=mapping)
        except (DataError, FileNotFoundError) as error:
            assert not layout.raw.exists()
            return str(error)
        (report,) = shop.ingest(DAY)
        assert report.rejected == 0
        return sorted(str(row[0]) for row in shop.table("events", DAY))

    return run


@pytest.mark.parametrize(
    ("form", "files", "found"),
    [
        ("csv", {"a.csv": CSV, "b.csv": f"x,t,i,u\nq,{AT},3,4\n"}, ["1", "4"]),
        ("csv", {"a.csv": CSV, "B.CSV": f"u,i,t\n5,6,{AT}\n"}, ["1", "5"]),
        ("csv", {"a.csv": CSV, "sub/b.csv": f"u,i,t\n5,6,{AT}\n"}, ["1", "5"]),
        ("csv", {"a.csv": CSV, "_b.csv": "x\n", ".c.csv": "y\n", "_later/d.csv": "z\n"}, ["1"]),
        ("csv", {"a.csv": CSV, "b.csv": "u,i,t\n"}, ["1"]),
        ("jsonl", {"a.jsonl": JSON, "b.jsonl": f'{{"t": "{AT}", "z": {{"q": [1]}}, "i": 5, "u": 2}}\n'}, ["1", "2"]),
        ("jsonl", {"a.jsonl": f"\ufeff{JSON}\r\n{JSON.replace('1', '7', 1)}"}, ["1", "7"]),
        ("parquet", {"hour=01/a.parquet": table(1), "B.PARQUET": table(3), "c.parq": table(4)}, ["1", "3", "4"]),
        ("parquet", {"a.parquet": table(2**53 + 1), "b.parquet": table(1.0)}, ["1", "9007199254740993"]),
        ("parquet", {"a.parquet": table(1), "b.parquet": table("01")}, ["01", "1"]),
        ("csv", {"a.csv.zst": ZSTD}, ["1"]),
        ("csv", {"a.csv": gzip.compress(CSV.encode())}, ["1"]),
        ("csv", {"a.csv.gz": CSV}, ["1"]),
        ("csv", {"a.csv.gz": gzip.compress(CSV.encode()) + gzip.compress(f"3,4,{AT}\n".encode())}, ["1", "3"]),
        ("csv", {"a.csv": b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd" + ZSTD}, ["1"]),
        ("csv", {"a.csv": f",u,i,t\n0,1,2,{AT}\n"}, ["1"]),
        ("csv", {"a.csv": f",,x,x,u,i,t,\n0,0,5,6,1,2,{AT},\n"}, ["1"]),
        ("csv", {"a.csv": f"U,u,I,i,t,T\n9,1,9,2,{AT},x\n"}, ["1"]),
        ("csv", {"a.csv": f'"x, y","a\nb",u,i,t\n"5, 6","7\n8",1,2,{AT}\n'}, ["1"]),
        ("csv", {"a.csv": f"user_id,u,i,t,timestamp,day,row\n5,1,2,{AT},q,x,8\n"}, ["1"]),
        ("csv", {"a.csv": f"u,i,t\n1\u2028a,2,{AT}\n3\x85b,2,{AT}\n"}, ["1\u2028a", "3\x85b"]),
        ("jsonl", {"a.jsonl": f'{{"u": "1\u2028a", "i": "\x85", "t": "{AT}"}}\n'}, ["1\u2028a"]),
        ("jsonl", {"a.jsonl": JSON, "b.jsonl": "\ufeff" + JSON.replace('"u": 1', '"\\u0075": 7')}, ["1", "7"]),
        ("csv", {"a.csv": CSV, "LOG.CSV.GZ": gzip.compress(CSV.encode())}, ["1"]),
        ("jsonl", {"a.jsonl": JSON.replace("{", '{"": 5, "U": 9, "row": 3, ')}, ["1"]),
        ("parquet", {"a.parquet": table(1, __index_level_0__=[0], x=pa.array([5], pa.duration("s")))}, ["1"]),
    ],
)
def test_it_is_read(imported, form, files, found):
    assert imported(form, files) == found


@pytest.mark.parametrize(
    ("form", "files", "sentence"),
    [
        ("csv", {"a.csv": CSV, "b.jsonl": JSON}, "b.jsonl would not be read"),
        ("csv", {"a.csv": CSV, "old/b.csv.bak": CSV}, "b.csv.bak would not be read"),
        ("csv", {"a.csv": CSV, "b.csv": ""}, "b.csv is empty"),
        ("csv", {"a.csv": CSV, "b.csv": CSV.replace(",", ";")}, "the delimiter ',' may be wrong"),
        ("csv", {"a.csv.zip": zipped(CSV)}, "holds no file like .* \\(it has a.csv.zip"),
        ("csv", {"a.csv": zipped(CSV)}, "is packed \\(zip\\): unpack it"),
        ("csv", {"a.csv": b"BZh91AY" + bytes(20)}, "is packed \\(bzip2\\): unpack it"),
        ("csv", {"a.csv": b"Rar!\x1a\x07\x01\x00" + bytes(20)}, "is packed \\(rar\\): unpack it"),
        ("csv", {"a.csv": tarred("w")}, "is packed \\(tar\\): unpack it"),
        ("csv", {"a.csv.gz": tarred("w:gz")}, "is packed \\(gzip, and tar inside\\): unpack it"),
        ("csv", {"a.csv.gz": gzip.compress(gzip.compress(CSV.encode()))}, "\\(gzip, and gzip inside\\): unpack it"),
        ("jsonl", {"a.jsonl": pa.compress(ZSTD, codec="zstd", asbytes=True)}, "\\(zstd, and zstd inside\\)"),
        ("csv", {"a.csv": table(1)}, "is a parquet file and no text"),
        ("csv", {"a.csv": b"SQLite format 3\0" + bytes(80)}, "is a database of SQLite and no text"),
        ("jsonl", {"a.jsonl": b"Obj\x01\x04\x14avro.codec" + bytes(20)}, "is an Avro file and no text"),
        ("csv", {"a.csv.gz": gzip.compress(b"ARROW1\0\0" + bytes(20))}, "is a file of Arrow and no text"),
        ("csv", {"a.csv": CSV.encode("utf-16")}, "name the right encoding, or unpack it"),
        ("parquet", {"a.parquet": gzip.compress(b"PAR1")}, "is not a whole parquet file"),
        ("parquet", {"a.parquet": table(1, U=[9])}, "has the columns 'u', 'U', which engines do not tell apart"),
        ("jsonl", {"a.jsonl": JSON + JSON.replace("1", "[3]", 1)}, "field 'u' of line 2 of .* is a list"),
        ("jsonl", {"a.jsonl": JSON.replace("2", '{"id": 3}', 1)}, "field 'i' of line 1 of .* is an object"),
        ("jsonl", {"a.jsonl": JSON.replace("2", '2, "u": 3', 1)}, "near line 1: Object .* has duplicate key"),
        ("jsonl", {"a.jsonl": JSON.strip() + JSON}, "line 1 of .* is not JSON \\(Extra data"),
        (
            "jsonl",
            {"a.jsonl": JSON.replace(f'"{AT}"', f'{{"$date": "{AT}"}}')},
            "field 't' of line 1 of .* is an object",
        ),
        ("jsonl", {"a.jsonl": f"[{JSON.strip()}]\n"}, "line 1 of .* is no JSON object"),
    ],
)
def test_it_is_refused_by_name(imported, form, files, sentence):
    said = imported(form, files)
    assert isinstance(said, str), said
    assert pa.compute.match_substring_regex(pa.array([said]), sentence)[0].as_py(), said


def test_a_line_without_its_list_of_rows_is_a_row(imported):
    lines = f'{{"i": 9, "e": [{JSON.strip()}, {{"u": 2, "t": "{AT}"}}]}}\n{{"e": [], "u": 5}}\n'
    lines += f'{{"e": null, "u": 7, "i": 8, "t": "{AT}"}}\n'
    assert imported("jsonl", {"a.jsonl": lines}, 'explode = "e"\n') == ["1", "2", "7"]


def test_only_named_files_are_asked_for_where_files_are_named(imported):
    assert imported("csv", {"a.csv": CSV, "notes.txt": "x"}, 'files = ["a*"]\n') == ["1"]


@pytest.mark.parametrize(
    ("patterns", "users"),
    [('["*.csv"]', ["1"]), ('["**/*.csv"]', ["1", "4"]), ('["*.csv", "_kept.csv"]', ["1", "2"]), ('["_k*"]', ["2"])],
)
def test_marked_files_are_left_out_of_patterns_too(imported, patterns, users):
    """A Mac's `._a.csv` was read as text and refused, and what had been put aside was read."""
    marked = {
        "_kept.csv": CSV.replace("1,", "2,", 1),
        "._a.csv": b"\0\5\x16\7\xff",
        "_old/b.csv": CSV.replace("1,", "3,", 1),
    }
    below = {"sub/b.csv": CSV.replace("1,", "4,", 1), "__MACOSX/._b.csv": b"\0\5\x16\7\xff"}
    assert imported("csv", {"a.csv": CSV, **marked, **below}, f"files = {patterns}\n") == users


def test_a_catalogue_beside_the_log_is_no_stray_file(engine, layout, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text(CSV)
    pq.write_table(pa.table({"sku": [2]}), tmp_path / "in" / "items.parquet")
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(f'[events]\nformat = "csv"\n{ROLES}[items]\nitem_id = "sku"\n')
    report = import_mapped(engine, layout, tmp_path / "in", mapping=mapping)
    assert (report.events, report.items) == (1, 1)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", "u,i,t\r\n" + CSV.split("\n")[1] + "\n", "its lines end in LF and in CR LF alike"),
        ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0) + bytes(512), "not a GZIP stream"),
        ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0) + b"and more", "a.csv.gz cannot be read"),
        ("a.csv.zst", ZSTD[:-4], "a.csv.zst cannot be read"),
        ("a.csv", "# made by hand\n" + CSV, "has no column 'u', 'i', 't'"),
        ("a.csv", "sep=,\n" + CSV, "has no column 'u', 'i', 't'"),
        ("a.csv", CSV.replace("u,i,t", "u, i, t"), "has no column 'i', 't'"),
        ("a.csv", CSV + f"1,2,{AT},4,5\n", "line 3 of "),
    ],
)
def test_a_file_that_cannot_be_read_is_named(imported, name, data, said):
    found = imported("csv", {name: data})
    assert isinstance(found, str)
    assert f"/in/{name}" in found
    assert said in found
    assert len(found) < 500


@pytest.mark.parametrize(
    ("files", "users"),
    [
        ({"a.csv": CSV, "b.csv": f"i,t,u\n2,{AT},3\n"}, ["1", "3"]),  # columns in another order
        ({"a.csv": CSV, "b.csv": f"u,x,i,t\n3,u,2,{AT}\n"}, ["1", "3"]),  # and one more
        ({"a.csv": CSV.replace("\n", "\r")}, ["1"]),
        ({"a.csv.zst": gzip.compress(CSV.encode())}, ["1"]),  # packed otherwise than its name says
        ({"a.csv.zst": ZSTD + pa.compress(f"3,2,{AT}\n".encode(), codec="zstd", asbytes=True)}, ["1", "3"]),
        ({"a.csv": CSV, "a.csv.gz": gzip.compress(CSV.replace("1", "3", 1).encode())}, ["1", "3"]),
        ({"a.csv": CSV * 1 + f"1,2,{AT}\n" * 30_000 + f'"3\n4",2,{AT}\n'}, ["1", "3\n4"]),
    ],
)
def test_files_that_differ_are_read_by_their_own_headers(imported, files, users):
    assert imported("csv", files) == users


@pytest.mark.parametrize("more", ["", 'user_id_type = "int64"\n'])
@pytest.mark.parametrize("odd", ["[3]", '{"a": 1}', "true", "false", "NaN", "Infinity", "-Infinity", "nan"])
def test_a_list_or_no_number_deep_in_json_lines_is_no_id(engine, layout, shop, tmp_path, odd, more):
    """Beyond the lines that are looked at first; as text it would be the id of another row."""
    lines = [JSON] * 150 + [JSON.replace('"u": 1', f'"u": {odd}'), JSON.replace('"u": 1', '"u": 4')]
    (tmp_path / "log.jsonl").write_text("".join(lines))
    (tmp_path / "m.toml").write_text(f'[events]\nformat = "jsonl"\n{ROLES}{more}')
    import_mapped(engine, layout, tmp_path / "log.jsonl", mapping=tmp_path / "m.toml")
    (report,) = shop.ingest(DAY)
    assert report.rejected_by_reason == {"user_id is null": 1}
    assert {str(row[0]) for row in shop.table("events", DAY)} == {"1", "4"}


@pytest.mark.parametrize(
    "lay",
    [
        pytest.param(lambda path: path.symlink_to(path), id="a link to itself"),
        pytest.param(lambda path: path.symlink_to(path.parent), id="a link to the folder around it"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), id="a link without an end"),
        pytest.param(os.mkfifo, id="a pipe"),
    ],
)
def test_what_is_no_file_is_refused_by_name(imported, tmp_path, lay):
    (tmp_path / "in").mkdir()
    lay(tmp_path / "in" / "b.csv")
    assert "/in/b.csv would not be read" in imported("csv", {"a.csv": CSV})


def test_the_words_of_missing_numbers_are_ids_where_they_are_text(imported):
    lines = [JSON.replace('"u": 1', f'"u": "{text}"') for text in ("NaN", "[3]", "Infinity", "true")]
    assert imported("jsonl", {"a.jsonl": "".join(lines)}) == ["Infinity", "NaN", "[3]", "true"]


def test_a_missing_number_within_exploded_lists_is_no_id(engine, layout, shop, tmp_path):
    (tmp_path / "log.jsonl").write_text(
        f'{{"u": 7, "t": "{AT}", "of": [{{"i": 1}}, {{"i": NaN}}, {{"i": null}}, {{"i": 2, "u": 8}}]}}\n'
    )
    (tmp_path / "m.toml").write_text(f'[events]\nformat = "jsonl"\n{ROLES}explode = "of"\n')
    import_mapped(engine, layout, tmp_path / "log.jsonl", mapping=tmp_path / "m.toml")
    (report,) = shop.ingest(DAY)
    assert report.rejected_by_reason == {"item_id is null": 2}
    assert [row[:2] for row in shop.table("events", DAY)] == [("7", "1"), ("8", "2")]

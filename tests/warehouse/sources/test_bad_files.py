"""Logs that are not what they should be: a clear sentence that names the file, and nothing written."""

import gzip

import pytest

from warehouse.sources.mapped import import_mapped

CSV = '[events]\nformat = "csv"\nuser_id = "u"\nitem_id = "i"\ntimestamp = "t"\n'
GOOD = "u,i,t\na,b,2024-03-01 10:00\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (GOOD + 'a,"b,2024-03-01 10:00\n' + GOOD, r"line 3 of .*log.csv cannot be read: Value with unterminated quote"),
        (GOOD.replace(",", ";"), r"log.csv has no column 'u', 'i', 't' .*the delimiter ',' may be wrong"),
        ("u,i,t\na;b;2024-03-01\n", r"line 2 of .*log.csv cannot be read: Expected Number of Columns: 3 Found: 1"),
        ("u,t\na,2024-03-01\n", r"log.csv has no column 'i' \(it has 'u', 't'\)"),
        ("", r"log.csv is empty"),
        ("u,i,t\n", "holds no row with a believable time: no time in it can be read; check the column"),
        ("u,i,t\na,b,whenever\n", "no time in it can be read"),
        ("u,i,t\na,b,1924-03-01 10:00\n", "read as 1924-03-01 10:00:00.* to 1924-03-01 .*check .*timestamp_unit"),
    ],
)
def test_csv_that_is_none(tmp_path, layout, engine, text, sentence):
    (tmp_path / "log.csv").write_text(text)
    (tmp_path / "m.toml").write_text(CSV)
    with pytest.raises(ValueError, match=sentence):
        import_mapped(engine, layout, tmp_path / "log.csv", mapping=tmp_path / "m.toml")
    assert not list(layout.raw.rglob("*.parquet"))


def test_csv_in_another_encoding(tmp_path, layout, engine):
    (tmp_path / "log.csv").write_bytes("u,i,t\nJosé,b,2024-03-01 10:00\n".encode("latin-1"))
    (tmp_path / "m.toml").write_text(CSV)
    with pytest.raises(ValueError, match=r"log.csv cannot be read as utf-8 text"):
        import_mapped(engine, layout, tmp_path / "log.csv", mapping=tmp_path / "m.toml")
    (tmp_path / "m.toml").write_text(CSV + 'encoding = "latin-1"\n')
    assert import_mapped(engine, layout, tmp_path / "log.csv", mapping=tmp_path / "m.toml").events == 1


def test_a_folder_or_nothing_for_a_file(tmp_path, layout, engine):
    (tmp_path / "m.toml").write_text(CSV)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        import_mapped(engine, layout, tmp_path / "nothing", mapping=tmp_path / "m.toml")
    (tmp_path / "log.csv").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no file like"):
        import_mapped(engine, layout, tmp_path / "log.csv", mapping=tmp_path / "m.toml")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [('{"u": 1', "line 1 of .* is not JSON"), ("[1]", "is no JSON object"), ('{"u": 1}', "has no column 'i', 't'")],
)
def test_json_lines_that_are_none(tmp_path, layout, engine, text, sentence):
    (tmp_path / "log.jsonl").write_text(text + "\n")
    (tmp_path / "m.toml").write_text(CSV.replace("csv", "jsonl"))
    with pytest.raises(ValueError, match=sentence):
        import_mapped(engine, layout, tmp_path / "log.jsonl", mapping=tmp_path / "m.toml")


LINE = '{"u": 1, "i": 2, "t": "2024-03-01"}\n'


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b'{"u": 1,', "unexpected end of data"),
        (b"[1]", r"Expected OBJECT, but got ARRAY: \[1\]"),
        (b'{"u": "\xe9"}', "invalid UTF-8 encoding in string"),
    ],
)
def test_json_lines_that_break_beyond_the_first_hundred(tmp_path, layout, engine, line, sentence):
    """The advice was to put the file back from a copy."""
    (tmp_path / "log.jsonl").write_bytes(LINE.encode() * 1000 + line + b"\n")
    (tmp_path / "m.toml").write_text(CSV.replace("csv", "jsonl"))
    said = rf"log\.jsonl cannot be read near line 100[12]: {sentence}; deliver the file again"
    with pytest.raises(ValueError, match=said):
        import_mapped(engine, layout, tmp_path / "log.jsonl", mapping=tmp_path / "m.toml")


def test_a_line_of_json_that_is_too_long_beyond_the_first_hundred(tmp_path, layout, engine):
    (tmp_path / "log.jsonl").write_text(LINE * 200 + LINE.replace("2024", "x" * (34 * 2**20)))
    (tmp_path / "m.toml").write_text(CSV.replace("csv", "jsonl"))
    with pytest.raises(ValueError, match=r"log\.jsonl has a line of more than 16,777,216 bytes: deliver it again"):
        import_mapped(engine, layout, tmp_path / "log.jsonl", mapping=tmp_path / "m.toml")


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ('session_id = "U"\n', "'u' and 'U' of .*log.jsonl differ in upper case alone"),
        ('explode = "I"\n', "'i' and 'I' of .* differ"),
        ('explode = "u"\n', "'u' and 'u' of .*log.jsonl are one name: rename one of them"),
    ],
)
def test_fields_of_one_name_are_a_sentence(tmp_path, layout, engine, mapping, sentence):
    """They ended in a stack trace."""
    (tmp_path / "log.jsonl").write_text(LINE)
    (tmp_path / "m.toml").write_text(CSV.replace("csv", "jsonl") + mapping)
    with pytest.raises(ValueError, match=sentence):
        import_mapped(engine, layout, tmp_path / "log.jsonl", mapping=tmp_path / "m.toml")


def test_a_gzip_file_cut_short(tmp_path, layout, engine):
    (tmp_path / "log.csv.gz").write_bytes(gzip.compress((GOOD + "a,b,2024-03-01 10:00\n" * 5000).encode())[:-30])
    (tmp_path / "m.toml").write_text(CSV)
    with pytest.raises(ValueError, match=r"log\.csv\.gz"):
        import_mapped(engine, layout, tmp_path / "log.csv.gz", mapping=tmp_path / "m.toml")
    assert not list(layout.raw.rglob("*.parquet"))


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("before", [1, 200])
@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_a_last_line_longer_than_the_readers_buffer_is_never_dropped_unsaid(
    tmp_path, layout, engine, name, before, end
):
    """DuckDB's reader left a last line of over 32 MB out, with exit code 0."""
    rows = "a,b,2024-03-01 10:00\n" * before
    text = f"u,i,t\n{rows}{'x' * (33 * 2**20)},b,2024-03-01 10:00{end}".encode()
    (tmp_path / name).write_bytes(gzip.compress(text, 1) if name.endswith("gz") else text)
    (tmp_path / "m.toml").write_text(CSV)
    with pytest.raises(ValueError, match=rf"{name} has a line of more than") as found:
        import_mapped(engine, layout, tmp_path / name, mapping=tmp_path / "m.toml")
    assert len(str(found.value)) < 500
    assert not list(layout.raw.rglob("*.parquet"))

"""A team's own log, by a mapping file; and mappings that mean nothing."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.sources.mapped import import_mapped

MOMENT = datetime(2024, 3, 1, 10, tzinfo=UTC)


def run(engine, layout, folder, mapping, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    toml = folder / "mapping.toml"
    toml.write_text(mapping, encoding="utf-8")
    return import_mapped(engine, layout, folder, mapping=toml)


def events(layout):
    paths = sorted((layout.raw / "events").glob("*/*.parquet"))
    return [tuple(row.values()) for path in paths for row in pq.read_table(path).to_pylist()]


COLUMNS = 'user_id = "who"\nitem_id = "what"\ntimestamp = "at"\n'


def test_csv_with_its_own_words_clock_and_catalogue(tmp_path, layout, engine):
    mapping = (
        '[events]\nformat = "csv"\nfiles = ["log*.csv"]\ndelimiter = ";"\n'
        + COLUMNS
        + 'timestamp_format = "%d.%m.%Y %H:%M"\nsession_id = "se ss"\nevent_type = "kind"\nitem_id_type = "int64"\n'
        '[items]\nformat = "csv"\nfiles = ["products.csv"]\nitem_id = "sku"\ntitle = "name"\n'
        'features = ["brand"]\nnumbers = ["price"]\nitem_id_type = "int64"\n'
    )
    report = run(
        engine,
        layout,
        tmp_path / "in",
        mapping,
        log1__csv='what;who;at;se ss;kind\n7;"a;b";01.03.2024 10:00;s1;view\n',
        log2__csv="what;who;at;se ss;kind\n8;c;01.03.2024 10:00;s2;buy\n",
        products__csv="sku,name,brand,price\n8,Eight,x,1.5\n7,Seven,,cheap\n9,Nine,,NaN\n",
    )
    assert events(layout) == [("a;b", 7, MOMENT, "s1", "view"), ("c", 8, MOMENT, "s2", "buy")]
    assert pq.read_table(layout.raw_items / "items.parquet").to_pylist() == [
        {"item_id": 7, "title": "Seven", "brand": None, "price": None},
        {"item_id": 8, "title": "Eight", "brand": "x", "price": 1.5},
        {"item_id": 9, "title": "Nine", "brand": None, "price": None},
    ]
    assert (report.events, report.items, report.first_day) == (2, 3, date(2024, 3, 1))


def test_a_catalogue_that_lacks_items_of_the_one_before_says_so(tmp_path, layout, engine, caplog):
    mapping = (
        f'[events]\nformat = "csv"\nfiles = ["log.csv"]\n{COLUMNS}'
        '[items]\nformat = "csv"\nfiles = ["products.csv"]\nitem_id = "sku"\n'
    )
    log, said = "who,what,at\n1,7,2024-03-01T10:00:00Z\n", []
    for number, items in enumerate(("7\n8\n", "7\n8\n9\n", "8\nten\n")):
        run(engine, layout, tmp_path / str(number), mapping, log__csv=log, products__csv=f"sku\n{items}")
        said.append([record.getMessage() for record in caplog.records])
    pq.write_table(pa.table({"sku": [7]}), layout.raw_items / "items.parquet")
    run(engine, layout, tmp_path / "other", mapping, log__csv=log, products__csv="sku\n7\n")  # another tool's file
    assert len(caplog.records) == 1
    assert said[0] == said[1] == []
    assert said[2][0].endswith("items.parquet was replaced by one that lacks 2 of its items")


def test_rows_of_a_catalogue_without_an_id_are_counted(tmp_path, layout, engine, caplog):
    mapping = (
        f'[events]\nformat = "csv"\nfiles = ["log.csv"]\n{COLUMNS}'
        '[items]\nformat = "csv"\nfiles = ["products.csv"]\nitem_id = "sku"\nitem_id_type = "int64"\n'
    )
    log = "who,what,at\n1,7,2024-03-01T10:00:00Z\n"
    run(engine, layout, tmp_path / "in", mapping, log__csv=log, products__csv="sku,n\n7,a\n007,b\n,c\n")
    assert caplog.messages == ["2 rows of the catalogue have no item id that can be kept: no night takes them in"]


def test_json_lines(tmp_path, layout, engine):
    mapping = f'[events]\nformat = "jsonl"\n{COLUMNS}timestamp_unit = "s"\nuser_id_type = "int64"\ndwell = "stay"\n'
    one = '{"who": 5, "what": "ü", "at": 1709287200, "extra": {"a": [1]}, "stay": 2.5}'
    two = '{"who": 6, "what": null, "at": 1709287200}'
    run(engine, layout, tmp_path / "in", mapping, log__jsonl=f"{one}\n\n{two}\n")
    assert events(layout) == [(5, "ü", MOMENT, 2.5), (6, None, MOMENT, None)]


def test_parquet(tmp_path, layout, engine):
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"who": [1], "what": ["x"], "at": [MOMENT]}), tmp_path / "in" / "log.parquet")
    run(engine, layout, tmp_path / "in", "[events]\n" + COLUMNS)
    assert events(layout) == [(1, "x", MOMENT)]


@pytest.mark.parametrize(("unit", "times_of_a_second"), [("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)])
def test_a_nan_among_numeric_clocks_is_a_row_without_a_time(tmp_path, layout, engine, unit, times_of_a_second):
    (tmp_path / "in").mkdir()
    at = [1709287200.0 * times_of_a_second, float("nan")]
    pq.write_table(pa.table({"who": [1, 2], "what": ["x", "y"], "at": at}), tmp_path / "in" / "log.parquet")
    report = run(engine, layout, tmp_path / "in", f'[events]\n{COLUMNS}timestamp_unit = "{unit}"\n')
    assert (report.events, report.timeless) == (2, 1)
    assert events(layout) == [(1, "x", MOMENT), (2, "y", None)]


def test_csv_without_a_header(tmp_path, layout, engine):
    mapping = f'[events]\nformat = "csv"\nnames = ["who", "what", "at"]\n{COLUMNS}'
    run(engine, layout, tmp_path / "in", mapping, log__csv="a,b,2024-03-01T11:00:00+01:00\n")
    assert events(layout) == [("a", "b", MOMENT)]


def test_a_column_with_quotes_is_a_column(tmp_path, layout, engine):
    mapping = '[events]\nformat = "csv"\nuser_id = \'w"h\'\'o; DROP TABLE log\'\nitem_id = "what"\ntimestamp = "at"\n'
    mapping = mapping.replace("''", "")
    run(engine, layout, tmp_path / "in", mapping, log__csv='"w""ho; DROP TABLE log",what,at\na,b,2024-03-01T10:00:00\n')
    assert events(layout) == [("a", "b", MOMENT)]


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ("[events", "is not valid TOML"),
        ("", r"has no section \[events\]"),
        ("[event]\n", "has 'event'"),
        ('[events]\nuser = "x"\n', "has 'user', which means nothing"),
        ('[events]\nitem_id = "x"\ntimestamp = "y"\n', "must name a column as user_id"),
        (f'[events]\nformat = "xml"\n{COLUMNS}', "format of .* is 'xml'"),
        (f'[events]\nformat = "csv"\n{COLUMNS}timestamp_unit = "h"\n', "timestamp_unit of .* is 'h'"),
        (f'[events]\nformat = "csv"\n{COLUMNS}delimiter = ""\n', "delimiter of .* is ''"),
        (f'[events]\nformat = "csv"\n{COLUMNS}user_id_type = "uuid"\n', "user_id_type of .* is 'uuid'"),
        (f'[events]\nformat = "csv"\n{COLUMNS}files = "log.csv"\n', "files of .* is 'log.csv'"),
        (f'[events]\nformat = "csv"\nfiles = ["nothing-*"]\n{COLUMNS}', "holds no file like nothing-"),
        (f'[events]\nformat = "csv"\n{COLUMNS}session_id = "visit"\n', "has no column 'visit'"),
        (f'[events]\nformat = "csv"\n{COLUMNS}explode = "e"\n', "has explode, which is for format jsonl and not csv"),
        (f'[events]\nformat = "jsonl"\n{COLUMNS}encoding = "latin-1"\n', "has encoding, which is for format csv"),
        (f'[events]\n{COLUMNS}quote = ""\n', "has quote, which is for format csv and not parquet: leave it"),
        (
            f'[events]\nformat = "csv"\n{COLUMNS}timestamp_format = "%"\n',
            "timestamp_format of .* is '%': a format like",
        ),
        (f'[events]\nformat = "csv"\n{COLUMNS}timestamp_format = "%s"\n', "is expected \\(.*%s"),
    ],
)
def test_a_mapping_that_means_nothing_is_a_sentence(tmp_path, layout, engine, mapping, sentence):
    with pytest.raises((ValueError, FileNotFoundError), match=sentence):
        run(engine, layout, tmp_path / "in", mapping, log__csv="who,what,at\na,b,2024-03-01\n")
    assert not layout.raw.exists()


def test_a_log_without_a_mapping_is_an_error(tmp_path, layout, engine):
    with pytest.raises(ValueError, match="needs --mapping FILE"):
        import_mapped(engine, layout, tmp_path)

"""Importers on tiny files in the exact published formats: headers, separators, clocks, encodings, gzip."""

import gzip
from datetime import UTC, date, datetime

import pyarrow.parquet as pq
import pytest

from warehouse.sources.public.diginetica import import_diginetica
from warehouse.sources.public.movielens import GENRES_100K, import_movielens
from warehouse.sources.public.otto import import_otto
from warehouse.sources.public.rees46 import import_rees46
from warehouse.sources.public.retailrocket import import_retailrocket
from warehouse.sources.public.rsc15 import import_rsc15


def write(folder, name, text, encoding="utf-8"):
    folder.mkdir(parents=True, exist_ok=True)
    data = text.encode(encoding)
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)


def events(layout):
    """All raw events, by day and file, as tuples of user, item, time and what else there is."""
    rows = []
    for path in sorted((layout.raw / "events").glob("*/*.parquet")):
        rows += [tuple(row.values()) for row in pq.read_table(path).to_pylist()]
    return rows


def items(layout):
    return pq.read_table(layout.raw_items / "items.parquet").to_pylist()


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_rsc15(tmp_path, layout, engine):
    write(
        tmp_path / "in",
        "yoochoose-clicks.dat",
        "1,2014-04-07T10:51:09.277Z,214536502,0\n"
        "1,2014-04-07T10:54:09.868Z,214536500,S\n"
        "2,2014-04-08T13:56:37.614Z,214662742,7\n"
        "2,2014-04-08T13:57:19.373Z,214662742,0\n",
    )
    write(tmp_path / "in", "yoochoose-buys.dat", "2,2014-04-08T14:00:00.001Z,214662742,1046,1\n")
    report = import_rsc15(engine, layout, tmp_path / "in")
    assert events(layout) == [
        (1, 214536502, utc(2014, 4, 7, 10, 51, 9, 277000), 1, "click"),
        (1, 214536500, utc(2014, 4, 7, 10, 54, 9, 868000), 1, "click"),
        (2, 214662742, utc(2014, 4, 8, 14, 0, 0, 1000), 2, "buy"),
        (2, 214662742, utc(2014, 4, 8, 13, 56, 37, 614000), 2, "click"),
        (2, 214662742, utc(2014, 4, 8, 13, 57, 19, 373000), 2, "click"),
    ]
    assert items(layout) == [
        {"item_id": 214536500, "category": None},
        {"item_id": 214536502, "category": None},
        {"item_id": 214662742, "category": "7"},
    ]
    assert (report.events, report.items, report.first_day, report.last_day) == (
        5,
        3,
        date(2014, 4, 7),
        date(2014, 4, 8),
    )


def test_retailrocket(tmp_path, layout, engine):
    write(
        tmp_path / "in",
        "events.csv",
        "timestamp,visitorid,event,itemid,transactionid\n"
        "1433221332117,257597,view,355908,\n1433224214164,992329,transaction,248676,4000\n",
    )
    header = "timestamp,itemid,property,value\n"
    write(tmp_path / "in", "item_properties_part1.csv", header + "1435460400000,355908,categoryid,1338\n")
    write(
        tmp_path / "in",
        "item_properties_part2.csv",
        header + '1439089200000,355908,categoryid,7\n1,355908,888,"1116713 960601"\n',
    )
    import_retailrocket(engine, layout, tmp_path / "in")
    assert events(layout) == [
        (257597, 355908, utc(2015, 6, 2, 5, 2, 12, 117000), "view"),
        (992329, 248676, utc(2015, 6, 2, 5, 50, 14, 164000), "transaction"),
    ]
    assert items(layout) == [{"item_id": 355908, "category": "7"}]


@pytest.mark.parametrize(
    "header", ["sessionId;userId;itemId;timeframe;eventdate", "session_id;user_id;item_id;timeframe;eventdate"]
)
def test_diginetica(tmp_path, layout, engine, header):
    write(
        tmp_path / "in",
        "train-item-views.csv",
        f"{header}\n1;NA;81766;526309;2016-05-09\n1;NA;31331;1031018;2016-05-09\n",
    )
    write(tmp_path / "in", "products.csv", "itemId;pricelog2;product.name.tokens\n81766;10;4875,776,56689\n31331;9;1\n")
    write(tmp_path / "in", "product-categories.csv", "itemId;categoryId\n81766;1096\n")
    import_diginetica(engine, layout, tmp_path / "in")
    assert events(layout) == [
        (1, 81766, utc(2016, 5, 9, 0, 8, 46, 309000), 1),
        (1, 31331, utc(2016, 5, 9, 0, 17, 11, 18000), 1),
    ]
    assert items(layout) == [
        {"item_id": 31331, "category": None, "price_log2": 9.0, "name_tokens": "1"},
        {"item_id": 81766, "category": "1096", "price_log2": 10.0, "name_tokens": "4875,776,56689"},
    ]


def test_a_view_of_diginetica_without_a_time_keeps_what_stood_there(tmp_path, layout, engine, shop):
    header = "sessionId;userId;itemId;timeframe;eventdate\n"
    views = "1;NA;1;5;2016-05-09\n2;NA;1;late;2016-05-09\n3;NA;1;7;May\n4;NA;1;;\n"
    write(tmp_path / "in", "train-item-views.csv", header + views)
    assert import_diginetica(engine, layout, tmp_path / "in").timeless == 3
    shop.ingest("2016-05-09")
    assert sorted((row[0], row[2]) for row in shop.table("rejected_events", "2016-05-09")) == [
        ("2", "2016-05-09 + late"),
        ("3", "May + 7"),
        ("4", None),
    ]


def test_rees46_months_of_gzip(tmp_path, layout, engine):
    header = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
    write(
        tmp_path / "in",
        "2019-Oct.csv.gz",
        header + "2019-10-31 23:59:59 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde-8bb3\n",
    )
    write(
        tmp_path / "in",
        "2019-Nov.csv.gz",
        header + "2019-11-01 00:00:01 UTC,cart,44600062,2103807459595387724,beauty.care,"
        "shiseido,33.20,541312140,72d76fde-8bb3\n",
    )
    import_rees46(engine, layout, tmp_path / "in")
    assert layout.raw_days() == [date(2019, 10, 31), date(2019, 11, 1)]
    assert events(layout) == [
        (541312140, 44600062, utc(2019, 10, 31, 23, 59, 59), "72d76fde-8bb3", "view"),
        (541312140, 44600062, utc(2019, 11, 1, 0, 0, 1), "72d76fde-8bb3", "cart"),
    ]
    assert items(layout) == [{"item_id": 44600062, "category": "beauty.care", "brand": "shiseido", "price": 33.2}]


def test_otto(tmp_path, layout, engine):
    write(
        tmp_path / "in",
        "train.jsonl",
        '{"session":0,"events":[{"aid":1517085,"ts":1659304800025,"type":"clicks"},'
        '{"aid":1563459,"ts":1659304904511,"type":"carts"}]}\n'
        '{"session":1,"events":[{"aid":424964,"ts":1659304800025,"type":"orders"}]}\n',
    )
    report = import_otto(engine, layout, tmp_path / "in" / "train.jsonl")
    assert events(layout) == [
        (0, 1517085, utc(2022, 7, 31, 22, 0, 0, 25000), 0, "clicks"),
        (1, 424964, utc(2022, 7, 31, 22, 0, 0, 25000), 1, "orders"),
        (0, 1563459, utc(2022, 7, 31, 22, 1, 44, 511000), 0, "carts"),
    ]
    assert report.events == 3


FILMS = [
    {"item_id": 1, "title": "Misérables, Les", "release_year": 1995, "genres": ["Drama", "Musical"]},
    {"item_id": 2, "title": 'Story: "So" (again)', "release_year": 1996, "genres": []},
]


def movielens_100k(folder):
    write(folder, "u.data", "196\t1\t3\t881250949\n186\t2\t3\t891717742\n")
    flags = dict.fromkeys(GENRES_100K, "0")
    first, second = flags | {"Drama": "1", "Musical": "1"}, flags
    write(
        folder,
        "u.item",
        f"1|Misérables, Les (1995)|01-Jan-1995||http://x/?a|{'|'.join(first.values())}\n"
        f'2|Story: "So" (again) (1996)|||http://x|{"|".join(second.values())}\n',
        "latin-1",
    )


def movielens_recbole(folder):
    write(
        folder,
        "ml-100k.inter",
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t1\t3\t881250949\n186\t2\t3\t891717742\n",
    )
    write(
        folder,
        "ml-100k.item",
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        '1\tMisérables, Les\t1995\tDrama Musical\n2\tStory: "So" (again)\t1996\t\n',
    )


def movielens_1m(folder, encoding="latin-1"):
    write(folder, "ratings.dat", "196::1::3::881250949\n186::2::3.5::891717742\n")
    write(
        folder,
        "movies.dat",
        '1::Misérables, Les (1995)::Drama|Musical\n2::Story: "So" (again) (1996)::(no genres listed)\n',
        encoding,
    )


def movielens_csv(folder):
    write(folder, "ratings.csv", "userId,movieId,rating,timestamp\n196,1,3.0,881250949\n186,2,3.5,891717742\n")
    write(
        folder,
        "movies.csv",
        'movieId,title,genres\r\n1,"Misérables, Les (1995)",Drama|Musical\r\n'
        '2,"Story: ""So"" (again) (1996)",(no genres listed)\r\n',
    )


@pytest.mark.parametrize(
    "published",
    [movielens_100k, movielens_recbole, movielens_1m, lambda folder: movielens_1m(folder, "utf-8"), movielens_csv],
    ids=["100k", "100k-recbole", "1m", "10m", "20m-25m-32m-latest"],
)
def test_movielens_in_every_layout_is_the_same(tmp_path, layout, engine, published):
    published(tmp_path / "in")
    report = import_movielens(engine, layout, tmp_path / "in")
    assert events(layout) == [(196, 1, utc(1997, 12, 4, 15, 55, 49)), (186, 2, utc(1998, 4, 4, 19, 22, 22))]
    assert items(layout) == FILMS
    assert (report.first_day, report.last_day) == (date(1997, 12, 4), date(1998, 4, 4))
    assert len(layout.raw_days()) == 122  # the days between have a file without rows


def test_a_movielens_folder_that_is_none_or_half_is_refused(tmp_path, layout, engine):
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        import_movielens(engine, layout, tmp_path / "nowhere")
    (tmp_path / "in").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no MovieLens ratings"):
        import_movielens(engine, layout, tmp_path / "in")
    write(tmp_path / "in", "u.data", "196\t1\t3\t881250949\n")
    with pytest.raises(FileNotFoundError, match=r"has u.data but not u.item"):
        import_movielens(engine, layout, tmp_path / "in")
    write(tmp_path / "in", "u.item", "1|Title\n", "latin-1")
    with pytest.raises(ValueError, match=r"line 1 of .*u.item has 2 fields where 24 are expected"):
        import_movielens(engine, layout, tmp_path / "in")
    assert not layout.raw.exists()


@pytest.mark.parametrize("film", ['2,So (1996),"Drama', '2,"So" (1996),Drama'])
def test_films_with_a_broken_quote_are_refused(tmp_path, layout, engine, film):
    """All films from the open quote on became the genre of one."""
    movielens_csv(tmp_path / "in")
    write(tmp_path / "in", "movies.csv", f"movieId,title,genres\n1,Les (1995),Drama\n{film}\n3,More (1997),Comedy\n")
    with pytest.raises(ValueError, match=r"movies\.csv cannot be read: .*; check its quotes, or fetch it again"):
        import_movielens(engine, layout, tmp_path / "in")
    assert not layout.raw.exists()


def test_rows_without_a_believable_time_arrive_on_the_last_day(tmp_path, layout, engine, shop):
    write(
        tmp_path / "in",
        "yoochoose-clicks.dat",
        "1,2014-04-07T10:51:09.277Z,10,0\n1,2014-04-08T10:51:09.277Z,10,0\n1,soon,11,0\n"
        ",1969-01-01T00:00:00Z,12,0\nx,2014-04-08T10:00:00Z,9,0\n",
    )
    report = import_rsc15(engine, layout, tmp_path / "in")
    assert (report.events, report.timeless, report.last_day) == (5, 2, date(2014, 4, 8))
    (ingested,) = shop.ingest("2014-04-08")
    assert ingested.rejected_by_reason == {
        "timestamp is unreadable": 1,
        "user_id is null": 1,
        "user_id is not a whole number of 64 bits": 1,
    }


def test_importing_again_replaces(tmp_path, layout, engine):
    movielens_csv(tmp_path / "in")
    import_movielens(engine, layout, tmp_path / "in")
    before = {path: path.read_bytes() for path in layout.raw.rglob("*") if path.is_file()}
    import_movielens(engine, layout, tmp_path / "in")
    assert {path: path.read_bytes() for path in layout.raw.rglob("*") if path.is_file()} == before

"""MovieLens as GroupLens publishes it (100K, 1M, 10M, 20M, 25M, 32M, latest-small) and 100K as RecBole's atomic files.

A rating is an event whatever its stars: what counts here is that somebody met the film. In every set, times are whole
seconds (UTC) and ids are integers. The layouts differ; the names of the files in the folder tell which one it is.
"""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.engine.errors import DataError
from warehouse.engine.protocol import FileColumn, LocalEngine
from warehouse.engine.text_files import Delimited, open_text
from warehouse.layout import Layout
from warehouse.sentences import shown
from warehouse.sources.raw.events import ImportReport, write_events
from warehouse.sources.raw.items import write_items
from warehouse.sources.raw.log import LogFiles
from warehouse.sources.raw.unit import alone, unit_of
from warehouse.tables import ITEMS

if TYPE_CHECKING:
    import pyarrow as pa

# The order of the flags in the last 19 columns of 100K's u.item.
GENRES_100K = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip


@dataclass(frozen=True)
class Film:
    """One row of the catalogue; the title stands without its year."""

    item_id: int
    title: str
    release_year: int | None
    genres: tuple[str, ...]


@dataclass(frozen=True)
class Shape:
    """One published layout: the file of ratings and its form, the file of films and how its lines are read."""

    ratings: str
    form: Delimited
    columns: tuple[str, str, str]  # user, item, time
    films: str
    read: Callable[[Path], Iterator[Film]]


@alone
def import_movielens(
    engine: LocalEngine, layout: Layout, path: Path, *, unit: str = "", progress: bool = False
) -> ImportReport:
    """Write a MovieLens folder as raw events and raw items.

    Raises:
        FileNotFoundError: the folder holds no known file of ratings, or not the films that belong to it.
        DataError: a file cannot be read.
    """
    shape = _shape(path)
    films = _table(list(shape.read(path / shape.films)))  # read first: a broken catalogue leaves nothing behind
    user, item, time = shape.columns
    log = LogFiles(
        (path / shape.ratings,),
        {
            "user_id": FileColumn(user, "int64"),
            "item_id": FileColumn(item, "int64"),
            "timestamp": FileColumn(time, "time", "s"),
        },
        shape.form,
    )
    report = write_events(engine, layout, log, unit=unit_of(path, unit), progress=progress)
    items = write_items(layout, films)
    return replace(report, items=items)


def _shape(folder: Path) -> Shape:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder: name the folder that holds the MovieLens files")
    for shape in SHAPES:
        if (folder / shape.ratings).is_file():
            if not (folder / shape.films).is_file():
                raise FileNotFoundError(f"{folder} has {shape.ratings} but not {shape.films}: unpack the whole set")
            return shape
    known = ", ".join(shape.ratings for shape in SHAPES)
    raise FileNotFoundError(f"{folder} holds no MovieLens ratings (one of {known}): check the path")


def _rows(path: Path, delimiter: str, fields: int, encoding: str, quoting: bool = False) -> Iterator[list[str]]:
    """The fields of a file's lines; DataError that names the line with another number of fields."""
    with open_text(path, encoding) as file:
        lines = (line.rstrip("\r\n") for line in file)
        rows = csv.reader(lines, strict=True) if quoting else (line.split(delimiter) for line in lines if line)
        try:
            for number, row in enumerate(rows, 1):
                if len(row) != fields:
                    raise DataError(f"line {number} of {path} has {len(row)} fields where {fields} are expected")
                yield row
        except csv.Error as error:  # a quote that is still open at the end, too
            raise DataError(f"{path} cannot be read: {error}; check its quotes, or fetch it again") from error


def _film(path: Path, item: str, title: str, genres: Iterator[str] | list[str], year: str = "") -> Film:
    found = re.fullmatch(r"(.*\S)\s*\((\d{4})[^()]*\)\s*", title)
    if found:
        title, year = found.group(1), year or found.group(2)
    if not re.fullmatch(r"-?[0-9]{1,19}", item) or not -(2**63) <= int(item) < 2**63:
        raise DataError(f"{path} has a film with id {shown(item)}: a whole number of 64 bits is expected")
    named = tuple(genre for genre in genres if genre and genre != "(no genres listed)")
    return Film(int(item), title.strip(), int(year) if re.fullmatch(r"\d{4}", year) else None, named)


def _recbole(path: Path) -> Iterator[Film]:
    """item_id, movie_title, release_year, class: tab-separated, genres by blanks."""
    for item, title, year, genres in list(_rows(path, "\t", 4, "utf-8"))[1:]:
        yield _film(path, item, title, genres.split(" "), year)


def _hundred_thousand(path: Path) -> Iterator[Film]:
    """u.item: id|title|release date|video date|URL|19 genre flags, Latin-1."""
    for item, title, released, _video, _url, *flags in _rows(path, "|", 5 + len(GENRES_100K), "latin-1"):
        genres = [genre for genre, flag in zip(GENRES_100K, flags, strict=True) if flag == "1"]
        yield _film(path, item, title, genres, released[-4:])


def _million(path: Path) -> Iterator[Film]:
    """movies.dat: id::title::genres by bars. 1M is Latin-1 and 10M is UTF-8."""
    try:
        yield from [
            _film(path, item, title, genres.split("|")) for item, title, genres in _rows(path, "::", 3, "utf-8")
        ]
    except UnicodeDecodeError:
        yield from (
            _film(path, item, title, genres.split("|")) for item, title, genres in _rows(path, "::", 3, "latin-1")
        )


def _csv(path: Path) -> Iterator[Film]:
    """movies.csv: movieId,title,genres by bars; quoted titles."""
    for item, title, genres in list(_rows(path, ",", 3, "utf-8", quoting=True))[1:]:
        yield _film(path, item, title, genres.split("|"))


def _table(films: list[Film]) -> "pa.Table":
    import pyarrow as pa

    features = [("release_year", pa.int16()), ("genres", pa.list_(pa.string()))]
    return pa.table(
        {
            "item_id": [film.item_id for film in films],
            "title": [film.title for film in films],
            "release_year": [film.release_year for film in films],
            "genres": [list(film.genres) for film in films],
        },
        schema=pa.schema([*ITEMS.schema(optional=("title",)), *features]),
    )


_FIELDS = ("user", "item", "rating", "time")
SHAPES = (
    Shape(
        "ml-100k.inter",
        Delimited("\t", quote=""),
        ("user_id:token", "item_id:token", "timestamp:float"),
        "ml-100k.item",
        _recbole,
    ),
    Shape("u.data", Delimited("\t", _FIELDS, quote=""), ("user", "item", "time"), "u.item", _hundred_thousand),
    Shape("ratings.dat", Delimited("::", _FIELDS, quote=""), ("user", "item", "time"), "movies.dat", _million),
    Shape("ratings.csv", Delimited(","), ("userId", "movieId", "timestamp"), "movies.csv", _csv),
)

"""`gru4rec recommend`: what comes next, for one list of items or for every session of a file."""

import argparse
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gru4rec.cli.console import columns_of, say, set_threads
from gru4rec.cli.files import read_events, require_columns
from gru4rec.cli.paths import check_new_file
from gru4rec.config.sentences import shown
from gru4rec.data.ids import as_ids, in_column
from gru4rec.data.table_files import TableFile
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.serving.answers import Recommendations
from gru4rec.serving.events import contexts_of
from gru4rec.serving.lists import list_threads
from gru4rec.serving.recommend import Recommender
from gru4rec.serving.stream import StreamConfig
from gru4rec.storage.files import write_parquet

INTEGER = re.compile(r"^[+-]?[0-9]{1,19}$")


def recommend_command(arguments: argparse.Namespace) -> None:
    """One list on standard output, or a list a session into a parquet file."""
    if arguments.sessions is not None and arguments.out is None:
        raise ValueError("--sessions needs --out R.parquet, the file that the lists are written to")
    if arguments.items is not None and arguments.out is not None:
        raise ValueError("--out goes with --sessions; the list of --items is printed")
    if arguments.titles is not None and arguments.items is None:
        raise ValueError("--titles goes with --items; the lists of --sessions are written as ids")
    StreamConfig(arguments.n)  # its limits hold for one list too
    if arguments.out is not None:
        check_new_file(arguments.out, "--out")
    recommender = Recommender.load(arguments.model_dir, arguments.device)
    set_threads(arguments.threads or list_threads(recommender.scorer))
    vocabulary = recommender.scorer.vocabulary
    exclude = parse_ids(arguments.exclude, vocabulary)
    allow = None if arguments.allow is None else allowed_ids(arguments.allow, vocabulary)
    if arguments.items is not None:
        items = parse_ids(arguments.items, vocabulary)
        answer = recommender.recommend(items, arguments.n, exclude, allow, not arguments.with_seen)
        titles = None if arguments.titles is None else titles_of(arguments.titles, arguments.item_column, answer.ids)
        _print_list(answer, len(items), titles)
        return
    contexts, users = session_contexts(arguments, vocabulary)
    batches = recommender.recommend_stream(contexts, arguments.n, not arguments.with_seen, allow, exclude)
    rows = _write_lists(arguments.out, batches, arguments.session_column)
    say(f"{rows} rows for {users} sessions written to {arguments.out}")


def _print_list(answer: Recommendations, given: int, titles: dict[Any, str | None] | None) -> None:
    """One list as lines of text, with titles where they are given; what is special about it on standard error."""
    if answer.unknown:
        say(f"unknown to the model and left out: {', '.join(map(str, answer.unknown))}")
    if answer.context_length == 0:
        say(f"{'no known item' if given else 'no item id'} was given in --items: these are the popular items")
    if len(answer.ids) == 0:
        say("nothing is left to recommend: every item that may be is excluded or was seen")
    print("rank\titem_id\tscore\tprobability" + ("" if titles is None else "\ttitle"))
    answers = zip(answer.ids.to_pylist(), answer.scores, answer.probabilities, strict=True)
    for rank, (item, score, probability) in enumerate(answers, start=1):
        title = "" if titles is None else f"\t{' '.join((titles.get(item) or '').split())}"
        print(f"{rank}\t{item}\t{score:.6g}\t{probability:.6g}{title}")


def titles_of(path: Path, item_column: str, ids: pa.Array) -> dict[Any, str | None]:
    """The titles of some items out of a file of items.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it lacks a column, its titles are no text, its ids are of another type than the model's, and what
            `TableFile` raises.
    """
    names = [item_column, "title"]
    file = TableFile.open(path, names)
    require_columns(file, names, "--item-column")
    table = file.read(names, item=item_column, item_type=ids.type)
    try:
        known = in_column(item_column, partial(as_ids, like=ids.type), table[item_column])
        titles = table["title"].cast(pa.string())
    except (ValueError, pa.ArrowException) as error:
        raise ValueError(f"{path}: {error}") from error
    if known.type != ids.type:
        raise ValueError(f"the ids of {path} are {known.type}, but the model's are {ids.type}")
    wanted = pc.is_in(known, value_set=ids)
    return dict(zip(known.filter(wanted).to_pylist(), titles.filter(wanted).to_pylist(), strict=True))


def parse_ids(text: str, vocabulary: Vocabulary) -> pa.Array:
    """`"A,B,C"` as ids of the vocabulary's type; ValueError names a word where the model knows integers."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if pa.types.is_string(vocabulary.id_type):
        return pa.array(words, type=pa.string())
    others = [word for word in words if not INTEGER.match(word) or not -(2**63) <= int(word) < 2**63]
    if others:
        raise ValueError(f"the model's item ids are 64-bit integers, and {shown(others)[1:-1]} is not one")
    return pa.array([int(word) for word in words], type=pa.int64())


def allowed_ids(text: str, vocabulary: Vocabulary) -> pa.Array:
    """The ids of --allow; those that the model does not know are named. ValueError where it knows none of them."""
    ids = parse_ids(text, vocabulary)
    unknown = ids.filter(pa.array(vocabulary.encode(ids) < 0))
    if len(unknown) == len(ids):
        named = ", ".join(map(str, ids.to_pylist())) or "no id was given"
        raise ValueError(f"--allow names no item that the model knows ({named}), so nothing is left to recommend")
    if len(unknown):
        say(f"--allow: unknown to the model and left out: {', '.join(map(str, unknown.to_pylist()))}")
    return ids


def session_contexts(arguments: argparse.Namespace, vocabulary: Vocabulary) -> tuple[Iterator[pa.RecordBatch], int]:
    """The events of a file as contexts, a session a user, in order of their ids; and how many sessions there are.

    How many events are of items that the model does not know is said.
    """
    columns = columns_of(arguments)
    events = read_events(arguments.sessions, columns, vocabulary.id_type)
    try:
        contexts = contexts_of(events, columns, vocabulary)
    except ValueError as error:
        raise ValueError(f"{arguments.sessions}: {error}") from error
    if unknown := np.count_nonzero(vocabulary.encode(as_ids(events[columns.item], like=vocabulary.id_type)) < 0):
        say(
            f"{unknown} of {events.num_rows} events of {arguments.sessions} are of items unknown to the model and left "
            "out; a session of no others gets the popular items"
        )
    return contexts, len(events[arguments.session_column].unique())


def _write_lists(path: Path, batches: Iterator[pa.RecordBatch], session_column: str) -> int:
    first = next(batches, None)
    if first is None:
        raise ValueError("the sessions file holds no events; nothing is written")
    schema = first.rename_columns([session_column, *first.schema.names[1:]]).schema

    def renamed() -> Iterator[pa.RecordBatch]:
        yield first.rename_columns(schema.names)
        for batch in batches:
            yield batch.rename_columns(schema.names)

    return write_parquet(path, schema, renamed())

"""The same ids in every form that tools write, into the library: text files, commands, the served model.

Frames and parquet files: `tests/gru4rec/data/test_ways_in.py`.
"""

import contextlib
import itertools
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gru4rec.__main__ import main
from gru4rec.data.dataset import Dataset
from gru4rec.storage import checkpoint
from tests.gru4rec.requests.saved_model import recommender_of
from tests.tools import fields_of, files, frames, text_files, texts
from tests.ways_in.way import HALVES, NUMBERS, UNKEPT, Ids, Way, forms, is_whole, items_of, of_two_sessions


@pytest.mark.parametrize("which", HALVES)
def test_text_files_of_the_library(tmp_path: Path, which: str) -> None:
    way = Way("text files of the library")
    for name, column, _ in forms(which, "text of the library"):
        for tool, path in text_files(of_two_sessions(column), tmp_path / name):
            if ".jsonl" not in tool:
                fields = fields_of(path, "item_id")
                read = partial(Dataset.from_table, path)
                way.judge((name, tool), fields, lambda read=read: items_of(read()), may_refuse=None in fields)
    way.end()


TINY = ("--preset", "rsc15", "--set", "epochs=1", "--set", "hidden_size=4", "--set", "n_sample=4", "--threads", "1")


@pytest.mark.parametrize("which", HALVES)
def test_the_commands(tmp_path: Path, which: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`gru4rec fit`, `evaluate` and `recommend` on one file each."""
    way = Way("gru4rec fit, evaluate, recommend")
    folder = tmp_path / "model"
    for name, column, _ in itertools.islice(forms(which, "commands"), 2 if which == "sample" else None):
        table = of_two_sessions(column)
        found = [*files(table, tmp_path / name), *text_files(table, tmp_path / f"{name} as text")]
        for tool, path in found if which == "all" else found[:2]:
            if ".jsonl" in tool:
                continue
            fields = fields_of(path, "item_id") if "." in tool else texts(column)
            expected = fields if (name, tool) not in UNKEPT else [None] * len(NUMBERS)

            def run(*arguments: str) -> str:
                capsys.readouterr()
                code = main([*arguments])
                said = capsys.readouterr()
                if code:
                    raise ValueError(said.err.strip().splitlines()[-1])
                return said.out

            def read(path: Path = path) -> Ids:
                run("fit", str(path), "--model-dir", str(folder), *TINY)
                assert json.loads(run("evaluate", str(folder), str(path)).splitlines()[-1])["predictions"] == 4
                lists = folder / "lists.parquet"
                run("recommend", str(folder), "--sessions", str(path), "--out", str(lists), "--with-seen", "-n", "6")
                known = checkpoint.load(folder).model.vocabulary.ids.to_pylist()
                assert {str(item) for item in pq.read_table(lists)["item_id"].to_pylist()} == set(map(str, known))
                return sorted(map(str, known))

            distinct = sorted({text for text in expected if text is not None})
            way.judge((name, tool), distinct, read, may_refuse=None in expected)
            shutil.rmtree(folder, ignore_errors=True)
    way.end()


@pytest.mark.parametrize("which", HALVES)
def test_requests_to_the_served_model(tmp_path: Path, which: str) -> None:
    """The items of a request as every tool has them in memory, and as JSON."""
    pytest.importorskip("mlflow")
    from gru4rec.requests.rows import read_requests

    way = Way("the served model")
    for name, column, table in forms(which, "requests"):
        ids = texts(column)
        for tool, frame in frames(table.select(["item_id"])):
            held = frame["item_id"]
            values = held.to_pylist() if hasattr(held, "to_pylist") else held.to_list()
            given = {"as a list": values}
            with contextlib.suppress(NotImplementedError):  # pandas of a string_view
                given["as an array"] = held.to_numpy()
            with contextlib.suppress(TypeError, ValueError):  # what JSON cannot say
                given["as JSON"] = json.loads(json.dumps(values, allow_nan=False))
            known = [text for text in ids if text is not None] or ["3"]
            whole = all(is_whole(text) for text in known)
            recommender = recommender_of(pa.array(sorted(set(map(int, known)) if whole else set(known))))
            for how, items in given.items():

                def read(items: Any = items, recommender: Any = recommender, ids: Ids = ids) -> Ids:
                    [answer] = recommender.recommend_batch(read_requests([{"items": items, "n": 1}]))
                    assert answer.unknown == [], answer.unknown
                    return ids if answer.context_length == len(NUMBERS) else [None]

                # Bytes without their column's type may be text or a UUID.
                may_refuse = None in ids or any(isinstance(item, bytes) for item in items)
                way.judge((name, tool, how), ids, read, may_refuse=may_refuse)
    way.end()

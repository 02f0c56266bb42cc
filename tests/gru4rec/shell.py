"""What the tests of the shell's commands share: small files, good and bad, and a command that is refused."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gru4rec.__main__ import main

SMALL = ["--preset", "rsc15", "--set", "epochs=2", "--set", "hidden_size=8", "--set", "n_sample=16", "--threads", "1"]


def write_events(path: Path, sessions: int, seed: int, text_ids: bool = False, names: tuple = ()) -> Path:
    """A walk around a ring of 40 items: after item i comes i + 1, sometimes i + 2."""
    generator = np.random.default_rng(seed)
    rows = []
    for session in range(sessions):
        item = int(generator.integers(40))
        for step in range(int(generator.integers(2, 6))):
            rows.append((session, f"item {item:02}" if text_ids else item, session * 10 + step))
            item = (item + 1 + int(generator.random() < 0.2)) % 40
    columns = [pa.array(column) for column in zip(*rows, strict=True)]
    pq.write_table(pa.table(columns, names=list(names or ("session_id", "item_id", "timestamp"))), path)
    return path


def bad_file(path: Path, kind: str) -> Path:
    """A parquet file with one fault, or none where a file should be."""
    columns = {"session_id": [1, 1, 2, 2], "item_id": [1, 2, 1, 2], "timestamp": [1, 2, 3, 4]}
    if kind == "no rows":
        columns = {name: pa.array([], pa.int64()) for name in columns}
    elif kind == "one-event sessions":
        columns["session_id"] = [1, 2, 3, 4]
    elif kind == "no item column":
        columns["item"] = columns.pop("item_id")
    elif kind == "null item":
        columns["item_id"] = [1, None, 1, 2]
    elif kind == "text ids":
        columns["item_id"] = ["a", "b", "a", "b"]
    elif kind == "float ids":
        columns["item_id"] = [0.5, 1.5, 0.5, 1.5]
    elif kind == "text times":
        columns["timestamp"] = ["now", "then", "now", "then"]
    elif kind == "unknown items":
        columns["item_id"] = [1001, 1002, 1003, 1004]
    if kind == "not parquet":
        path.write_text("session_id,item_id\n1,2\n")
    elif kind != "absent":
        pq.write_table(pa.table(columns), path)
    return path


def refused(arguments: list[str], capsys: pytest.CaptureFixture) -> str:
    """The one sentence that a refused command says."""
    try:
        code = main(arguments)
    except SystemExit as exit:
        code = exit.code
    out, err = capsys.readouterr()
    sentence = err.strip().splitlines()[-1]
    assert code == 2, err
    assert out == ""
    assert "Traceback" not in err
    return sentence

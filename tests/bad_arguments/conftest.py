"""Good and bad files for commands that have to be refused."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.bad_arguments.refusals import DEEP, DIGITS, LONG, MAPPING


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with good and bad files, which no command of this test may change."""
    folder = tmp_path_factory.mktemp("ground")
    (folder / "log.csv").write_text("u,i,t,s\na,b,2024-03-01,1\na,c,2024-03-01,2\n")
    (folder / "m.toml").write_text(f'[events]\nformat = "csv"\nfiles = ["log.csv"]\n{MAPPING}')
    rows = {"session_id": [1, 1, 2, 2], "item_id": [1, 2, 1, 2], "timestamp": [1, 2, 3, 4]}
    pq.write_table(pa.table(rows), folder / "t.parquet")
    for name, column in {
        "lists": pa.array([[1], [2], [3], [4]]),
        "structs": pa.array([{"a": 1}] * 4),
        "nulls": pa.array([1, None, 2, 3]),
        "halves": pa.array([1.5, 2.5, 1.0, 2.0]),
        "bools": pa.array([True, False, True, False]),
        "times": pa.array([1, 2, 3, 4], pa.timestamp("us")),
        "mixed": pa.array([2.0**63, 1, 2, 3]),
    }.items():
        for role in ("session_id", "item_id", "timestamp"):
            if role != "item_id" and name in ("times", "nulls", "mixed", "halves", "bools"):
                continue
            pq.write_table(pa.table({**rows, role: column}), folder / f"{role}-{name}.parquet")
    (folder / "cut.parquet").write_bytes((folder / "t.parquet").read_bytes()[:-20])
    (folder / "empty.parquet").write_bytes(b"")
    packed = gzip.compress(("u,i,t\n" + "a,b,2024-03-01\n" * 20_000).encode())
    (folder / "damaged.csv.gz").write_bytes(packed[: len(packed) // 2] + bytes(40) + packed[len(packed) // 2 + 40 :])
    (folder / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    (folder / "zeros.csv.gz").write_bytes(gzip.compress(bytes(50_000_000)))

    (folder / "wide-head.csv").write_text(f"u,i,{'t' * 300_000}\na,b,2024-03-01\n")
    (folder / "deep.jsonl").write_text(f'{{"u": 1, "i": 2, "t": {DEEP}}}\n')
    (folder / "deep.json").write_text(DEEP)
    (folder / "deep.toml").write_text(f"[events]\nuser_id = {DEEP}\n")
    (folder / "no-config.json").write_text("[1, 2]")
    (folder / "long.json").write_text(json.dumps({LONG: 1}))
    (folder / "digits.json").write_text(f'{{"hidden_size": {DIGITS}}}')
    (folder / "model").mkdir()
    return folder

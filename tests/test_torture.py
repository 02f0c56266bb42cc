"""`make torture` on a few cases, and the pieces by which it judges: they must see a night that lacks a part."""

import datetime as dt
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.torture.counts import Counts, sentence_problem
from benchmarks.torture.nights import SECOND, Ended
from benchmarks.torture.spoil import WAYS
from warehouse.recommendations import Expected, NightFacts, publish

ROOT = Path(__file__).resolve().parent.parent


def published(root: Path, users: int) -> None:
    """The night SECOND with two items a user."""
    count = 2 * users
    rows = pa.table(
        {
            "user_id": np.repeat(np.arange(users), 2),
            "rank": pa.array([1, 2] * users, pa.int16()),
            "item_id": [7, 8] * users,
            "score": pa.array([2.0, 1.0] * users, pa.float32()),
            "probability": pa.array([0.5, 0.2] * users, pa.float32()),
            "model": ["GRU4Rec"] * count,
            "context_length": pa.array([3] * count, pa.int16()),
        }
    )
    publish(root / "recommendations", dt.date.fromisoformat(SECOND), rows.to_batches(), NightFacts(), Expected(n=2))


def elsewhere(code: str, root: Path) -> str:
    """What a line of code prints in a process of its own: readers are forked, which other tests' threads forbid."""
    begin = (
        "from pathlib import Path; from benchmarks.torture.counts import partial; "
        "from benchmarks.torture.readers import seen; from tests.test_torture import SECOND, published; "
        f"root = Path({str(root)!r}); "
    )
    done = subprocess.run([sys.executable, "-c", begin + code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.slow
def test_a_night_of_which_a_part_is_missing_is_seen(tmp_path: Path) -> None:
    first = elsewhere("print(partial(root, [(0, 1, 7)])); published(root, users=3)", tmp_path)
    assert first == "None", "no night is no part of one"
    whole = [(user, rank, item) for user in range(3) for rank, item in ((1, 7), (2, 8))]
    more = [*whole, (3, 1, 7)]
    code = f"print(seen(root, SECOND)); print(partial(root, {whole})); print(partial(root, {more}))"
    found, same, fewer = elsewhere(code, tmp_path).splitlines()
    assert found == str({"package": whole, "duckdb": whole, "polars": whole})
    assert (same, fewer) == ("None", "package sees 6 rows of 7")


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_spoil_a_file_spoils_it(tmp_path: Path, way: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"some bytes of a file")
    WAYS[way](file, random.Random(1))
    assert not file.is_file() or file.read_bytes() != b"some bytes of a file"
    assert file.is_dir() == (way == "a folder")


def test_what_counts_as_held(capsys: pytest.CaptureFixture) -> None:
    assert sentence_problem(Ended(0, False, ["the disk is full: free some space"], [], 1.0)) is None
    assert sentence_problem(Ended(0, False, [], [], 1.0)) == "no word at all"
    assert "a stack trace" in str(sentence_problem(Ended(0, False, ["said"], ["Traceback\nKeyError: 'x'"], 1.0)))
    counts = Counts()
    counts.add("one", None, "the same lists")
    counts.add("two", "no word at all", "one sentence")
    assert str(counts) == "2 tried, 1 held (1 the same lists), 1 failed"
    assert "FAILED two: no word at all" in capsys.readouterr().out
    counts.include({"the same lists": 2, "one sentence": 1}, ["three: a stack trace"])
    assert str(counts) == "6 tried, 4 held (3 the same lists, 1 one sentence), 2 failed"


@pytest.mark.slow
def test_a_few_of_each() -> None:
    cases = ["--kills", "4", "--spoiled", "4", "--rivals", "1", "--shares", "2"]
    command = [sys.executable, "-m", "benchmarks.torture", *cases]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for kind, tried in (("kills", 4), ("nights after kills", 2), ("spoiled", 4), ("rivals", 1)):
        assert f"{kind}: {tried} tried, {tried} held" in done.stdout

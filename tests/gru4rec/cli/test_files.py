"""Odd files and odd answers in the shell: what is said names the file, the column and what to do."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gru4rec.__main__ import main
from gru4rec.cli.files import read_events, training_data
from gru4rec.data.dataset import Dataset
from gru4rec.data.frames import ColumnNames
from tests.gru4rec.shell import SMALL, refused, write_events

FEW = [*SMALL, "--set", "epochs=1", "batch_size=40"]
NAN = float("nan")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train.parquet, and a model of its integer ids in model/."""
    folder = tmp_path_factory.mktemp("data")
    train = write_events(folder / "train.parquet", 120, 0)
    assert main(["fit", str(train), "--model-dir", str(folder / "model"), *FEW]) == 0
    return folder


def events(path: Path, **changed: list | pa.Array) -> Path:
    """Two sessions of two events, with other columns where they are given."""
    columns = {"session_id": [1, 1, 2, 2], "item_id": [1, 2, 1, 2], "timestamp": [1, 2, 3, 4]}
    pq.write_table(pa.table({**columns, **changed}), path)
    return path


ODD = [
    ({"timestamp": [1.0, NAN, 3.0, NAN]}, "column timestamp: 2 of 4 times are missing (NaN); drop those rows first"),
    ({"timestamp": [1.0, 2.5, 3.0, 1e300]}, "column timestamp: the time column is double and holds 1e+300; use a time"),
    ({"timestamp": ["9:00", "10:00", "9:30", "9:40"]}, "column timestamp: the time column is string; use a timestamp"),
    ({"item_id": [0.5, 1.5, 0.5, 1.5]}, "column item_id: item ids are double; use integers or strings"),
]


@pytest.mark.parametrize(("changed", "sentence"), ODD)
def test_fit_and_recommend_refuse_the_same_columns(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture, changed: dict, sentence: str
) -> None:
    path = events(tmp_path / "odd.parquet", **changed)
    said = refused(["fit", str(path), "--model-dir", str(tmp_path / "m"), *FEW], capsys)
    assert said.startswith(f"gru4rec fit: {path}: {sentence}")
    out = ["--out", str(tmp_path / "lists.parquet")]
    said = refused(["recommend", str(folder / "model"), "--sessions", str(path), *out], capsys)
    assert said.startswith(f"gru4rec recommend: {path}: {sentence}")
    assert [file.name for file in tmp_path.iterdir()] == ["odd.parquet"]


def test_times_written_as_text_or_floats_order_as_numbers(folder: Path, tmp_path: Path) -> None:
    """9 before 10, which text would not have; the last item decides the list."""
    lists = []
    for number, times in enumerate(([9, 10, 9, 10], ["9", "10", "9", "10"], [9.0, 10.0, 9.0, 10.0])):
        path = events(tmp_path / f"{number}.parquet", item_id=[5, 6, 30, 20], timestamp=times)
        out = tmp_path / f"lists-{number}.parquet"
        assert main(["recommend", str(folder / "model"), "--sessions", str(path), "--out", str(out)]) == 0
        lists.append(pq.read_table(out))
    assert lists[0].equals(lists[1])
    assert lists[0].equals(lists[2])


CLICKS = [(1, 214, 10.5), (1, 9, 11.25), (2, 214, 12.0), (2, 9, 12.125), (2, 30, 12.125), (3, 9, 1.0), (3, 30, 2.0)]


def text_file(path: Path, rows: list[tuple], delimiter: str, pack: Callable[[bytes], bytes] = bytes) -> Path:
    """A log as GRU4Rec's own preprocessing writes it, its columns in the given order."""
    lines = [["SessionId", "ItemId", "Time"], *([str(value) for value in row] for row in rows)]
    path.write_bytes(pack("".join(delimiter.join(line) + "\n" for line in lines).encode()))
    return path


COLUMNS = ["--session-column", "SessionId", "--item-column", "ItemId", "--time-column", "Time"]


def test_the_logs_of_researchers_are_read(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Tabs or commas, packed or not, parquet; whatever the name says: the same model and the same lists."""
    parquet = tmp_path / "log.parquet"
    pq.write_table(pa.table(list(map(pa.array, zip(*CLICKS, strict=True))), ["SessionId", "ItemId", "Time"]), parquet)
    zstd = pa.Codec("zstd")
    files = [
        parquet,
        text_file(tmp_path / "log.tsv", CLICKS, "\t"),
        text_file(tmp_path / "tabs.csv", CLICKS, "\t"),
        text_file(tmp_path / "log.csv", CLICKS, ","),
        text_file(tmp_path / "log.txt.gz", CLICKS, "\t", gzip.compress),
        text_file(tmp_path / "packed.csv", CLICKS, ",", gzip.compress),
        text_file(tmp_path / "log.csv.zst", CLICKS, ",", lambda data: zstd.compress(data, asbytes=True)),
    ]
    lists, figures = [], []
    for number, path in enumerate(files):
        model, out = str(tmp_path / f"m{number}"), tmp_path / f"lists-{number}.parquet"
        assert main(["fit", str(path), "--model-dir", model, *COLUMNS, *FEW]) == 0
        assert main(["evaluate", model, str(path), *COLUMNS, "--bootstrap", "0"]) == 0
        figures.append(capsys.readouterr().out.splitlines()[-1])
        assert main(["recommend", model, "--sessions", str(path), "--out", str(out), *COLUMNS]) == 0
        lists.append(pq.read_table(out))
    assert json.loads(figures[0])["predictions"] == 4
    assert set(figures) == {figures[0]}
    assert all(one.equals(lists[0]) for one in lists)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("log.inter", b"SessionId\tItemId\tTime\n1\t5\t1.5\n1\t6\t2.5\n"),
        ("log.csv", b'\xef\xbb\xbfSessionId,ItemId,Time\r\n1,5,"1.5"\r\n1,6,2.5\r\n'),
        ("log.csv", b',"a;b",SessionId,ItemId,Time,\n0,x,1,5,1.396807691869e+09,\n1,"y",1,6,1396807692.1,\n'),
        (
            "log.csv",
            b"itemid,SessionId,ItemId,Time\nx,1,5,2024-03-01T10:00:00+02:00\ny,1,6,2024-03-01T08:00:01+00:00\n",
        ),
        ("log.tsv", b"SessionId\tItemId\tTime\n1\t5\t1\n1\t6\t2\n" + b"\n"),
        ("log.csv", b"SessionId,ItemId,Time,title\tlong\n1,5,1,x\n1,6,2,y\n"),
        ("log.csv", b'SessionId;ItemId;Time;title, long;"a,b,c,d,e"\n1;5;1;x;y\n1;6;2;x;y\n'),
        ("log.csv", b'\xef\xbb\xbf"x;\r\n""y"";;;\t\t\t",SessionId,"ItemId",Time\n\xff,1,5,1\n1,1,6,2\n'),
    ],
)
def test_more_logs_of_researchers(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    data = Dataset.from_table(tmp_path / name, session="SessionId", item="ItemId", time="Time")
    assert data.vocabulary.decode(data.sessions.items).to_pylist() == [5, 6]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_quoted_line_ends_wherever_the_file_is_cut(tmp_path: Path, end: str) -> None:
    """Arrow reads a megabyte at a time: some titles lie on a border."""
    rows = [f'{row // 4},{row % 50},{row},"{"long " * 9}{end}b, {row}{end}"{end}' for row in range(40_000)]
    path = tmp_path / "log.csv"
    path.write_text(f"session_id,item_id,timestamp,title{end}" + "".join(rows), newline="")
    assert path.stat().st_size > 2 << 20
    data = Dataset.from_table(path)
    assert data.vocabulary.decode(data.sessions.items).to_pylist() == [row % 50 for row in range(40_000)]


def test_text_ids_that_look_like_numbers_stay_two(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """007 is not 7; then the ids of the model are text, and a file of plain numbers is read as text too."""
    train = text_file(tmp_path / "train.csv", [(1, "7", 1), (1, "007", 2), (2, "7", 1), (2, "8", 2)], ",")
    test = text_file(tmp_path / "test.csv", [(1, "7", 1), (1, "8", 2)], ",")
    model = str(tmp_path / "m")
    assert main(["fit", str(train), "--model-dir", model, *COLUMNS, *FEW]) == 0
    assert "2 sessions, 4 events, 3 items" in capsys.readouterr().err
    assert main(["evaluate", model, str(test), *COLUMNS, "--bootstrap", "0"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["predictions"] == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty; write it again, with the names of its columns in the first line"),
        (b"SessionId,ItemId\n1,2\n", "has no column Time; it has SessionId, ItemId (name yours with --session-column"),
        (b"SessionId,ItemId,Time\n1,2\n", "cannot be read as text (CSV parse error: Expected 3 columns, got 2"),
        (b"SessionId,ItemId,Time\n1,\xff,3\n", "cannot be read as text"),
        (b"SessionId,ItemId,Time\n1,,3\n1,2,4\n", "column ItemId: 1 of 2 item ids are null; drop those rows first"),
        (b"SessionId,ItemId,Time\n1,2,noon\n1,2,4\n", "column Time: the time column is string; use a timestamp"),
        (b"\x1f\x8bbroken", "cannot be read as text"),
        (b'SessionId,ItemId,Time\n1,5,"1\n' + b"1,6,2\n" * 400_000, "(a quote is left open, or a field is longer than"),
        (b"SessionId,ItemId,ItemId,Time\n1,5,7,1\n1,6,8,2\n", "has the column 'ItemId' 2 times; keep one of them"),
        (b"PK\x03\x04" + bytes(40), "is no text; unpack it, or write it as UTF-8"),
        (b"SessionId|ItemId|Time\n1|5|1\n", "has no column SessionId, ItemId, Time; it has SessionId|ItemId|Time"),
        ("SessionId,ItemId,Time\n1,5,1\n".encode("utf-16"), "cannot be read as text"),
        (b"SessionId;ItemId;Time\n1;5;1,5\n1;6;2,5\n", "column Time: the time column is string"),
    ],
)
def test_text_that_cannot_be_read_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture, content: bytes, sentence: str
) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    said = refused(["fit", str(path), "--model-dir", str(tmp_path / "m"), *COLUMNS, *FEW], capsys)
    assert str(path) in said
    assert sentence in said
    assert not (tmp_path / "m").exists()


def test_a_sequence_orders_events_of_one_time(tmp_path: Path) -> None:
    """Items 9 2 7 5 at one time: without the sequence the largest id would be the last click."""
    path = tmp_path / "log.parquet"
    columns = {"session_id": [1] * 4, "item_id": [9, 2, 7, 5], "timestamp": [1] * 4, "step": [1, 2, 3, 4]}
    pq.write_table(pa.table(columns), path)
    data = Dataset.from_table(path, time=("timestamp", "step"))
    assert data.vocabulary.decode(data.sessions.items).to_pylist() == [9, 2, 7, 5]
    by_id = Dataset.from_table(path)
    assert by_id.vocabulary.decode(by_id.sessions.items).to_pylist() == [2, 5, 7, 9]
    read = training_data(path, ColumnNames(sequence="step"))
    assert read.sessions.items.tolist() == data.sessions.items.tolist()


@pytest.mark.parametrize("kind", ["null items", "text against integers"])
def test_item_faults_name_file_and_column(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture, kind: str
) -> None:
    path = events(tmp_path / "odd.parquet", item_id=[1, None, 1, 2] if kind == "null items" else list("abab"))
    model, out = str(folder / "model"), str(tmp_path / "lists.parquet")
    evaluated = refused(["evaluate", model, str(path)], capsys)
    listed = refused(["recommend", model, "--sessions", str(path), "--out", out], capsys)
    warm = ["fit", str(path), "--model-dir", str(tmp_path / "m"), "--warm-start", model, *FEW]
    fitted = refused(warm, capsys)
    for said in (evaluated, listed, fitted):
        assert f"{path}: column item_id" in said
    if kind == "text against integers":
        assert f"holds string ids, but the model of --warm-start {model} knows int64 ids" in fitted
    else:
        assert "1 of 4 item ids are null; drop those rows first" in fitted


def test_a_column_that_stands_twice(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    columns = [[1, 1], [1, 2], [1, 2], [1, 2]]
    names = ["session_id", "item_id", "item_id", "timestamp"]
    path = tmp_path / "dup.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array(column) for column in columns], names=names), path)
    said = refused(["fit", str(path), "--model-dir", str(tmp_path / "m"), *FEW], capsys)
    assert f"{path} has the column item_id twice" in said


def test_folders_of_files(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """An empty one, one of two kinds of ids, and one that is read like a single file."""
    parts = tmp_path / "parts"
    parts.mkdir()
    arguments = ["fit", str(parts), "--model-dir", str(tmp_path / "m"), *FEW]
    assert f"there is no parquet file in the folder {parts}" in refused(arguments, capsys)
    events(parts / "a.parquet")
    events(parts / "b.parquet", item_id=list("abab"))
    said = refused(arguments, capsys)
    assert f"column item_id is of integers in {parts / 'a.parquet'}, but of strings in {parts / 'b.parquet'}" in said
    events(parts / "b.parquet", item_id=pa.array([1, 2, 1, 2], pa.int32()))
    assert main(arguments) == 0
    assert "train: 2 sessions, 8 events, 2 items" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the system does not count what a process reads")
def test_every_file_of_a_folder_is_read_once(tmp_path: Path) -> None:
    """Files of little more than a footer each: reading footers twice would read nearly everything twice."""
    for number in range(40):
        events(tmp_path / f"{number}.parquet", **{f"column {other}": [number] * 4 for other in range(30)})
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    before = bytes_read()
    assert read_events(tmp_path, ColumnNames()).num_rows == 160
    assert bytes_read() - before < 1.4 * size


def bytes_read() -> int:
    """By this process, so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


def test_lanes_that_stay_empty_are_said(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for lanes, noted in (("120", False), ("121", True)):
        model = str(tmp_path / lanes)
        assert main(["fit", str(folder / "train.parquet"), "--model-dir", model, *FEW, f"batch_size={lanes}"]) == 0
        assert (f"batch_size={lanes}, but there are only 120 sessions" in capsys.readouterr().err) is noted


def test_without_a_bootstrap_there_are_no_intervals(folder: Path, capsys: pytest.CaptureFixture) -> None:
    for replicates, brackets in (("10", True), ("0", False)):
        arguments = ["evaluate", str(folder / "model"), str(folder / "train.parquet"), "--bootstrap", replicates]
        assert main(arguments) == 0
        out, err = capsys.readouterr()
        assert ("[" in err) is brackets
        assert "nan" not in err
        assert json.loads(out.splitlines()[-1])["recall@20"] > 0

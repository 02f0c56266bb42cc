"""Odd files and odd answers in the shell: what is said names the file, the column and what to do."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gru4rec.__main__ import main
from gru4rec.cli.files import read_events
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
    ({"timestamp": [1.0, 2.5, 3.0, 4.0]}, "column timestamp: the time column is double; use a timestamp or whole"),
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


@pytest.mark.parametrize(
    ("flags", "note"),
    [
        (["--items", ""], "no item id was given in --items: these are the popular items"),
        (["--items", ","], "no item id was given in --items: these are the popular items"),
        (["--items", "777"], "no known item was given in --items: these are the popular items"),
        (["--items", "5", "--allow", "6,999999"], "--allow: unknown to the model and left out: 999999"),
        (["--items", "5", "--allow", "5"], "nothing is left to recommend"),
    ],
)
def test_what_is_odd_about_a_list_is_said(
    folder: Path, capsys: pytest.CaptureFixture, flags: list[str], note: str
) -> None:
    assert main(["recommend", str(folder / "model"), *flags]) == 0
    out, err = capsys.readouterr()
    assert any(line.startswith(note) for line in err.splitlines())
    assert len(out.splitlines()) == {"--allow: u": 2, "nothing is": 1}.get(note[:10], 21)


def test_an_allow_list_without_a_known_item_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    sessions = ["--sessions", str(folder / "train.parquet"), "--out", str(tmp_path / "lists.parquet")]
    for source in (["--items", "5"], sessions):
        for allow, named in (("999999", "999999"), ("", "no id was given")):
            said = refused(["recommend", str(folder / "model"), *source, "--allow", allow], capsys)
            assert f"--allow names no item that the model knows ({named})" in said


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

"""Features from the shell: fit with an items file, a cold item in a list, mistakes in one sentence."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gru4rec.__main__ import main

GENRES = ("Comedy", "Drama", "Horror")
SMALL = ["--preset", "rsc15", "--set", "epochs=4", "hidden_size=16", "n_sample=32", "--threads", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 films, ten a genre, of which the last of each nobody watched; sessions stay inside a genre."""
    folder = tmp_path_factory.mktemp("films")
    random = np.random.default_rng(4)
    rows = []
    for session in range(300):
        genre = int(random.integers(3))
        rows += [(session, 10 * genre + int(random.integers(9)), session * 10 + step, 1.0 + step) for step in range(4)]
    names = ["session_id", "film", "timestamp", "dwell_weight"]
    pq.write_table(
        pa.table([pa.array(column) for column in zip(*rows, strict=True)], names=names), folder / "t.parquet"
    )
    items = {"film": range(30), "genres": [f"{GENRES[film // 10]}|Film" for film in range(30)], "gap": [None] * 30}
    pq.write_table(pa.table(items), folder / "items.parquet")
    return folder


def command(folder: Path, model: Path, *more: str) -> list[str]:
    return ["fit", str(folder / "t.parquet"), "--item-column", "film", "--model-dir", str(model), *SMALL, *more]


def test_a_cold_film_is_listed(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    items = str(folder / "items.parquet")
    more = ["--items", items, "--set", "selected_features=[genres]", "--validation", str(folder / "t.parquet")]
    assert main(command(folder, tmp_path, *more)) == 0
    out, err = capsys.readouterr()
    assert "3 of them without a click in training (cold)" in err
    assert json.loads(out.splitlines()[-1])["predictions"] == 900
    assert main(["recommend", str(tmp_path), "--items", "10,11,12", "-n", "7"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()[1:]]
    assert {row[1] for row in rows} == {str(film) for film in range(13, 20)}  # nobody ever watched 19
    assert main(["recommend", str(tmp_path), "--items", "29", "-n", "3"]) == 0
    out, err = capsys.readouterr()
    assert "unknown" not in err
    assert {int(line.split("\t")[1]) // 10 for line in out.splitlines()[1:]} == {2}


def test_the_default_preset_takes_features(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    events = str(folder / "t.parquet")
    arguments = [
        "fit",
        events,
        "--item-column",
        "film",
        "--test",
        events,
        "--model-dir",
        str(tmp_path),
        "--threads",
        "1",
    ]
    arguments += ["--items", str(folder / "items.parquet"), "--set", "selected_features=genres", "epochs=1"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert "repeats=True" in err
    fitted = json.loads(out.splitlines()[-1])["mrr@20"]
    assert main(["evaluate", str(tmp_path), events, "--item-column", "film", "--bootstrap", "0"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["mrr@20"] == pytest.approx(fitted)


def test_weights_change_what_is_learnt(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    losses = []
    for number, more in enumerate(([], ["--weight-column", "dwell_weight"])):
        more = [*more, "--test", str(folder / "t.parquet")]
        assert main(command(folder, tmp_path / str(number), *more)) == 0
        losses.append(json.loads(capsys.readouterr().out.splitlines()[-1])["mrr@20"])
    assert losses[0] != losses[1]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--set", "selected_features=[genres]"], "needs --items ITEMS.parquet"),
        (
            ["--items", "{items}"],
            "--items needs --set selected_features=[...] with columns of {items}; it has genres, gap",
        ),
        (["--items", "{items}", "--set", "selected_features=colour"], "has no column colour for selected_features"),
        (["--items", "{items}", "--set", "selected_features=gap"], "{items}: feature gap has no value on any item"),
        (["--items", "{items}", "--set", "selected_features=genres:numeric"], "a numeric field needs numbers"),
        (["--items", "{items}x", "--set", "selected_features=genres"], "there is no items file {items}x"),
        (["--items", "{items}", "--set", "selected_features=genres", "architecture=deep"], "architecture is 'deep'"),
        (["--weight-column", "stay"], "has no column stay"),
    ],
)
def test_a_mistake_is_one_sentence_and_writes_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture, more: list[str], sentence: str
) -> None:
    items = str(folder / "items.parquet")
    assert main(command(folder, tmp_path / "model", *(word.format(items=items) for word in more))) == 2
    err = capsys.readouterr().err.splitlines()
    assert sentence.format(items=items) in err[-1]
    assert not (tmp_path / "model").exists()

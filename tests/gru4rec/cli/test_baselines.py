"""`gru4rec evaluate --baselines`: rows beside the model's, equal to those of the library; mistakes are sentences."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gru4rec.__main__ import main
from gru4rec.baselines import BASELINES
from gru4rec.data.dataset import Dataset
from gru4rec.evaluation.evaluate import evaluate
from tests.gru4rec.shell import SMALL, refused, write_events


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train.parquet, test.parquet and a trained model in model/, of text ids."""
    folder = tmp_path_factory.mktemp("baselines")
    train = write_events(folder / "train.parquet", 300, 0, text_ids=True)
    write_events(folder / "test.parquet", 40, 1, text_ids=True)
    assert main(["fit", str(train), "--model-dir", str(folder / "model"), *SMALL]) == 0
    return folder


def test_every_baseline_is_a_row_with_the_figures_of_the_library(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    model, test, train = (str(folder / name) for name in ("model", "test.parquet", "train.parquet"))
    names = "popularity, Markov,sequential-rules,V-SKNN,vstan"
    out = tmp_path / "figures.parquet"
    arguments = ["evaluate", model, test, "--bootstrap", "10", "--out", str(out)]
    assert main(arguments[:-2]) == 0
    alone = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert "baselines" not in alone
    assert main([*arguments, "--baselines", names, "--train", train]) == 0
    beside = json.loads(capsys.readouterr().out.splitlines()[-1])
    rows = beside.pop("baselines")
    assert beside == alone
    assert [row["model"] for row in rows] == list(BASELINES)
    data = Dataset.from_table(train)
    held_out = data.held_out(test)
    for row in rows:
        by_library = evaluate(BASELINES[row["model"]].fit(data.sessions, data.vocabulary), held_out, bootstrap=0)
        assert {name: row[name] for name in by_library.metrics} == pytest.approx(by_library.metrics)
        assert row["tie_rule"] == "conservative"
    assert rows[0]["recall@20"] < rows[1]["recall@20"], "after an item of the ring comes its neighbour"
    assert set(pq.read_table(out)["model"].to_pylist()) == {"GRU4Rec", *BASELINES}
    assert main([*arguments[:-2], "--baselines", "markov", "--train", train, "--tie-rule", "standard"]) == 0
    [row] = json.loads(capsys.readouterr().out.splitlines()[-1])["baselines"]
    assert row["tie_rule"] == "standard"


def test_items_that_the_model_does_not_know_are_left_out_and_counted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    table = pq.read_table(folder / "train.parquet")
    items = [item if place % 10 else "unheard of" for place, item in enumerate(table["item_id"].to_pylist())]
    other = tmp_path / "other.parquet"
    pq.write_table(table.set_column(1, "item_id", [items]), other)
    arguments = ["evaluate", str(folder / "model"), str(folder / "test.parquet"), "--bootstrap", "0"]
    assert main([*arguments, "--baselines", "popularity", "--train", str(other)]) == 0
    left_out = f"{items.count('unheard of')} events of {other} are of items unknown to the model and left out"
    assert left_out in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--baselines", "markov"], "--baselines needs --train TRAIN.parquet, the events that they learn from"),
        (["--train", "train.parquet"], "--train goes with --baselines"),
        (
            ["--baselines", "markov,knn", "--train", "train.parquet"],
            "--baselines has no 'knn'; there are popularity, markov, sequential-rules, v-sknn, vstan",
        ),
        (["--baselines", "", "--train", "train.parquet"], "--baselines has no ''; there are popularity"),
        (["--baselines", "vstan,VSTAN", "--train", "train.parquet"], "--baselines names vstan twice; name it once"),
        (["--baselines", "markov", "--train", "gone.parquet"], "there is no file"),
        (["--baselines", "markov", "--train", "unknown.parquet"], "unknown.parquet has nothing to learn from"),
    ],
)
def test_a_mistake_is_a_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture, more: list[str], sentence: str
) -> None:
    table = pq.read_table(folder / "train.parquet")
    unknown = table.set_column(1, "item_id", [[f"other {item}" for item in table["item_id"].to_pylist()]])
    pq.write_table(unknown, folder / "unknown.parquet")
    more = [str(folder / word) if word.endswith(".parquet") else word for word in more]
    arguments = ["evaluate", str(folder / "model"), str(folder / "test.parquet"), "--out", str(tmp_path / "o.parquet")]
    assert sentence in refused([*arguments, *more], capsys)
    assert list(tmp_path.iterdir()) == []

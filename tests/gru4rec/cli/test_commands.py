"""The shell's commands, called in process."""

import json
from importlib import metadata
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
import torch

from gru4rec.__main__ import main
from gru4rec.cli.settings import read_config
from gru4rec.config.options import Config, read_settings
from gru4rec.config.presets import PRESETS
from gru4rec.storage import checkpoint
from tests.gru4rec.shell import SMALL, refused, write_events


def test_fit_ends_with_one_json_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    test = str(folder / "test.parquet")
    assert main(["fit", str(folder / "train.parquet"), "--test", test, "--model-dir", str(tmp_path / "m"), *SMALL]) == 0
    out, err = capsys.readouterr()
    figures = json.loads(out.splitlines()[-1])
    assert {f"{m}@{k}" for m in ("recall", "mrr") for k in (5, 10, 20)} <= set(figures)
    assert {"ndcg@20", "events_per_second", "fit_seconds", "epochs"} <= set(figures)
    assert 0 < figures["mrr@20"] <= figures["recall@20"] <= 1
    assert figures["epochs"] == 2
    assert figures["measured_on"] == "test"
    assert "300 sessions" in err

    assert main(["evaluate", str(tmp_path / "m"), test, "--bootstrap", "10"]) == 0
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert again["recall@20"] == pytest.approx(figures["recall@20"])
    assert again["mrr@20"] == pytest.approx(figures["mrr@20"])


def test_figures_come_over_known_targets_and_over_all(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Of the two sessions of items that training does not know, one has nothing else, the other a known one between."""
    table = pq.read_table(folder / "test.parquet")
    more = {"session_id": [900, 900, 901, 901, 901], "item_id": [77, 78, 3, 77, 4], "timestamp": [1, 2, 1, 2, 3]}
    test = tmp_path / "test.parquet"
    pq.write_table(pa.concat_tables([table, pa.table(more, schema=table.schema)]), test)
    targets = table.num_rows + 5 - len(set(table["session_id"].to_pylist())) - 2
    model = str(tmp_path / "m")
    for command in (
        ["fit", str(folder / "train.parquet"), "--test", str(test), "--model-dir", model, *SMALL],
        ["evaluate", model, str(test), "--bootstrap", "0"],
    ):
        assert main(command) == 0
        out, err = capsys.readouterr()
        figures = json.loads(out.splitlines()[-1])
        assert figures["unknown_targets"] == 2  # 3 -> 4 has a rank, 77 -> 78 and 3 -> 77 have none
        assert figures["predictions"] + 2 == targets
        for metric in ("recall@20", "mrr@20"):
            expected = figures[metric] * figures["predictions"] / targets
            assert figures[f"{metric}_all_targets"] == pytest.approx(expected)
        assert f"2 of {targets} targets are unknown to training and left out; as misses: recall@20 0." in err


def test_without_a_test_file_there_are_no_rank_metrics(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["fit", str(folder / "train.parquet"), "--model-dir", str(tmp_path), *SMALL]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert not [name for name in figures if "@" in name]
    assert None not in figures.values()
    assert figures["events_per_second"] > 0


def test_resume_goes_on_from_what_is_there(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    train, whole, halves = str(folder / "train.parquet"), tmp_path / "whole", tmp_path / "halves"
    arguments = ["fit", train, "--test", str(folder / "test.parquet"), *SMALL]
    assert main([*arguments, "--model-dir", str(whole)]) == 0
    expected = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert main([*arguments, "--model-dir", str(halves), "--set", "epochs=1"]) == 0
    capsys.readouterr()
    assert main([*arguments, "--model-dir", str(halves), "--resume"]) == 0
    resumed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert resumed["epochs"] == 2
    assert resumed["mrr@20"] == expected["mrr@20"]


@pytest.mark.parametrize("preset", ["auto", "retailrocket"])
def test_a_checkpoints_own_configuration_trains_the_same_model_again(folder: Path, tmp_path: Path, preset: str) -> None:
    train, recipe = str(folder / "train.parquet"), tmp_path / "c.json"
    chosen = ["--preset", preset, "--set", "epochs=2", "n_sample=64", "hidden_size=12"]
    assert main(["fit", train, "--model-dir", str(tmp_path / "a1"), "--threads", "1", *chosen]) == 0
    manifest = tmp_path / "a1" / "checkpoint.json"
    recipe.write_text(json.dumps(json.loads(manifest.read_text())["config"]))
    assert main(["fit", train, "--model-dir", str(tmp_path / "a2"), "--threads", "1", "--config", str(recipe)]) == 0
    first, second = (checkpoint.load(tmp_path / name) for name in ("a1", "a2"))
    assert read_config(manifest, {}) == first.config  # the manifest itself will do
    assert first.config == second.config
    assert first.model.merged == second.model.merged
    assert (first.model.merged is not None) == (preset == "auto")
    for name, value in first.model.tensors().items():
        assert torch.equal(value, second.model.tensors()[name]), name


def test_a_configuration_file_and_a_warm_start(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text('{"model": {"hidden_size": 8}, "epochs": 1, "n_sample": 0}')
    arguments = ["fit", str(folder / "train.parquet"), "--config", str(settings), "--threads", "1", "--seed", "5"]
    assert main([*arguments, "--model-dir", str(tmp_path / "m"), "--warm-start", str(folder / "model")]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[-1])["epochs"] == 1
    assert "n_sample=0" in err
    assert "seed=5" in err


def test_other_column_names_and_text_ids(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    names = ("visit", "product", "clock")
    train = write_events(tmp_path / "train.parquet", 200, 0, text_ids=True, names=names)
    flags = ["--session-column", "visit", "--item-column", "product", "--time-column", "clock"]
    model = str(tmp_path / "m")
    assert main(["fit", str(train), "--test", str(train), "--model-dir", model, *flags, *SMALL]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["predictions"] > 0
    assert main(["recommend", model, "--items", "item 03, item 04,no such item", "-n", "3"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split("\t") == ["rank", "item_id", "score", "probability"]
    assert [line.split("\t")[0] for line in lines[1:]] == ["1", "2", "3"]
    assert "no such item" in err
    lists = tmp_path / "lists.parquet"
    assert main(["recommend", model, "--sessions", str(train), "--out", str(lists), "-n", "7", *flags]) == 0
    table = pq.read_table(lists)
    assert table.num_rows == 200 * 7
    assert table.column_names[:4] == ["visit", "rank", "item_id", "score"]


def test_recommend_keeps_to_exclude_allow_and_seen(folder: Path, capsys: pytest.CaptureFixture) -> None:
    model = str(folder / "model")
    for flags, expected in [
        (["--allow", "1,2,3,5"], {"1", "2", "3"}),
        (["--allow", "1,2,3,5", "--with-seen"], {"1", "2", "3", "5"}),
        (["--allow", "1,2,3,5", "--exclude", "2"], {"1", "3"}),
    ]:
        assert main(["recommend", model, "--items", "5", *flags]) == 0
        assert {line.split("\t")[1] for line in capsys.readouterr().out.splitlines()[1:]} == expected


def test_recommend_shows_titles_where_they_are_known(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    titles = tmp_path / "items.parquet"
    pq.write_table(pa.table({"item_id": range(30), "title": [f"Film\t{n}" for n in range(30)]}), titles)
    assert main(["recommend", str(folder / "model"), "--items", "1,2", "-n", "20", "--titles", str(titles)]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "rank\titem_id\tscore\tprobability\ttitle"
    for line in lines:
        _, item, *_, title = line.split("\t")
        assert title == (f"Film {item}" if int(item) < 30 else "")
    asked = ["recommend", str(folder / "model"), "--items", "1", "--titles"]
    assert "there is no file" in refused([*asked, str(tmp_path / "none")], capsys)
    (tmp_path / "text").write_text("no parquet")
    assert "cannot be read as parquet" in refused([*asked, str(tmp_path / "text")], capsys)
    pq.write_table(pa.table({"item_id": [1], "name": ["a"]}), titles)
    assert "has no column title; it has item_id, name" in refused([*asked, str(titles)], capsys)
    pq.write_table(pa.table({"item_id": ["a"], "title": ["a"]}), titles)
    assert "are string, but the model's are int64" in refused([*asked, str(titles)], capsys)
    pq.write_table(pa.table({"item_id": [1], "title": [["a"]]}), titles)
    assert "items.parquet: " in refused([*asked, str(titles)], capsys)


@pytest.mark.parametrize("packed", ["items.csv", "items.parquet"])
def test_titles_that_are_numbers_are_shown_from_any_file(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture, packed: str
) -> None:
    items = pa.table({"item_id": range(100), "title": range(1900, 2000)})
    write = csv.write_csv if packed.endswith("csv") else pq.write_table
    write(items, tmp_path / packed)
    assert main(["recommend", str(folder / "model"), "--items", "1,2", "--titles", str(tmp_path / packed)]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert all(int(line.split("\t")[1]) + 1900 == int(line.split("\t")[-1]) for line in lines)


def test_the_version_is_that_of_the_installed_package(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"gru4rec-nightly {metadata.version('gru4rec-nightly')}\n"


def test_evaluate_writes_all_figures_by_segment(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.parquet"
    assert main(["evaluate", str(folder / "model"), str(folder / "test.parquet"), "--out", str(out)]) == 0
    table = pq.read_table(out)
    assert table.column_names == ["model", "metric", "segment", "value", "low", "high", "n"]
    assert "position=1" in table["segment"].to_pylist()
    assert [file.name for file in tmp_path.iterdir()] == ["figures.parquet"]


@pytest.mark.parametrize(("named", "threads"), [([], 1), (["--threads", "3"], 3)])
def test_scoring_takes_the_threads_that_are_named_or_one_for_a_narrow_model(
    folder: Path, named: list[str], threads: int
) -> None:
    before = torch.get_num_threads()
    model, test = str(folder / "model"), str(folder / "test.parquet")
    try:
        for command in (["evaluate", model, test, "--bootstrap", "0"], ["recommend", model, "--items", "1"]):
            torch.set_num_threads(2)
            assert main([*command, *named]) == 0
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_presets_are_listed(capsys: pytest.CaptureFixture) -> None:
    assert main(["presets"]) == 0
    auto, *published = capsys.readouterr().out.splitlines()
    assert auto.startswith("auto: ")
    for line, name in zip(published, PRESETS, strict=True):
        listed, _, parameters = line.partition(": ")
        assert listed == name
        texts = dict(pair.split("=") for pair in parameters.split())
        assert Config().override(read_settings(texts)) == PRESETS[name]

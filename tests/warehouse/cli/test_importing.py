"""`warehouse import` and `warehouse generate` as typed."""

import sys

import pytest

from warehouse.__main__ import main
from warehouse.layout import Layout


def test_generate_then_nothing_else_is_needed(tmp_path, capsys):
    arguments = ["generate", "--events", "2000", "--days", "2", "--data", str(tmp_path), "--quiet", "--drift", "0.1"]
    assert main(arguments) == 0
    assert "events of 2026-01-01 to 2026-01-02" in capsys.readouterr().out
    assert len(Layout(tmp_path).raw_days()) == 2


@pytest.mark.parametrize("terminal", [True, False])
def test_import_a_log_by_mapping_with_a_bar_on_a_terminal_alone(tmp_path, capsys, monkeypatch, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    (tmp_path / "log.csv").write_text("u,i,t\na,b,2024-03-01\na,c,never\n")
    (tmp_path / "m.toml").write_text('[events]\nformat="csv"\nuser_id="u"\nitem_id="i"\ntimestamp="t"\n')
    path, data = str(tmp_path / "log.csv"), str(tmp_path / "data")
    assert main(["import", "log", path, "--mapping", str(tmp_path / "m.toml"), "--data", data]) == 0
    told = capsys.readouterr()
    assert "2 events of 2024-03-01 to 2024-03-01 and 0 items written below" in told.out
    assert "1 rows without a believable time" in told.out
    assert ("events/s" in told.err) is terminal


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["import", "movielens", "nowhere"], "nowhere is not a folder"),
        (["import", "rsc15", "nowhere"], "nowhere does not exist"),
        (["import", "log", "nowhere"], "needs --mapping FILE"),
        (["import", "otto", "nowhere", "--mapping", "m.toml"], "--mapping is for SOURCE log"),
        (["import", "otto", "nowhere", "--memory-limit", "lots"], "memory_limit is 'lots'"),
    ],
)
def test_wrong_input_is_one_sentence_and_status_2(tmp_path, capsys, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("warehouse: ")
    assert sentence in told
    assert told.count("\n") == 1
    assert not list(tmp_path.rglob("*.parquet"))


def test_an_unknown_source_lists_the_known_ones(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["import", "netflix", "x"])
    assert stopped.value.code == 2
    assert "movielens" in capsys.readouterr().err

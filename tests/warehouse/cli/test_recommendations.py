"""What people type: readable tables, JSON for programs, exit codes, sentences."""

import argparse
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse import recommendations as table
from warehouse.__main__ import main
from warehouse.cli.recommendations import add_commands


@pytest.fixture
def shell(nights):
    """Run `warehouse recommendations ...` on the nights of the fixture; returns the exit code."""
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())

    def run(*words: str) -> int:
        args = parser.parse_args(["recommendations", "--data", str(nights.layout.root), *words])
        return args.run(args)

    return run


@pytest.fixture
def two(nights):
    nights.publish(0)
    nights.publish(1)
    return nights


def test_a_users_list_is_a_readable_table_with_titles(shell, two, capsys):
    items = two.layout.partition("items", two.day(0))
    items.parent.mkdir(parents=True)
    pq.write_table(pa.table({"item_id": list(range(50)), "title": [f"Film {i}" for i in range(50)]}), items)
    assert shell("--user", "7", "--n", "3") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("night 2026-01-11, ")
    assert "model version 7, made 2026-01-11 02:00 UTC" in lines[0]
    assert lines[1].split() == ["rank", "item", "title", "score", "model"]
    listed = table.for_user(two.layout, 7, 3)
    assert [line.split() for line in lines[3:]] == [
        [str(i), str(row["item_id"]), "Film", str(row["item_id"]), f"{row['score']:.3f}", "GRU4Rec"]
        for i, row in enumerate(listed, start=1)
    ]
    assert shell("--user", "7", "--json", "--night", "2026-01-10") == 0
    assert json.loads(capsys.readouterr().out) == table.for_user(two.layout, 7, run_date=two.day(0))


def test_an_unknown_user_and_no_user(shell, two, capsys):
    assert shell("--user", "999") == 1
    assert "user 999 has no list in this night" in capsys.readouterr().out
    assert shell("--user", "999", "--json") == 1
    assert json.loads(capsys.readouterr().out) == []
    assert shell("--json") == 0
    assert json.loads(capsys.readouterr().out)["run_date"] == "2026-01-11"


def test_require_fresh_fails_on_an_old_night(shell, two):
    with pytest.raises(table.StaleNight, match="look into the nightly run"):
        shell("--user", "7", "--require-fresh")
    assert shell("--user", "7", "--require-fresh", "--max-age-days", "100000") == 0


def test_what_is_asked_before_the_action_holds_for_it(shell, two, capsys, tmp_path):
    shell("--night", "2026-01-10", "verify")
    assert capsys.readouterr().out.startswith("2026-01-10: ")
    shell("--night", "2026-01-10", "verify", "--night", "2026-01-11")
    assert capsys.readouterr().out.startswith("2026-01-11: ")
    for words in (["export", str(tmp_path / "run.parquet")], ["--night", "2026-01-10", "--user", "7"]):
        with pytest.raises(table.StaleNight, match="look into the nightly run"):
            shell("--require-fresh", *words)
    assert not list(tmp_path.glob("*.parquet"))


def test_a_user_is_not_taken_for_all_users(shell, two, tmp_path):
    with pytest.raises(ValueError, match="export writes the lists of all users: leave out --user 7"):
        shell("--user", "7", "export", str(tmp_path / "run.parquet"))
    assert not list(tmp_path.glob("*.parquet"))


def test_an_empty_name_of_the_data_folder_is_none(monkeypatch):
    monkeypatch.setenv("GRU4REC_DATA", "")
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    assert str(parser.parse_args(["recommendations"]).data) == "data"


def test_a_user_that_is_no_number_is_refused_where_ids_are(shell, two):
    with pytest.raises(ValueError, match="--user 'anna' is not a number"):
        shell("--user", "anna")


def test_rollback_history_and_retain(shell, two, capsys):
    assert shell("rollback") == 0
    assert "shows version 2 again (newest night 2026-01-10), as version 4" in capsys.readouterr().out
    assert table.latest(two.layout).run_date == two.day(0)
    assert shell("rollback", "--to-version", "3") == 0
    capsys.readouterr()
    assert shell("history", "--limit", "3") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["5", "4", "3"]
    assert shell("retain", "--keep-nights", "1") == 0
    assert "1 night(s) kept, 1 dropped" in capsys.readouterr().out
    assert shell("history") == 0
    assert "dropped before 2026-01-11" in capsys.readouterr().out
    assert shell("--json", "history") == 0
    assert json.loads(capsys.readouterr().out)[-1]["operation"] == "CREATE TABLE"


def test_history_fits_a_terminal_and_says_what_was_rolled_back_and_why(shell, nights, capsys):
    facts = table.NightFacts(1234, "0123456789abcdef0123456789abcdef", metadata={"git_commit": "d" * 40})
    nights.publish(0, facts=facts)
    nights.publish(1)
    why = "the lists of last night hold recalled items, found by the morning's report " * 2
    assert shell("rollback", "--reason", why) == 0
    capsys.readouterr()
    assert shell("history") == 0
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines()) <= 100
    head, _, newest, reason, more, *_ = out.splitlines()
    assert head.split() == ["version", "at", "(UTC)", "what", "night", "rows", "model", "run"]
    assert "rolled back to version 2" in newest
    assert newest.split()[-4:] == ["2026-01-10", "150", "1234", "01234567"], "the night that the table shows since"
    assert f"{reason.strip()} {more.strip()}" == why.strip()
    row = table.history(nights.layout, 1).to_pylist()[0]
    assert (row["rolled_back_to"], row["reason"], row["metadata"]) == (2, why, "{}")


def test_the_newest_night_says_that_the_table_was_rolled_back_until_a_night_is_published(shell, two, capsys):
    assert table.latest(two.layout).rollback is None
    shell("rollback", "--reason", "recalled items")
    capsys.readouterr()
    assert shell("--user", "7") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("night 2026-01-10, ")
    assert lines[1].startswith("the table was rolled back to version 2 on ")
    assert lines[1].endswith(" UTC: recalled items")
    assert shell("--json") == 0
    assert "rolled back to version 2" in json.loads(capsys.readouterr().out)["rollback"]
    table.retain(two.layout, 5)
    assert table.latest(two.layout).rollback.reason == "recalled items", "cleaning up does not hide it"
    two.publish(1)
    assert table.latest(two.layout).rollback is None


def test_compare_and_export(shell, two, capsys, tmp_path):
    assert shell("compare", "2026-01-10", "2026-01-11", "--k", "1", "--k", "5") == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["figure", "top", "1", "top", "5"]
    assert "overlap" in out
    assert shell("export", str(tmp_path / "run.parquet"), "--format", "ranx") == 0
    assert "150 rows written" in capsys.readouterr().out
    assert pq.read_schema(tmp_path / "run.parquet").names == ["q_id", "doc_id", "score"]
    assert shell("--night", "2026-01-10", "export", str(tmp_path / "night.parquet")) == 0
    assert set(pq.read_table(tmp_path / "night.parquet")["run_date"].to_pylist()) == {two.day(0)}


def test_a_date_that_is_none_is_a_usage_error(shell, two, capsys):
    with pytest.raises(SystemExit):
        shell("--night", "yesterday")
    assert "is not a day: write it as YYYY-MM-DD" in capsys.readouterr().err


def test_mistakes_are_one_sentence_and_exit_code_2(nights, two, capsys):
    """Through the entrance that people use."""
    root = str(nights.layout.root)
    for words, sentence in (
        (["--data", root, "--user", "7", "--require-fresh"], "look into the nightly run"),
        (["--data", root, "--night", "2020-01-01", "--user", "7"], "has no night 2020-01-01: it holds 2"),
        (["--data", root + "/elsewhere", "--user", "7"], "there is no recommendations table at"),
        (["--data", root, "--user", "anna"], "is not a number"),
        (["--data", root, "rollback", "--to-version", "77"], "has versions 0 to 3, not 77"),
    ):
        assert main(["recommendations", *words]) == 2
        out, errors = capsys.readouterr()
        assert out == ""
        assert sentence in errors
        assert len(errors.splitlines()) == 1

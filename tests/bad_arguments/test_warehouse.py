"""Arguments of `warehouse`."""

from pathlib import Path
from typing import Any

import pytest

from tests.bad_arguments.refusals import DIGITS, LONG, NO_DAY, NO_WHOLE, all_refused


def test_warehouse_arguments(ground: Path, tmp_path: Path, capsys: Any) -> None:
    from warehouse.__main__ import main

    data = ["--data", str(tmp_path / "data")]
    table = ["recommendations", *data]
    commands = [
        [*command, *data]
        for option, values in {
            "--events": ["", "-1", "x", "1.5", "1e9", "nan", "0", str(2**63), DIGITS, LONG],
            "--items": [*NO_WHOLE[:-1], "3", str(10**12)],
            "--days": [*NO_WHOLE[:-1], "0", "100000"],
            "--seed": NO_WHOLE[:-1],
            "--drift": ["", "-0.1", "1", "2", "nan", "inf", "x", LONG],
            "--first-day": NO_DAY,
        }.items()
        for command in [["generate", option, value] for value in values]
    ]
    commands += [["import", "otto", str(ground), *data, "--memory-limit", value]
                 for value in ("", "500%", "0GB", "lots", "-1GB", "1KB", "999999999999TB", LONG)]  # fmt: skip
    commands += [[*table, "--user", "1", "--n", value] for value in [*NO_WHOLE, "0"]]
    commands += [[*table, "--night", value] for value in NO_DAY]
    commands += [[*table, "--max-age-days", value] for value in NO_WHOLE]
    commands += [[*table, "history", "--limit", value] for value in [*NO_WHOLE, "0"]]
    commands += [[*table, "rollback", "--to-version", value] for value in NO_WHOLE]
    commands += [[*table, "rollback", "--to-night", value] for value in NO_DAY]
    commands += [[*table, "compare", "2026-01-01", value] for value in NO_DAY]
    commands += [[*table, "compare", "2026-01-01", "2026-01-02", "--k", value] for value in [*NO_WHOLE, "0"]]
    commands += [[*table, "retain", "--keep-nights", value] for value in [*NO_WHOLE, "0"]]
    commands += [[*table, "retain", "--keep-nights", "5", "--vacuum-hours", value] for value in NO_WHOLE]
    commands += [["serve", *data, "--port", value] for value in [*NO_WHOLE[:-1], "65536"]]
    names = ("", "a*b", "*a", "http://x", "host:80", "a b", "a/b", "ü.de", LONG + "!")
    commands += [["serve", *data, "--port", "0", "--allow-host", value] for value in names]
    commands += [[LONG], ["import"], ["import", LONG, "x"], ["recommendations", LONG], ["generate", f"--{LONG}"]]
    commands += [["import", source, str(tmp_path / LONG), *data] for source in ("movielens", "otto", "rsc15", "rees46")]
    commands += [["generate", "--events", "100", "--data", str(tmp_path / LONG)]]
    commands += [["generate", "--events", "100", "--data", str(ground / "log.csv")]]
    assert all_refused(main, commands, ground, tmp_path, capsys) > 150


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        *((["generate"], option, "-1") for option in ("--events", "--days", "--seed", "--drift")),
        (["generate"], "--items", "50"),
        (["generate"], "--events", "0"),
        (["recommendations", "retain"], "--keep-nights", "0"),
        (["recommendations", "retain", "--keep-nights", "5"], "--vacuum-hours", "-1"),
    ],
)
def test_a_sentence_names_the_option_as_it_was_typed(
    command: list[str], option: str, value: str, tmp_path: Path, capsys: Any
) -> None:
    from warehouse.__main__ import main

    with pytest.raises(SystemExit) as stopped:
        main([command[0], "--data", str(tmp_path), *command[1:], f"{option}={value}"])
    assert stopped.value.code == 2
    assert f"argument {option}: {value} is not a " in capsys.readouterr().err.replace("'", "")
    assert not list(tmp_path.iterdir())

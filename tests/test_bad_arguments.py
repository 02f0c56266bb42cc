"""Arguments and files that no command can use: exit status 2, one short sentence, and nothing on disk is changed.

All in this process, through `main(argv)` of the three packages.
"""

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

LONG = "x" * 5000
DEEP = "[" * 3000 + "]" * 3000
DIGITS = "9" * 5000
NO_WHOLE = ["", "-1", "x", "1.5", "1e9", "0x10", "nan", "inf", str(2**31), str(2**63), str(2**64), DIGITS, LONG, "٣"]
NO_DAY = ["", "soon", "2026-13-01", "2026-02-30", "0001-01-01", "9999-12-31", "-1", LONG, "2026-01-31T10:00"]
NO_DEVICE = ["", "gpu", "cuda:-1", "cuda:99", "cpu:5", "tpu", "meta", LONG]
MAPPING = 'user_id = "u"\nitem_id = "i"\ntimestamp = "t"\n'


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


@pytest.fixture(scope="module")
def model(ground: Path) -> Path:
    """A small model."""
    from gru4rec.config.options import Config
    from gru4rec.data.vocabulary import Vocabulary
    from gru4rec.network.model import GRU4Rec
    from gru4rec.storage import checkpoint

    config = Config().override({"hidden_size": 8})
    made = GRU4Rec(config.model, Vocabulary(pa.array([1, 2]), np.array([2, 2])))
    made.initialise(1)
    checkpoint.save(ground / "good", made, config, {"temperature": 1.5})
    return ground / "good"


def digest(folder: Path) -> str:
    """A hash of the names and bytes of everything below a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found.update(f"{path.relative_to(folder)}\0".encode() + (path.read_bytes() if path.is_file() else b""))
    return found.hexdigest()


def refused(main: Callable[[list[str]], int], arguments: list[str], capsys: Any) -> str | None:
    """What is wrong with how a command refuses its arguments; None where nothing is."""
    try:
        status = main(arguments)
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    told = capsys.readouterr().err
    last = [line for line in told.splitlines() if line][-1:] or [""]
    if status != 2:
        return f"status {status}: {told[-200:]}"
    if len(told) >= 700 or len(last[0]) >= 580 or not last[0]:
        return f"{len(told)} characters: {told[:200]}"
    return None


def all_refused(
    main: Callable[[list[str]], int], commands: list[list[str]], ground: Path, tmp_path: Path, capsys: Any
) -> int:
    """Run commands that each have to be refused; returns how many there were."""
    before = digest(ground), digest(tmp_path)
    wrong = {}
    for arguments in commands:
        if (problem := refused(main, arguments, capsys)) is not None:
            wrong[" ".join(one[-60:] for one in arguments)] = problem
    assert not wrong, "\n".join(f"{k}\n    {v}" for k, v in wrong.items())
    assert (digest(ground), digest(tmp_path)) == before
    return len(commands)


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
    commands += [[LONG], ["import"], ["import", LONG, "x"], ["recommendations", LONG], ["generate", f"--{LONG}"]]
    commands += [["import", source, str(tmp_path / LONG), *data] for source in ("movielens", "otto", "rsc15", "rees46")]
    commands += [["generate", "--events", "100", "--data", str(tmp_path / LONG)]]
    commands += [["generate", "--events", "100", "--data", str(ground / "log.csv")]]
    assert all_refused(main, commands, ground, tmp_path, capsys) > 150


def test_warehouse_files(ground: Path, tmp_path: Path, capsys: Any) -> None:
    from warehouse.__main__ import main

    data = ["--data", str(tmp_path / "data"), "--quiet"]

    def of(text: str, path: str = "log.csv") -> list[str]:
        mapping = ground / f"m-{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}.toml"
        mapping.write_text(text)
        return ["import", "log", str(ground / path), "--mapping", str(mapping), *data]

    head = '[events]\nformat = "csv"\n'
    keys = ("user_id", "item_id", "timestamp", "sequence", "session_id", "event_type", "timestamp_unit", "time_zone",
            "timestamp_format", "user_id_type", "delimiter", "quote", "encoding", "files", "names")  # fmt: skip
    values = ("5", "1.5", "true", "[]", "[5]", "{}", "{a = 1}", "nan", '"' + LONG + '"', '""', DEEP, DIGITS)
    commands = []
    for key in keys:
        rest = "".join(line + "\n" for line in MAPPING.splitlines() if not line.startswith(f"{key} "))
        for value in values:
            if (key, value) in {("quote", '""'), ("names", "[]"), ("files", "[]")}:
                continue
            commands.append(of(f"{head}{rest}{key} = {value}\n"))
    commands += [
        of(f'{head}{MAPPING}[items]\nformat = "csv"\nitem_id = "i"\n{key} = {value}\n')
        for key in ("features", "numbers", "title", "item_id")
        for value in ("5", "true", "[5]", '[""]', "{}", '["i", "i"]', DEEP)
        if key != "item_id"
    ]
    commands += [
        of(f'{head}user_id = "u"\nitem_id = "u"\ntimestamp = "t"\n'),
        of(f'{head}user_id = "u"\nitem_id = "i"\ntimestamp = "i"\n'),
        of(f'{head}{MAPPING}sequence = "t"\n'),
        of(f'{head}{MAPPING}[items]\nformat = "csv"\nitem_id = "i"\nfeatures = ["item_id"]\n'),
        of(f'{head}{MAPPING}[items]\nformat = "csv"\nitem_id = "i"\nfeatures = ["u"]\nnumbers = ["u"]\n'),
        of(f'{head}{MAPPING}files = ["../*"]\n', ""), of(f'{head}{MAPPING}files = ["/etc/*"]\n', ""),
        of(f"{head}{MAPPING}", "damaged.csv.gz"), of(f"{head}{MAPPING}", "cut.csv.gz"),
        of(f"{head}{MAPPING}", "zeros.csv.gz"),
        of(f"{head}{MAPPING}", "wide-head.csv"), of(f"{head}{MAPPING}", "empty.parquet"),
        of(f'[events]\nformat = "jsonl"\n{MAPPING}', "deep.jsonl"),
        of(f"[events]\n{MAPPING}", "cut.parquet"), of(f"[events]\n{MAPPING}", "t.parquet"), of(f"events = {DEEP}\n"),
        of("events = 5\n"), of("[[events]]\n"), of(f"[{LONG}]\n"), of(f"[events]\n{LONG} = 5\n"),
    ]  # fmt: skip
    nested = {"list": pa.array([[1]]), "struct": pa.array([{"a": 1}]), "bool": pa.array([True]),
              "duration": pa.array([1], pa.duration("s"))}  # fmt: skip
    for (name, column), role in product(nested.items(), ("u", "i", "t", "sku")):
        folder = ground / f"nested-{name}-{role}"
        folder.mkdir()
        table: dict[str, Any] = {"u": [1], "i": [2], "t": ["2024-03-01"]}
        pq.write_table(pa.table({**table, role: column}), folder / "log.parquet")
        pq.write_table(pa.table({"sku": column}), folder / "items.parquet")
        items = '[items]\nfiles = ["items.parquet"]\nitem_id = "sku"\n' if role == "sku" else ""
        commands.append(of(f'[events]\nfiles = ["log.parquet"]\n{MAPPING}{items}', folder.name))
    for name, item in {"big": "9" * 20, "digits": DIGITS, "text": "b"}.items():
        films = ground / f"films-{name}"
        films.mkdir()
        (films / "u.data").write_text(f"1\t{item}\t3\t881250949\n")
        (films / "u.item").write_text(f"{item}|T (1995)|01-Jan-1995||u|" + "|".join("0" * 18 + "1") + "\n")
        commands.append(["import", "movielens", str(films), *data])
    missing = ["m-none.toml", "deep.toml", "log.csv", "model", LONG, "t.parquet"]
    commands += [["import", "log", str(ground / "log.csv"), "--mapping", str(ground / name), *data] for name in missing]
    assert all_refused(main, commands, ground, tmp_path, capsys) > 100


def checkpoints(model: Path, folder: Path) -> Iterator[Path]:
    """Copies of a model in each of which one value of checkpoint.json is of another type."""
    manifest = json.loads((model / "checkpoint.json").read_text())
    manifest.pop("sha256", None)  # as an older version wrote it: with a sum every change is refused for that alone
    bad: list[Any] = [None, 5, -1, 1.5, "x", True, [], [1], {}, {"a": 1}]
    places = [(key,) for key in manifest] + [("config", key) for key in manifest["config"]]
    places += [
        ("config", "model", "hidden_size"),
        ("config", "train", "alternate"),
        ("files", "weights.safetensors"),
        ("extra", "temperature"),
    ]
    for number, (place, value) in enumerate((place, value) for place in places for value in bad):
        spoiled = json.loads(json.dumps(manifest))
        inner = spoiled
        for key in place[:-1]:
            inner = inner[key]
        same = type(inner[place[-1]]) is type(value)
        meant = [(("merged",), None), (("config", "train", "alternate"), []), (("extra", "temperature"), 5)]
        if same or (place, value) in meant:
            continue
        inner[place[-1]] = value
        copy = folder / f"{number}"
        shutil.copytree(model, copy)
        (copy / "checkpoint.json").write_text(json.dumps(spoiled))
        yield copy
    for number, text in enumerate((DEEP, "", "[]", "5", "{}", '{"a":' * 2000 + "1" + "}" * 2000, DIGITS, "nan")):
        copy = folder / f"text-{number}"
        shutil.copytree(model, copy)
        (copy / "checkpoint.json").write_text(text)
        yield copy


def test_gru4rec_arguments_and_files(ground: Path, model: Path, tmp_path: Path, capsys: Any) -> None:
    from gru4rec.__main__ import main

    train, out = str(ground / "t.parquet"), str(tmp_path / "made")
    fit = ["fit", train, "--model-dir", out, "--preset", "rsc15"]
    commands = [[*fit, "--seed", value] for value in NO_WHOLE]
    commands += [[*fit, "--threads", value] for value in [*NO_WHOLE, "0"]]
    commands += [[*fit, "--device", value] for value in NO_DEVICE]
    for name in ("hidden_size", "batch_size", "bptt", "n_sample", "epochs", "num_layers", "members", "embedding_size"):
        commands += [[*fit, "--set", f"{name}={value}"] for value in NO_WHOLE]
    commands += [
        [*fit, "--set", f"{name}={value}"]
        for name in ("learning_rate", "dropout_hidden", "momentum", "logq", "cosine", "elu")
        for value in ("", "x", "nan", "inf", "-1", "1e300", DIGITS, "[]")
    ]
    texts = ["", "=", "x", f"{LONG}=1", f"loss={LONG}", f"alternate={DEEP}", f"alternate={{{DEEP}"]
    texts += ["selected_features={", f"selected_features={{{DEEP}", "monitor=recall@999999999"]
    commands += [[*fit, "--set", text] for text in texts]
    commands += [
        ["fit", train, "--model-dir", out, "--config", str(ground / name)]
        for name in ("deep.json", "no-config.json", "long.json", "digits.json", "t.parquet", "none.json", "model", LONG)
    ]
    files = [path.name for path in ground.glob("*.parquet") if path.name != "t.parquet"]
    commands += [
        ["fit", str(ground / name), "--model-dir", out, "--preset", "rsc15"] for name in [*files, "model", LONG]
    ]
    commands += [["fit", str(ground / name), "--model-dir", out, "--preset", "rsc15",
                  "--session-column", "u", "--item-column", "i", "--time-column", "t"]
                 for name in ("damaged.csv.gz", "cut.csv.gz", "zeros.csv.gz", "wide-head.csv")]  # fmt: skip
    commands += [["fit", train, "--model-dir", str(tmp_path / LONG), "--preset", "rsc15"]]
    commands += [[*fit, option, "item_id"] for option in ("--session-column", "--time-column")]
    commands += [["evaluate", str(model), train, "--bootstrap", value] for value in NO_WHOLE]
    commands += [["evaluate", str(model), train, "--out", str(tmp_path / LONG)]]
    commands += [["recommend", str(model), "--items", "1", "-n", value] for value in [*NO_WHOLE[:-1], "0"]]
    commands += [["recommend", str(model), "--items", value] for value in (LONG, DIGITS, "1.5", "x", str(2**63))]
    commands += [["recommend", str(model), "--items", "1", "--allow", value] for value in (LONG, DIGITS, "3", "")]
    spoiled = tmp_path / "spoiled"
    spoiled.mkdir()
    commands += [["recommend", str(copy), "--items", "1"] for copy in checkpoints(model, spoiled)]
    assert all_refused(main, commands, ground, tmp_path, capsys) > 200


def test_pipelines_arguments(ground: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.__main__ import main

    monkeypatch.chdir(tmp_path)
    commands = [
        ["ui", option, value] for option in ("--dagster-port", "--mlflow-port") for value in [*NO_WHOLE, "0", "65536"]
    ]
    commands += [["ui", "--dagster-port", "5000"], ["promote", "1"], [LONG], [], ["night", LONG]]
    commands += [["promote", value, "--reason", "x"] for value in [*NO_WHOLE, "0"]]
    commands += [["night", "--date", value] for value in NO_DAY]
    for home in (str(ground / "log.csv"), str(ground / "log.csv" / "inside"), str(tmp_path / LONG)):
        monkeypatch.setenv("DAGSTER_HOME", home)
        problem = refused(main, ["night", "--date", "2026-01-01"], capsys)
        assert problem is None, problem
    monkeypatch.setenv("DAGSTER_HOME", str(ground / "home"))
    (ground / "home").mkdir()
    (ground / "home" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    assert all_refused(main, commands, ground, tmp_path, capsys) > 40

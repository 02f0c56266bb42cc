"""Arguments, files and damaged models of `gru4rec`."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.bad_arguments.refusals import DEEP, DIGITS, LONG, NO_DEVICE, NO_WHOLE, all_refused


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
    outs = [f"--out-{part}={tmp_path / part}" for part in ("train", "test")]
    commands += [["split", train, f"--last={value}", *outs] for value in [*NO_WHOLE, "0", "1", "1.0", "0d", "1d", "d"]]
    commands += [["split", str(ground / name), "--last=0.5", *outs] for name in [*files, "model", LONG]]
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

"""Checkpoints that version 0.1 wrote (format_1/) serve the same lists, and their recipe trains the same members."""

from pathlib import Path

import numpy as np
import pytest

from gru4rec import Dataset, FitOptions, Recommender, fit
from gru4rec.config.options import Config
from gru4rec.network.merged import Merged
from gru4rec.storage import checkpoint

OLD = Path(__file__).parent / "format_1"


@pytest.mark.parametrize("name", ["merged", "plain", "one"])
def test_an_old_checkpoint_serves_the_same_list(name: str) -> None:
    lines = (OLD / name / "list.tsv").read_text().splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    answer = Recommender.load(OLD / name).recommend([3, 4, 6], n=5)
    assert answer.ids.to_pylist() == [int(item) for _, item, _, _ in rows]
    np.testing.assert_allclose(answer.scores, [float(score) for _, _, score, _ in rows], rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "widths", "scales", "cosine", "alternate"),
    [
        ("merged", (4, 3, 4), (10.0, 0.0, 10.0), 10.0, {"loss": "bpr-max", "hidden_size": 3, "cosine": 0.0,
                                                        "learning_rate": 0.05}),
        ("plain", (4, 3), (0.0, 0.0), 0.0, {"hidden_size": 3, "loss": "bpr-max"}),
    ],
)  # fmt: skip
def test_recipe_and_state_are_taken_apart(
    name: str, widths: tuple[int, ...], scales: tuple[float, ...], cosine: float, alternate: dict
) -> None:
    old = checkpoint.load(OLD / name)
    assert (old.config.model.hidden_size, old.config.model.cosine) == (4, cosine)
    assert dict(old.config.train.alternate) == alternate
    assert old.model.merged is not None
    assert old.model.merged == Merged(widths, scales, old.model.merged.factors)
    assert old.model.merged.factors == pytest.approx([1, old.model.merged.factors[1], 1][: len(widths)])
    assert old.model.merged.factors[1] > 1


@pytest.mark.parametrize("name", ["merged", "plain", "one"])
def test_the_recipe_of_an_old_checkpoint_trains_the_same_members(name: str) -> None:
    """What is added to the scores is left out: version 0.1 chose two weights of seen items in another way."""
    old = checkpoint.load(OLD / name)
    dataset = Dataset.from_table(OLD / "events.parquet")
    again = fit(dataset, old.config, FitOptions(device="cpu", threads=1)).model
    assert again.merged is None if old.model.merged is None else again.merged.widths == old.model.merged.widths
    added = {"repeat", "neighbours.items", "neighbours.bonus"}
    assert set(old.model.tensors()) - added == set(again.tensors()) - added
    for tensor in set(old.model.tensors()) - added:
        value = old.model.tensors()[tensor]
        np.testing.assert_allclose(again.tensors()[tensor], value, rtol=2e-3, atol=2e-3)


def test_an_old_configuration_file_is_the_recipe(tmp_path: Path) -> None:
    import json

    content = json.loads((OLD / "merged" / "checkpoint.json").read_text())["config"]
    assert Config.from_json(json.dumps(content)) == checkpoint.load(OLD / "merged").config


def test_an_old_checkpoint_saved_again_is_one_of_today(tmp_path: Path) -> None:
    old = checkpoint.load(OLD / "merged")
    checkpoint.save(tmp_path, old.model, old.config, old.extra)
    new = checkpoint.load(tmp_path)
    assert new.config == old.config
    assert new.model.merged == old.model.merged

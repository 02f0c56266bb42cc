"""The notebook of the examples: its cells run in their order, and the file holds no results."""

import json
from pathlib import Path
from typing import Any

import matplotlib
import pytest

NOTEBOOK = Path(__file__).resolve().parents[1] / "examples" / "quickstart.ipynb"


@pytest.fixture(scope="module")
def cells() -> list[dict[str, Any]]:
    """The cells of code."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_the_file_holds_no_results(cells: list[dict[str, Any]]) -> None:
    assert len(cells) > 5
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)


def test_the_cells_run_in_their_order(cells: list[dict[str, Any]]) -> None:
    matplotlib.use("Agg")
    found: dict[str, Any] = {}
    for cell in cells:
        exec("".join(cell["source"]), found)
    figures, history, lists = found["figures"], found["history"], found["lists"]
    assert figures.loc["GRU4Rec", "recall@20"] > figures.loc["popularity", "recall@20"]
    assert list(history["epoch"]) == [1, 2, 3]
    drawn = [list(axis.lines[0].get_ydata()) for axis in found["axes"].flat]
    assert drawn == [list(history["loss"]), list(history["recall@20"])]
    assert lists.groupby("sequence")["rank"].apply(list).tolist() == [[1, 2, 3, 4, 5]] * 2
    seen = {0: {found["a"], found["b"]}, 1: {found["c"]}}
    assert not any(item in seen[place] for place, item in zip(lists["sequence"], lists["item_id"], strict=True))
    assert set(found["everyone"]["session_id"]) == set(found["newest"]["user_id"])
    assert found["a"] not in set(found["similar"]["similar_item_id"])

"""What README and docs point at exists: links, anchors, files, functions. The picture shows today's imports."""

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.rooms.house import House, read
from benchmarks.rooms.picture import draw

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```.*?^```", re.M | re.S)


@pytest.fixture(scope="module")
def house() -> House:
    return read(ROOT)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """The relative links of a page whose file or anchor is not there."""
    found = []
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            found.append(target)
    return found


def defines(house: House, name: str) -> bool:
    """Whether a dotted name is a module, or a function, class, method or constant of one."""
    module = name
    while module not in house.trees:
        module = module.rpartition(".")[0]
    body = house.trees[module].body
    for part in name[len(module) + 1 :].split(".") if name != module else ():
        inner = next((node for node in body if part in names(node)), None)
        if inner is None:
            return False
        body = inner.body if isinstance(inner, ast.ClassDef) else []
    return True


def names(node: ast.stmt) -> set[str]:
    """The names that a statement at the top of a module or class gives."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    aliases = node.names if isinstance(node, ast.ImportFrom) else []
    return {t.id for t in targets if isinstance(t, ast.Name)} | {alias.asname or alias.name for alias in aliases}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_files_and_functions_of_a_page_exist(page: Path, house: House) -> None:
    assert broken(page) == []
    if page.name == "CHANGELOG.md":  # names files of earlier versions
        return
    text = FENCE.sub("", page.read_text())
    files = re.findall(r"`((?:gru4rec|warehouse|pipelines|tests|benchmarks|docs)/[\w/.]+\.\w+)", text)
    assert [file for file in files if not (ROOT / file).exists()] == []
    dotted = re.findall(r"`((?:gru4rec|warehouse|pipelines)(?:\.\w+)+)(?:\(\))?`", text)
    assert [name for name in dotted if not defines(house, name)] == []


def test_a_broken_link_a_broken_anchor_and_a_function_that_is_gone_are_found(tmp_path: Path, house: House) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A title\n[a](gone.md) [b](#a-title) [c](page.md#gone) [d](https://example.org/gone)\n")
    assert broken(page) == ["gone.md", "page.md#gone"]
    assert defines(house, "gru4rec.network.gru.forward")
    assert not defines(house, "gru4rec.network.gru.sideways")


def test_the_picture_of_the_rooms_shows_the_imports_of_today(house: House) -> None:
    assert (ROOT / "docs" / "rooms.svg").read_text() == draw(house), "the imports changed: make rooms draws it anew"


def test_the_lines_of_the_readme_on_the_model_alone_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a few sessions that hold the ids of the text; nothing is added to what stands there but the drawing."""
    section = (ROOT / "README.md").read_text().partition("## The model alone")[2].partition("\n## ")[0]
    [code] = re.findall(r"^```python\n(.*?)^```", section, re.M | re.S)
    generator = np.random.default_rng(0)
    events = pa.table(
        {
            "session_id": np.repeat(np.arange(120), 5),
            "item_id": generator.choice([7, 12, 42, *range(100, 130)], 600),
            "timestamp": np.arange(600),
        }
    )
    for name in ("train.parquet", "test.parquet"):
        pq.write_table(events, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(code, found)
    assert 0 <= found["recall"] <= 1
    assert found["lists"]["sequence"].unique().tolist() == [0, 1]
    assert found["everyone"].num_rows == 120 * 20
    assert found["alike"]["rank"].tolist() == list(range(1, 11))
    [drawing] = re.findall(r"(curve\.plot\(.*?\)) draws it", code)
    axes = eval(drawing, found)
    assert len(axes.lines[0].get_ydata()) == len(found["curve"])

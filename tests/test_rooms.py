"""The figures of benchmarks/rooms/house.py on a house small enough to count by hand."""

from pathlib import Path

import pytest

from benchmarks.rooms.house import House, circles, figures, levels, names, read, rooms, within
from benchmarks.rooms.picture import reduced

FILES = {
    "__init__.py": "from gru4rec.top.door import f",
    "top/__init__.py": '"""What stands above. More of it."""',
    "top/door.py": "from gru4rec.middle import one\nimport gru4rec.ground.base\ndef f(a, b, c, d, e, g, h, *i): ...",
    "middle/__init__.py": "",
    "middle/one.py": "def f():\n    from gru4rec.middle.two import g",
    "middle/two.py": "from gru4rec.middle import one\nfrom gru4rec.ground import base\nclass C:\n    def m(self): ...",
    "ground/__init__.py": "",
    "ground/base.py": "def long():\n" + "    x = 1\n" * 40,
    "alone.py": "import json",
}


@pytest.fixture
def house(tmp_path: Path) -> House:
    for name, text in FILES.items():
        (tmp_path / "gru4rec" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "gru4rec" / name).write_text(text)
    return read(tmp_path)


def test_rooms_import_rooms_below_them_and_arrows_that_follow_from_others_are_left_out_of_the_picture(
    house: House,
) -> None:
    middle, ground = "gru4rec.middle", "gru4rec.ground"
    graph = within(rooms(house), "gru4rec")
    assert graph == {"gru4rec.top": {middle, ground}, middle: {ground}, ground: set(), "gru4rec.alone": set()}
    assert levels(graph) == {"gru4rec.top": 2, middle: 1, ground: 0, "gru4rec.alone": 0}
    assert reduced(graph)["gru4rec.top"] == {middle}
    assert house.purposes["gru4rec.top"] == "What stands above. More of it."


def test_figures_are_those_counted_by_hand(house: House) -> None:
    found = figures(house)
    assert found["gru4rec: rooms"] == 4
    assert found["gru4rec: arrows between them"] == 3
    assert found["gru4rec: files in the fullest folder"] == 3
    assert found["gru4rec: floors"] == 4  # base; one and two, a circle; door; the package's own door
    assert found["functions of more than 40 lines"] == 1
    assert found["functions of more than 7 arguments"] == 1
    assert found["circles of modules"] == 1
    assert found["circles of rooms"] == 0
    assert "circle of modules: gru4rec.middle.one, gru4rec.middle.two" in set(names(house))


def test_nodes_that_reach_each_other_are_one_circle() -> None:
    assert circles({1: {2}, 2: {3}, 3: {1}, 4: {1}}) == [frozenset({1, 2, 3}), frozenset({4})]

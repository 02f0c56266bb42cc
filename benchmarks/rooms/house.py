"""The house in figures, read from the source of the three packages.

A room is what stands directly in a package: a folder, or a file beside the folders. `__init__` and `__main__` are
doors, not rooms. An import counts wherever it stands, in a function or for types alone too. Floors: the modules in the
longest chain of imports inside a package, where modules that import each other in a circle share a floor. A function's
lines run from `def` to its end, docstring included; its arguments leave `self` and `cls` out.
"""

import ast
from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

PACKAGES = ("pipelines", "gru4rec", "warehouse")
FOLDERS = (*PACKAGES, "tests", "benchmarks", "docs", "examples")
MOST_FILES, MOST_LINES, MOST_ARGUMENTS = 14, 40, 7

Node = TypeVar("Node", bound=Hashable)
Graph = dict[Node, set[Node]]


@dataclass(frozen=True)
class House:
    """modules: what each imports of the packages. purposes: a room's first paragraph. trees: the modules' syntax."""

    root: Path
    modules: Graph[str]
    purposes: dict[str, str]
    trees: dict[str, ast.Module]


def read(root: Path) -> House:
    """Read the three packages of a checkout."""
    trees = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            trees[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text())
    if not trees:
        raise SystemExit(f"{root} holds none of {', '.join(PACKAGES)}: name the folder of a checkout")
    modules = {name: {found for found in imported(tree, set(trees)) if found != name} for name, tree in trees.items()}
    purposes: dict[str, str] = {}
    for name, tree in trees.items():
        own = room(name)
        if own is not None and own == name:
            purposes[own] = (ast.get_docstring(tree) or "").split("\n\n")[0].replace("\n", " ")
    return House(root, modules, purposes, trees)


def imported(tree: ast.Module, known: set[str]) -> Iterator[str]:
    """Yield the known modules that a module imports; a name taken from a package's door counts for the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in known or node.module in known:
                    yield inner if inner in known else node.module


def room(module: str) -> str | None:
    """Return the room of a module; None for a package's doors."""
    parts = module.split(".")
    return None if len(parts) == 1 or parts[1] == "__main__" else ".".join(parts[:2])


def rooms(house: House) -> Graph[str]:
    """Return what each room imports of other rooms, of its own package and of others."""
    graph: Graph[str] = {own: set() for name in house.modules if (own := room(name)) is not None}
    for name, found in house.modules.items():
        own = room(name)
        if own is not None:
            graph[own] |= {other for module in found if (other := room(module)) not in (None, own)}  # type: ignore[misc]
    return graph


def within(graph: Graph[str], package: str) -> Graph[str]:
    """Return the part of a graph that lies in one package."""
    inside = {node for node in graph if node.split(".")[0] == package}
    return {node: graph[node] & inside for node in sorted(inside)}


def circles(graph: Graph[Node]) -> list[frozenset[Node]]:
    """Return the sets of nodes that reach each other (strongly connected), a node in no circle as a set of its own."""
    reached: Graph[Node] = {}
    for node in graph:
        seen, waiting = {node}, [node]
        while waiting:
            new = graph[waiting.pop()] - seen
            seen |= new
            waiting += new
        reached[node] = seen
    return list(dict.fromkeys(frozenset(n for n in reached[node] if node in reached[n]) for node in graph))


def levels(graph: Graph[Node]) -> dict[Node, int]:
    """Return the floor of each node: 0 imports nothing, others stand one above the highest that they import."""
    circle = {node: group for group in circles(graph) for node in group}

    @cache
    def level(group: frozenset[Node]) -> int:
        below = {circle[found] for node in group for found in graph[node]} - {group}
        return 1 + max(map(level, below), default=-1)

    return {node: level(circle[node]) for node in graph}


def functions(house: House) -> Iterator[tuple[str, int, int]]:
    """Yield each function's name, lines and number of arguments."""
    for module, tree in house.trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = sum(isinstance(part, ast.arg) for part in ast.walk(node.args))
                first = [part.arg for part in (*node.args.posonlyargs, *node.args.args)][:1]
                arguments -= first in (["self"], ["cls"])
                yield f"{module}.{node.name}", (node.end_lineno or 0) - node.lineno + 1, arguments


def folders(house: House) -> Counter[str]:
    """Return the number of files in every folder, hidden and compiled ones left out."""
    counts: Counter[str] = Counter()
    for path in (path for name in FOLDERS for path in (house.root / name).rglob("*")):
        parts = path.relative_to(house.root).parts
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
            counts["/".join(parts[:-1])] += 1
    return counts


def figures(house: House) -> dict[str, int]:
    """Return every figure of the table."""
    counts, graph, found = folders(house), rooms(house), {}
    for package in PACKAGES:
        inside = within(graph, package)
        fullest = max((n for folder, n in counts.items() if folder.split("/")[0] == package), default=0)
        found[f"{package}: rooms"] = len(inside)
        found[f"{package}: arrows between them"] = sum(map(len, inside.values()))
        found[f"{package}: files in the fullest folder"] = fullest
        found[f"{package}: floors"] = 1 + max(levels(within(house.modules, package)).values(), default=-1)
    found[f"folders of more than {MOST_FILES} files"] = sum(n > MOST_FILES for n in counts.values())
    found[f"functions of more than {MOST_LINES} lines"] = sum(lines > MOST_LINES for _, lines, _ in functions(house))
    found[f"functions of more than {MOST_ARGUMENTS} arguments"] = sum(n > MOST_ARGUMENTS for *_, n in functions(house))
    found["circles of modules"] = sum(len(group) > 1 for group in circles(house.modules))
    found["circles of rooms"] = sum(len(group) > 1 for group in circles(graph))
    return found


def names(house: House) -> Iterator[str]:
    """Yield a line for everything that the table only counts."""
    yield from (f"{n} files: {folder}" for folder, n in folders(house).most_common() if n > MOST_FILES)
    yield from (f"{lines} lines: {name}" for name, lines, _ in functions(house) if lines > MOST_LINES)
    yield from (f"{n} arguments: {name}" for name, _, n in functions(house) if n > MOST_ARGUMENTS)
    for what, graph in (("modules", house.modules), ("rooms", rooms(house))):
        yield from (f"circle of {what}: {', '.join(sorted(group))}" for group in circles(graph) if len(group) > 1)

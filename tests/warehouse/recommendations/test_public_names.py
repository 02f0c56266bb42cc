"""The package's public names: light to import, and the same for Python and for type checkers."""

import ast
import importlib
import sys
from pathlib import Path

import pytest


def test_importing_the_package_loads_neither_duckdb_nor_delta():
    import subprocess

    code = "import sys, warehouse.recommendations; print({'duckdb', 'deltalake', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_public_name_resolves():
    package = importlib.import_module("warehouse.recommendations")
    assert all(getattr(package, name) is not package for name in package.__all__)
    assert callable(package.publish)
    assert callable(package.audit), "not the module of that name"
    with pytest.raises(AttributeError):
        _ = package.no_such_name


def test_type_checkers_see_the_names_that_python_loads():
    """The imports for type checkers are `from warehouse.recommendations.<module> import <name> as <name>`."""
    package = importlib.import_module("warehouse.recommendations")
    tree = ast.parse(Path(str(package.__file__)).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.asname: f"{node.module}.{alias.name}" for node in block.body for alias in node.names}
    assert seen == {name: f"warehouse.recommendations.{home}.{name}" for name, home in package._HOME_OF.items()}
    assert package.__all__ == sorted(seen) == dir(package)
    for name, path in seen.items():
        home, _, of = path.rpartition(".")
        assert getattr(package, name) is getattr(importlib.import_module(home), of)

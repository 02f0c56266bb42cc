"""What `import gru4rec` offers: the same names at run time, to a type checker, and in `__all__`."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gru4rec


def test_the_three_lists_of_names_agree() -> None:
    tree = ast.parse(Path(gru4rec.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        f"{node.module}.{name.name}" for node in block.body if isinstance(node, ast.ImportFrom) for name in node.names
    }
    assert typed == {f"gru4rec.{module}.{name}" for module, names in gru4rec._MODULES.items() for name in names}
    assert sorted(gru4rec.__all__) == sorted(gru4rec._HOME)
    assert all(getattr(gru4rec, name) is not None for name in gru4rec.__all__)


@pytest.mark.slow
def test_a_type_checker_sees_what_the_names_are(tmp_path: Path) -> None:
    code = tmp_path / "reveal.py"
    names = ("fit", "evaluate", "Recommender", "Dataset", "Config")
    code.write_text("import gru4rec\n" + "".join(f"reveal_type(gru4rec.{name})\n" for name in names))
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--follow-imports=silent", str(code)]
    root = Path(gru4rec.__file__).parents[1]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout
    revealed = [line for line in said.splitlines() if "Revealed type" in line]
    assert len(revealed) == len(names), said
    assert not any('"Any"' in line or '"builtins.object"' in line for line in revealed), said
    assert "gru4rec.training.epochs.FitResult" in revealed[0]
    assert "gru4rec.serving.recommend.Recommender" in revealed[2]

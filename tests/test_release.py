"""What is handed over: the package's metadata, the pinned versions, and a `make clean` that deletes nobody's data."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def test_the_base_install_is_the_model_library_alone() -> None:
    names = {Requirement(text).name for text in PROJECT["dependencies"]}
    assert names == {"torch", "numpy", "pyarrow", "safetensors"}


def test_constraints_are_names_and_versions_without_an_address_or_the_suffix_of_a_build() -> None:
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.]+", line), line


def test_every_dependency_is_pinned_to_a_version_that_pyproject_allows() -> None:
    extras = [text for extra in PROJECT["optional-dependencies"].values() for text in extra]
    versions = pinned()
    for requirement in map(Requirement, PROJECT["dependencies"] + extras):
        if requirement.name != PROJECT["name"]:
            version = versions[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{requirement}: constraints.txt has {version}"


def test_the_version_has_a_dated_section_of_the_changelog() -> None:
    headings = re.findall(r"^## (\S+)(?: - (\d{4}-\d\d-\d\d))?$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert PROJECT["version"] in [version for version, date in headings if date]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_clean_removes_the_environment_and_spares_data_and_history(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    spared = ["data/raw/events/2026-01-01/a.parquet", "data/recommendations/_delta_log/0.json", ".dagster/storage/x.db"]
    made = [".venv/bin/python", "build/lib/x.py", ".pytest_cache/x"]
    for name in spared + made:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert all((tmp_path / name).exists() for name in spared)
    assert not any((tmp_path / name).exists() for name in made)

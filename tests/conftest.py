"""Shared by all tests: one torch thread each (two test processes share two cores), and the folder of real data sets."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent
TEST_DATA = Path(os.environ.get("GRU4REC_TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets; the test is skipped where it is absent."""
    if not TEST_DATA.is_dir():
        pytest.skip(f"real data sets not found at {TEST_DATA}; set GRU4REC_TEST_DATA to their folder")
    return TEST_DATA

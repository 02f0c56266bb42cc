"""Shared by all tests: one torch thread each (two test processes share two cores), and the folder of real data sets."""

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.object_store import KEYS, ObjectStore, serving
from tests.spark import MISSING

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent
TEST_DATA = Path(os.environ.get("GRU4REC_TEST_DATA", ROOT.parent / "shared" / "data"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs Spark where it cannot run; with GRU4REC_TEST_SPARK=1, as in continuous integration, fail."""
    if MISSING and os.environ.get("GRU4REC_TEST_SPARK"):
        raise pytest.UsageError(f"the tests on Spark need {' and '.join(MISSING)}, which is not here")
    for item in items if MISSING else ():
        if item.get_closest_marker("spark"):
            item.add_marker(pytest.mark.skip(reason=f"Spark needs {' and '.join(MISSING)}, which is not here"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while modules and tests are collected, nor among them later: they stay until the end.

    Later look more rarely than Python does by itself: a twentieth of the tests' time went there.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(100_000, 50, 100)
        gc.enable()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets; the test is skipped where it is absent."""
    if not TEST_DATA.is_dir():
        pytest.skip(f"real data sets not found at {TEST_DATA}; set GRU4REC_TEST_DATA to their folder")
    return TEST_DATA


@pytest.fixture(scope="session")
def _s3() -> Iterator[ObjectStore]:
    with serving() as store:
        yield store


@pytest.fixture
def object_store(_s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """A server that speaks S3, with keys for it in the environment."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    return _s3

"""A bucket for each test, and a data folder whose tables lie in it."""

from pathlib import Path

import pytest

from tests.object_store import ObjectStore
from tests.warehouse.store.days import machine
from warehouse.layout import Layout


@pytest.fixture
def address(object_store: ObjectStore) -> str:
    return object_store.address()


@pytest.fixture
def layout(address: str, tmp_path: Path) -> Layout:
    return machine(tmp_path / "here", address)

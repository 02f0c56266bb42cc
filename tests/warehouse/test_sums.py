"""Damage to a table's file is seen before its rows are used, and is mended where the raw files are still there."""

import os
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.spark import ENGINES
from warehouse.config import SessionsConfig
from warehouse.partitions import check, noted, replacing_partition, sound
from warehouse.steps.events.calendar import calendar
from warehouse.steps.sessions.build import build_sessions
from warehouse.sums import Damaged

DAYS = ("2024-03-01", "2024-03-02")


def write(path, data: bytes) -> None:
    with replacing_partition(path) as temporary:
        temporary.write_bytes(data)


@settings(max_examples=60, deadline=None)
@given(data=st.binary(min_size=1, max_size=400), place=st.integers(0, 10**6))
def test_any_flipped_bit_is_seen(tmp_path_factory, data, place):
    path = tmp_path_factory.mktemp("sums") / "2024-03-01.parquet"
    write(path, data)
    check(path)
    flipped = bytearray(data)
    flipped[place % len(data)] ^= 1 << place % 8
    path.write_bytes(flipped)
    os.utime(path, ns=(1, place))
    with pytest.raises(Damaged, match=r"2024-03-01.parquet was damaged or changed .*: materialise .* again"):
        check(path)
    assert not sound(path)


def test_files_without_a_sum_and_files_that_are_gone_pass(tmp_path):
    (tmp_path / "old.parquet").write_bytes(b"of an older version")
    check(tmp_path / "old.parquet")
    check(tmp_path / "never.parquet")
    assert not sound(tmp_path / "never.parquet")


class Killed(BaseException):
    """Stands for the end of the process at one moment."""


@pytest.mark.parametrize("first", [write, Path.write_bytes], ids=["summed", "of an older version"])
@pytest.mark.parametrize("moment", range(6))
def test_a_writer_killed_at_any_moment_leaves_a_file_that_passes(tmp_path, monkeypatch, first, moment):
    """Every change of a name or of a size is a moment to die, before it and after it."""
    path, steps = tmp_path / "2024-03-01.parquet", iter(range(100))
    first(path, b"old")

    def dying(step):
        def died(*arguments):
            for act in (lambda *_: None, step):
                act(*arguments)
                if next(steps) == moment:
                    raise Killed

        return died

    with monkeypatch.context() as patched:
        for name in ("replace", "truncate"):
            patched.setattr(os, name, dying(getattr(os, name)))
        with pytest.raises(Killed):
            write(path, b"new")
    check(path)
    write(path, b"last")
    check(path)
    assert len(noted(path)) == 1


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_damaged_events_are_a_sentence_and_a_day_to_read_again(shop, clock):
    for day in DAYS:
        shop.rows(day, [(user, item, clock(f"{day} 10:0{item}")) for user in (1, 2) for item in (1, 2)])
    shop.ingest(*DAYS)
    path = shop.layout.files("events", DAYS[0])[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)
    with pytest.raises(Damaged, match=r"2024-03-01.* was damaged .*: materialise events for 2024-03-01 again"):
        build_sessions(shop.engine, shop.layout, DAYS[1], SessionsConfig(min_item_support=1))
    seen = calendar(shop.layout, *map(date.fromisoformat, DAYS))
    assert [str(day) for day in seen.damaged] == [DAYS[0]]
    assert seen.problem() == "the events of 2024-03-01 are damaged"
    shop.ingest(DAYS[0])
    assert shop.sessions(DAYS[1]).rows == 8


def test_pages_carry_checksums_that_other_tools_can_compare(shop, clock):
    shop.rows(DAYS[0], [(user, item, clock(f"10:0{item}")) for user in range(50) for item in (1, 2)])
    shop.ingest(DAYS[0])
    shop.sessions(DAYS[0])
    path = shop.layout.partition("sessions", DAYS[0])
    column = pq.read_metadata(path).row_group(0).column(0)
    data = bytearray(path.read_bytes())
    data[(column.dictionary_page_offset or column.data_page_offset) + column.total_compressed_size - 1] ^= 1
    other = path.with_name("other.parquet")
    other.write_bytes(data)
    with pytest.raises((OSError, pa.ArrowException)):
        pq.read_table(other, page_checksum_verification=True)

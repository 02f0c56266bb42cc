"""A published night read whole against the sums of its commit; damage is a sentence, for readers and for the next."""

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from warehouse import recommendations as table
from warehouse.__main__ import main
from warehouse.recommendations import logbook
from warehouse.recommendations.table import night_files

LIMITS = table.AuditLimits(min_overlap=None)


def parts(nights, day: int) -> list[Path]:
    return [Path(file) for file in night_files(DeltaTable(nights.layout.recommendations), nights.day(day))]


def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    path.write_bytes(data)


def last_byte(part: Path, column: str) -> int:
    """The place of the last byte of a column's pages."""
    meta = pq.read_metadata(part)
    chunk = meta.row_group(0).column(meta.schema.names.index(column))
    return (chunk.dictionary_page_offset or chunk.data_page_offset) + chunk.total_compressed_size - 1


def test_every_flipped_bit_of_a_part_is_seen(nights):
    nights.publish(0)
    [part] = parts(nights, 0)
    good = part.read_bytes()
    chance = random.Random(5)
    for bit in [chance.randrange(8 * len(good)) for _ in range(300)]:
        flip(part, bit)
        assert not table.verify(nights.layout).whole, bit
        part.write_bytes(good)
    assert table.verify(nights.layout, nights.day(0)).whole


def test_twenty_flipped_bytes_in_a_page_are_an_error_to_every_reader_of_the_package(nights):
    nights.publish(0)
    [part] = parts(nights, 0)
    data, last = bytearray(part.read_bytes()), last_byte(part, "item_id")
    for place in range(last - 19, last + 1):
        data[place] ^= 255
    part.write_bytes(data)
    for read in (
        lambda: table.latest(nights.layout).to_arrow(),
        lambda: table.for_user(nights.layout, 3),
        lambda: table.for_users(nights.layout, [3, 4]),
    ):
        with pytest.raises(table.RecommendationsError, match=r"is missing or damaged .* recommendations verify"):
            read()


def test_what_the_shell_says_and_answers(nights, capsys):
    nights.publish(0)
    nights.publish(1)
    words = ["recommendations", "--data", str(nights.layout.root), "verify"]
    assert main([*words, "--all"]) == 0
    assert capsys.readouterr().out == "2026-01-10: 1 file(s), 150 rows: whole\n2026-01-11: 1 file(s), 150 rows: whole\n"
    [part] = parts(nights, 1)
    flip(part, 99)
    assert main(words) == 1
    assert "was changed after it was published (its sum differs)" in capsys.readouterr().out
    part.unlink()
    assert main(words) == 1
    assert f"{part} is missing" in capsys.readouterr().out
    assert main([*words, "--night", "2026-01-10"]) == 0
    assert main([*words, "--night", "2026-02-10"]) == 2


def test_a_night_of_an_older_version_has_no_sums_and_is_read_all_the_same(nights, monkeypatch):
    monkeypatch.setattr(logbook, "SUMS", "of_later_versions")
    nights.publish(0)
    found = table.verify(nights.layout)
    assert found.whole
    assert "1 of the files without a sum" in str(found)
    [part] = parts(nights, 0)
    flip(part, 8 * last_byte(part, "item_id"))
    assert not table.verify(nights.layout).whole, "checksums of pages are left"


@pytest.mark.parametrize("how", ["gone", "cut", "flipped"])
def test_a_night_before_that_cannot_be_read_stops_nobody(nights, how):
    """The newest night that can be read takes its place in the audit."""
    nights.publish(0)
    nights.publish(1)
    [part] = parts(nights, 1)
    if how == "gone":
        part.unlink()
    elif how == "cut":
        part.write_bytes(part.read_bytes()[:-50])
    else:
        flip(part, 8 * last_byte(part, "rank"))
    audit = nights.publish(2, limits=LIMITS).audit
    assert audit.previous == nights.day(0)
    assert audit.unreadable == (nights.day(1),)
    assert audit.figures["overlap"] is not None
    assert table.retain(nights.layout, keep_nights=1, vacuum_hours=0).kept == (nights.day(2),)
    assert table.latest(nights.layout).to_arrow().num_rows == 150


def test_readers_of_the_newest_night_are_told_when_its_only_part_is_gone(nights):
    nights.publish(0)
    parts(nights, 0)[0].unlink()
    with pytest.raises(table.RecommendationsError, match="is missing or damaged"):
        table.latest(nights.layout)

"""What nobody needs is swept, and nothing else."""

from pathlib import Path
from uuid import uuid4

import pytest
from deltalake import DeltaTable

from warehouse import recommendations as table


def test_checkpoints_keep_the_sweep_and_the_history_right(nights):
    """After a checkpoint the old log entries may go: superseded files are then known from the checkpoint alone."""
    nights.publish(0)
    nights.publish(0, nights.rows(seed=2))
    DeltaTable(nights.layout.recommendations).create_checkpoint()
    for entry in sorted((nights.layout.recommendations / "_delta_log").glob("*.json"))[:-1]:
        entry.unlink()
    before = {file for file in nights.files() if "run_date=" in file}
    assert table.sweep(nights.layout) == []
    assert {file for file in nights.files() if "run_date=" in file} == before
    nights.publish(1)
    with pytest.raises(table.RecommendationsError, match="its log has been cleaned up"):
        table.rollback(nights.layout, to_version=1)


def test_nights_that_a_checkpoint_alone_tells_of_stay(nights, content):
    """Delta Lake makes a checkpoint every 100 commits, and removes entries of the log that are older than 30 days."""
    for day in range(3):
        nights.publish(day)
    nights.publish(0, nights.rows(seed=9))
    before = [content(nights.layout, nights.day(day)) for day in range(3)]
    superseded = {file for file in nights.files() if "run_date=" in file}
    DeltaTable(nights.layout.recommendations).create_checkpoint()
    for entry in sorted((nights.layout.recommendations / "_delta_log").glob("*.json"))[:-1]:
        entry.unlink()
    assert table.sweep(nights.layout) == []
    nights.publish(3)
    assert superseded <= nights.files()
    assert [content(nights.layout, nights.day(day)) for day in range(3)] == before


def test_what_looks_like_litter_and_is_not_ours_stays(nights):
    """Files of a person, an editor, a sync program or another engine, in every folder that is swept."""
    nights.publish(0)
    path, name = nights.layout.recommendations, f"part-00000-{uuid4()}"
    log, night, deep = path / "_delta_log", path / "run_date=2026-01-08", path / "run_date=2026-01-08" / "mine"
    foreign = [
        night / "notes.parquet",
        night / "part-00000.parquet",
        night / "part-00000-backup.parquet",
        night / f"{name}.parquet.bak",
        night / f".{name}.parquet.crc",
        night / f"{name.upper()}.parquet",
        deep / f"{name}.parquet",
        path / "run_date=tomorrow" / f"{name}.parquet",
        path / "other" / f"{name}.parquet",
        path / f"{name}.parquet",
        log / "_commit_notes.txt",
        log / "_commit_message.json.tmp",
        log / "00000000000000000000.json.bak#1",
        log / "#notes#",
        log / "mine" / "00000000000000000009.json#1",
    ]
    for file in foreign:
        file.parent.mkdir(exist_ok=True)
        file.write_text("precious")
    staging = path.with_name("recommendations_staging")
    for place in ("mine.writing", "mine.rejected", "0000.writing"):
        (staging / place).mkdir(parents=True)
        foreign.append(staging / place / "part-00000.parquet")
    foreign += [staging / "mine.lock", staging / "0000.lock"]
    for file in foreign[-5:]:
        file.write_text("precious")
    link = night / f"part-00001-{uuid4()}.parquet"
    link.symlink_to(nights.layout.recommendations / "other" / f"{name}.parquet")
    litter = [
        night / f"{name}.parquet",
        night / f"{name}-c000.zstd.parquet#1",
        log / "00000000000000000009.json#1",
        log / "00000000000000000009.checkpoint.parquet#1",
        log / "_last_checkpoint#1",
    ]
    for file in litter:
        file.write_text("half a file")
    assert table.sweep(nights.layout) == sorted(str(file) for file in litter)
    table.retain(nights.layout, 1)
    assert {file.read_text() for file in foreign} == {"precious"}
    assert link.is_symlink()


@pytest.mark.parametrize("cut", [0, 40])
def test_a_broken_last_entry_of_the_log_costs_no_night_its_files(nights, cut):
    """Without it the newest night is not in the table, and its files would be swept as litter."""
    for day in range(3):
        nights.publish(day)
    last = sorted((Path(nights.layout.recommendations) / "_delta_log").glob("*.json"))[-1]
    last.write_bytes(last.read_bytes()[:cut])
    before = nights.files()
    for change in (
        lambda: table.retain(nights.layout, 1, vacuum_hours=0),
        lambda: nights.publish(3),
        lambda: table.night(nights.layout, nights.day(2)),
    ):
        with pytest.raises(table.RecommendationsError, match="log"):
            change()
        assert nights.files() == before

"""What nobody needs is swept, and nothing else."""

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

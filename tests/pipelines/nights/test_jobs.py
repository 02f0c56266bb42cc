"""Nights wait in Dagster's queue for each other, and the oldest goes first, whatever the order they were asked for."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from pipelines.definitions import defs
from pipelines.nights.jobs import NIGHT
from pipelines.shell.home import make_home


@pytest.mark.parametrize("job", ["nightly", "retrain"])
def test_dagsters_queue_takes_the_oldest_night_first(job: str) -> None:
    resolved = defs.resolve_job_def(job)
    nights = ["2026-01-08", "2026-01-02", "2026-01-05", "2026-01-01"]
    runs = [dg.DagsterRun(job, tags=resolved.get_tags_for_partition_key(night, None)) for night in nights]
    assert all(run.tags[NIGHT] == run.tags["dagster/partition"] for run in runs)
    taken = QueuedRunCoordinatorDaemon(interval_seconds=5)._priority_sort(runs)
    assert [run.tags["dagster/partition"] for run in taken] == sorted(nights)


def test_a_home_lets_one_night_run_at_a_time(tmp_path: Path) -> None:
    with dg.DagsterInstance.from_config(str(make_home(tmp_path))) as instance:
        queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    limits = {limit["key"]: limit["limit"] for limit in queue.tag_concurrency_limits}
    assert limits == {NIGHT: 1, "dagster/backfill": 1}

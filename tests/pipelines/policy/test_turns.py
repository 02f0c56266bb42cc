"""Two runs of one day: one works, the other ends with a sentence at its start; a killed one holds nothing."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

DAY = "2026-01-08"
STARTS = [dg.AssetKey(name) for name in ("events", "rejected_events", "items")]
# A rival in a process of its own, with its own Dagster home: begins a run, says so, and stays in its step.
RIVAL = """
import sys, time
from pathlib import Path
import dagster as dg
from pipelines.policy.turns import hold
from warehouse.layout import Layout

@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-01-01"))
def rival(context):
    hold(context, Layout(Path(sys.argv[1])), [context.partition_key])
    print("at work", flush=True)
    time.sleep(600)

dg.materialize([rival], partition_key=sys.argv[2], instance=dg.DagsterInstance.ephemeral())
"""


@pytest.fixture
def shop(house: Any, tmp_path: Path) -> Iterator[Any]:
    shutil.copytree(house.root / "raw", tmp_path / "raw")
    with dg.DagsterInstance.ephemeral() as instance:
        yield type(house)(tmp_path, instance)


def test_the_second_run_of_a_day_ends_with_a_sentence_and_goes_on_after_the_first_is_killed(
    shop: Any, sentence: Callable[[Any], str]
) -> None:
    command = [sys.executable, "-c", RIVAL, str(shop.root), DAY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as rival:
        try:
            assert rival.stdout is not None
            assert rival.stdout.readline() == "at work\n"
            refused = shop.run("nightly", DAY, select=STARTS)
        finally:
            rival.kill()
    assert not refused.success
    failed = [event.step_key for event in refused.all_events if event.is_step_failure]
    assert sorted(failed) == ["ingest_events", "items"], "both steps that a night starts with"
    assert f"{DAY} is being worked on by run " in sentence(refused)
    assert f"(process {rival.pid} on " in sentence(refused)
    assert not list(shop.root.glob("events/*"))
    assert not list(shop.root.glob("items/*"))
    assert shop.run("nightly", DAY, select=STARTS).success
    assert shop.run("nightly", DAY, select=STARTS).success, "a finished run holds nothing"


@pytest.mark.parametrize(
    ("holder", "works"),
    [
        ("", True),
        ("{", True),
        ("[]", True),
        ({"host": "elsewhere", "since": time.time() - 60}, False),
        ({"host": "elsewhere", "since": time.time() - 25 * 3600}, True),
        ({"born": 1.0}, True),
    ],
    ids=["new", "cut short", "not ours", "another machine", "another machine long ago", "the number was given anew"],
)
def test_who_is_believed_to_be_at_work(shop: Any, holder: Any, works: bool) -> None:
    import socket

    whole = {
        "run": "r",
        "job": "j",
        "since": time.time(),
        "pid": os.getpid(),
        "born": 1.0,
        "host": socket.gethostname(),
    }
    file = shop.root / ".nights" / f"{DAY}.json"
    file.parent.mkdir()
    file.write_text(json.dumps({**whole, **holder}) if isinstance(holder, dict) else holder)
    assert shop.run("nightly", DAY, select=[dg.AssetKey("items")]).success is works


def test_a_night_of_a_backfill_waits_for_the_older_ones(shop: Any, sentence: Callable[[Any], str]) -> None:
    from pipelines.definitions import defs

    nightly = defs.resolve_job_def("nightly")

    def queued(day: str, backfill: str) -> None:
        shop.instance.create_run_for_job(nightly, tags={"dagster/partition": day, "dagster/backfill": backfill})

    def refusal(backfill: str) -> str:
        return sentence(shop.run("nightly", DAY, select=[dg.AssetKey("sessions")], tags={"dagster/backfill": backfill}))

    queued("2026-01-09", "mine")
    queued("2026-01-03", "another")
    assert "the events of 2026-01-08 are missing" in refusal("mine")
    queued("2026-01-05", "mine")
    queued("2026-01-04", "mine")
    assert "2026-01-08 comes after 2026-01-04, which this backfill has not finished" in refusal("mine")

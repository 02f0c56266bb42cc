"""Whose turn it is: a day belongs to one run at a time, and the nights of a backfill follow each other by date.

A run holds a day by a small file below the data folder, which every Dagster home that works on that folder sees. It
holds it until it is finished or its process is gone, so that nothing has to be cleared away after a kill.
"""

import fcntl
import json
import multiprocessing
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg

from warehouse.layout import Layout

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
STRANGER = 24 * 3600.0  # seconds for which a run on another machine, that cannot be looked at, is believed to live


class DayTaken(ValueError):
    """Another run is at work on the day."""


def hold(context: dg.AssetExecutionContext, layout: Layout, days: Iterable[str]) -> None:
    """Take the days for this run.

    Raises:
        DayTaken: another run that is still at work has one of them.
    """
    folder = layout.root / ".nights"
    folder.mkdir(parents=True, exist_ok=True)
    mine = {"run": context.run.run_id, "job": context.run.job_name, "since": time.time(), **_process()}
    for day in days:
        with (folder / f"{day}.json").open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            holder = _read(file.read())
            if holder and holder["run"] != mine["run"] and _at_work(context.instance, holder):
                raise DayTaken(
                    f"{day} is being worked on by run {holder['run']} of {holder['job']} (process {holder['pid']} on "
                    f"{holder['host']}): wait for its end, or end it, and run again"
                )
            file.truncate(0)
            json.dump(mine, file)


def release(layout: Layout, run_id: str) -> None:
    """Give back the days of a run that has ended in a process that lives on: its home may not be known to others."""
    for path in filter(Path.is_file, (layout.root / ".nights").glob("*.json")):
        with path.open("r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            holder = _read(file.read())
            if holder and holder["run"] == run_id:
                file.truncate(0)


def after_older_nights(context: dg.AssetExecutionContext) -> None:
    """Refuse a night of a backfill while an older one is unfinished: its model would know later days than that night.

    Raises:
        ValueError: names the older night.
    """
    backfill = context.run.tags.get("dagster/backfill")
    if backfill is None:
        return
    wanted = dg.RunsFilter(job_name=context.run.job_name, tags={"dagster/backfill": backfill}, statuses=UNFINISHED)
    nights = [run.tags.get("dagster/partition", "") for run in context.instance.get_runs(wanted)]
    older = sorted(night for night in nights if night and night < context.partition_key)
    if older:
        raise ValueError(
            f"{context.partition_key} comes after {older[0]}, which this backfill has not finished: nights run in "
            f"order of date, one at a time; run it again then (the limit stands in dagster.yaml, under concurrency)"
        )


def _process() -> dict[str, Any]:
    """The process of the run: this one's parent where Dagster gave the step a process of its own."""
    import psutil

    parent = multiprocessing.parent_process()
    owner = psutil.Process(parent.pid if parent is not None else None)
    return {"pid": owner.pid, "born": owner.create_time(), "host": socket.gethostname()}


def _read(text: str) -> dict[str, Any] | None:
    """Who holds a day; None for a file that is new, or was cut short by a kill."""
    try:
        found = json.loads(text)
        return found if {"run", "job", "since", "pid", "born", "host"} <= found.keys() else None
    except (ValueError, AttributeError):
        return None


def _at_work(instance: dg.DagsterInstance, holder: dict[str, Any]) -> bool:
    import psutil

    run = instance.get_run_by_id(holder["run"])
    if run is not None and run.is_finished:
        return False
    if holder["host"] != socket.gethostname():
        return bool(time.time() - holder["since"] < STRANGER)
    try:
        return bool(psutil.Process(holder["pid"]).create_time() == holder["born"])
    except psutil.NoSuchProcess:
        return False

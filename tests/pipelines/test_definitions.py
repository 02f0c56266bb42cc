"""What Dagster sees: keys, jobs, schedules, sensors; loaded quickly and without the heavy libraries; the walls hold."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from pipelines.definitions import defs
from pipelines.nights.schedule import nightly_schedule
from pipelines.policy.partitions import DAILY
from warehouse.recommendations.limits import CHECKS, SIMILAR_CHECKS

ROOT = Path(__file__).resolve().parents[2]

SNAPSHOT = {
    "assets": {
        "events": ("ingestion", set()),
        "rejected_events": ("ingestion", set()),
        "items": ("ingestion", set()),
        "sessions": ("sessions", {"events"}),
        "splits": ("sessions", {"sessions"}),
        "gru4rec_model": ("model", {"splits", "sessions", "items"}),
        "offline_evaluation": ("evaluation", {"splits", "gru4rec_model"}),
        "champion_model": ("evaluation", {"offline_evaluation", "gru4rec_model"}),
        "recommendations": ("serving", {"champion_model", "events", "items"}),
        "similar_items": ("serving", {"champion_model", "items"}),
        "realised": ("evaluation", {"events"}),
        "night_report": ("serving", {"recommendations", "realised"}),
    },
    "checks": {
        "events:events_not_empty",
        "events:rejected_share",
        "sessions:window_is_whole",
        "splits:every_part_has_sessions",
        "splits:splits_do_not_overlap",
        "offline_evaluation:trained_before_test",
        "champion_model:gate_saw_champion",
        "champion_model:gate_holds",
        "realised:realised_within_its_band",
        "recommendations:recommendations_complete",
        *(f"recommendations:audit_{name}" for name in CHECKS),
        "similar_items:similar_items_complete",
        *(f"similar_items:audit_{name}" for name in SIMILAR_CHECKS),
    },
    "jobs": {"nightly", "backfill_events", "retrain", "serve", "tune"},
    "schedules": {"nightly_schedule"},
    "sensors": {"log_failures", "alert_failures", "serve_old_champion"},
}


def test_keys_jobs_schedules_are_those_of_the_snapshot() -> None:
    repository = defs.get_repository_def()
    specs = list(defs.resolve_all_asset_specs())
    found = {
        spec.key.to_user_string(): (spec.group_name, {d.asset_key.to_user_string() for d in spec.deps})
        for spec in specs
    }
    assert found == SNAPSHOT["assets"]
    checks = {f"{key.asset_key.to_user_string()}:{key.name}" for key in repository.asset_graph.asset_check_keys}
    assert checks == SNAPSHOT["checks"]
    assert {job.name for job in repository.get_all_jobs()} - {"__ASSET_JOB"} == SNAPSHOT["jobs"]
    assert {schedule.name for schedule in repository.schedule_defs} == SNAPSHOT["schedules"]
    assert {sensor.name for sensor in repository.sensor_defs} == SNAPSHOT["sensors"]


def test_every_asset_is_described_owned_and_daily() -> None:
    for spec in defs.resolve_all_asset_specs():
        assert spec.description
        assert spec.owners
        assert spec.kinds
        assert spec.partitions_def == DAILY


def test_assets_that_are_tables_show_their_columns_before_the_first_run() -> None:
    for spec in defs.resolve_all_asset_specs():
        if spec.key.to_user_string() not in {"gru4rec_model", "champion_model", "night_report"}:
            assert spec.metadata["dagster/column_schema"].columns


def test_schedule_runs_the_day_before_at_two_and_is_on() -> None:
    assert nightly_schedule.cron_schedule == "0 2 * * *"
    assert nightly_schedule.execution_timezone == "UTC"
    assert nightly_schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    last = DAILY.get_last_partition_key()
    assert last is not None
    tick = datetime.fromisoformat(last).replace(hour=2, tzinfo=UTC)
    with dg.build_schedule_context(scheduled_execution_time=tick, repository_def=defs.get_repository_def()) as context:
        [request] = nightly_schedule.evaluate_tick(context).run_requests or []
    assert request.partition_key < last
    assert datetime.fromisoformat(request.partition_key).day != tick.day
    assert request.run_key == request.partition_key


def test_schedule_skips_a_night_without_data() -> None:
    tick = datetime(1971, 1, 1, 2, tzinfo=UTC)
    with dg.build_schedule_context(scheduled_execution_time=tick, repository_def=defs.get_repository_def()) as context:
        data = nightly_schedule.evaluate_tick(context)
    assert not data.run_requests
    assert "1970-12-31 lies outside" in (data.skip_message or "")


def test_a_night_is_a_run_of_its_own_and_many_days_of_events_are_one() -> None:
    one_day = dg.BackfillPolicy.multi_run(max_partitions_per_run=1)
    jobs = {job.name: job for job in defs.get_repository_def().get_all_jobs() if job.name in SNAPSHOT["jobs"]}
    assert all(job.partitions_def == DAILY for job in jobs.values())
    assert {name for name, job in jobs.items() if job.backfill_policy != one_day} == {"backfill_events"}
    assert jobs["backfill_events"].backfill_policy == dg.BackfillPolicy.single_run()


def test_failure_sensors_are_on() -> None:
    for sensor in defs.get_repository_def().sensor_defs:
        assert sensor.default_status == dg.DefaultSensorStatus.RUNNING


def test_definitions_load_without_the_heavy_packages() -> None:
    """What keeps loading under three seconds; the seconds themselves depend on the machine and fail no test."""
    code = (
        "import sys; import pipelines.definitions; "
        "heavy = {'torch', 'mlflow', 'duckdb', 'deltalake', 'pandas', 'optuna', 'pyarrow'} & set(sys.modules); "
        "print(sorted(heavy))"
    )
    out = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert out.strip() == "[]"


def test_the_walls_between_the_packages_hold() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    if not tool.exists():
        pytest.fail("lint-imports is not installed: install the project with its dev extra")
    done = subprocess.run([str(tool), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_heavy_import_at_module_level_of_pipelines() -> None:
    """The wall again, by reading: a module that is not loaded with the definitions must not import them either."""
    import ast

    heavy = {"torch", "mlflow", "duckdb", "deltalake", "pandas", "matplotlib", "optuna", "pyarrow", "numpy"}
    for file in (ROOT / "pipelines").rglob("*.py"):
        for node in ast.parse(file.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not {name.split(".")[0] for name in names} & heavy, file

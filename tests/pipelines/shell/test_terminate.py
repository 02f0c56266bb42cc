"""The button Terminate of the Dagster UI, by its own GraphQL, in each long step of a night that the UI launched."""

import datetime as dt
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.pipelines.shell.loopback import PROJECT, started_ui, status
from warehouse.layout import Layout
from warehouse.recommendations import night
from warehouse.whole_files import replacing

FIRST, SECOND = "2026-01-02", "2026-01-03"
SETTINGS = f"""
[partitions]
first_day = "2026-01-01"
last_day = "{SECOND}"
[engine]
threads = 1
[sessions]
window_days = 3
min_item_support = 1
[splits]
validation_days = 0
test_days = 1
[model]
preset = "rsc15"
threads = 1
[model.overrides]
hidden_size = 64
epochs = 1
n_sample = 16
batch_size = 64
[evaluation]
baselines = ["popularity"]
bootstrap = 20
[gate]
min_events = 1
best_baseline_share = 0.0
[recommendations]
n = 50
threads = 1
[mlflow]
system_metrics = false
"""
LAUNCH = """mutation($p: ExecutionParams!) {launchPipelineExecution(executionParams: $p) {
  __typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
TERMINATE = """mutation($run: String!, $policy: TerminateRunPolicy!) {
  terminateRun(runId: $run, terminatePolicy: $policy) {__typename ... on TerminateRunFailure {message}}}"""
POLICIES = ("SAFE_TERMINATE", "MARK_AS_CANCELED_IMMEDIATELY")
PATIENCE = 300.0


def events_of(root: Path, day: str, rows: int, users: int) -> None:
    """Raw events of a day: random users, who go on from one item to the next as the day goes on."""
    chance = np.random.default_rng(int(day[-2:]))
    moments, owners = np.sort(chance.integers(0, 86_000_000_000, rows)), chance.integers(0, users, rows)
    times = np.datetime64(day, "us") + moments.astype("timedelta64[us]")
    table = pa.table(
        {
            "user_id": owners,
            "item_id": (owners + moments // 2_000_000_000) % 400,
            "timestamp": pa.array(times, pa.timestamp("us", "UTC")),
        }
    )
    folder = Layout(root).raw_events(day)
    folder.mkdir(parents=True)
    pq.write_table(table, folder / "events.parquet")


class Ui:
    """A running UI: launches and terminates by GraphQL, as its pages do."""

    def __init__(self, address: str, instance: dg.DagsterInstance) -> None:
        self.address, self.instance = address, instance

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        code, answer = status(f"{self.address}/graphql", body, Content_Type="application/json", Origin=self.address)
        assert code == 200, answer
        [found] = json.loads(answer)["data"].values()
        return dict(found)

    def launch(self, *assets: str) -> str:
        """Begin to materialise assets of the second night; returns the run."""
        where = {"repositoryLocationName": "gru4rec_nightly", "repositoryName": "__repository__"}
        chosen = {"jobName": "__ASSET_JOB", "assetSelection": [{"path": [name]} for name in assets]}
        tags = {"tags": [{"key": "dagster/partition", "value": SECOND}]}
        found = self.ask(LAUNCH, p={"selector": where | chosen, "mode": "default", "executionMetadata": tags})
        assert found["__typename"] == "LaunchRunSuccess", found
        return str(found["run"]["runId"])

    def wait(self, run: str, said: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not said():
            assert time.monotonic() < deadline, self.story(run)
            time.sleep(0.05)

    def begun(self, run: str) -> bool:
        return bool(self.instance.all_logs(run, of_type=dg.DagsterEventType.STEP_START))

    def ended(self, run: str) -> bool:
        return bool(self.instance.get_run_by_id(run).is_finished)

    def story(self, run: str) -> str:
        return "\n".join(one.message or one.user_message for one in self.instance.all_logs(run))


def workers(root: Path) -> list[psutil.Process]:
    """The processes of runs and of their steps that work on this data folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        try:
            spawned = "spawn_main" in " ".join(process.info["cmdline"] or ())
            if spawned and process.environ().get("GRU4REC_DATA") == str(root):
                found.append(process)
        except psutil.Error:  # gone, or another user's
            continue
    return found


def tables(root: Path) -> dict[str, bytes]:
    """Every file of the tables, but for what is hidden: scratch, locks and sums of what is not there yet."""
    places = ("events", "rejected_events", "sessions", "splits", "recommendations")
    files = [path for place in places for path in (root / place).rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def shell_night(root: Path, day: str, environment: Callable[[Path, Path], dict[str, str]], *more: str) -> None:
    command = [sys.executable, "-m", "pipelines", "night", "--date", day, *more]
    done = subprocess.run(
        command, cwd=PROJECT, env=environment(root, root / "home"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def root(tmp_path: Path, environment: Callable[[Path, Path], dict[str, str]]) -> Path:
    """A data folder with a first night and a second day of many rows; from now on a training does not end by itself."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text((PROJECT / ".dagster" / "dagster.yaml").read_text())
    (tmp_path / "pipeline.toml").write_text(SETTINGS)
    events_of(tmp_path, "2026-01-01", 20_000, 5_000)
    events_of(tmp_path, FIRST, 100_000, 50_000)
    events_of(tmp_path, SECOND, 4_000_000, 50_000)
    shell_night(tmp_path, FIRST, environment, "--backfill")
    with replacing(tmp_path / "pipeline.toml") as settings:
        settings.write_text(SETTINGS.replace("epochs = 1", "epochs = 100000"))
    return tmp_path


@pytest.mark.slow
def test_terminate_ends_each_long_step(root: Path, environment: Callable[[Path, Path], dict[str, str]]) -> None:
    steps = [
        (("events", "rejected_events", "items"), 1.0),
        (("sessions",), 1.0),
        (("gru4rec_model",), 15.0),
        (("recommendations",), 0.5),
        (("recommendations",), 4.0),
    ]
    with started_ui(root, environment) as address, dg.DagsterInstance.from_config(str(root / "home")) as instance:
        ui = Ui(address, instance)
        canceled = []
        for assets, moment in steps:
            before = tables(root)
            canceled += [terminated(ui, root, policy, moment, *assets) for policy in POLICIES]
            assert tables(root) == before, "something of a terminated run is left"
            if assets[0] in ("events", "sessions"):
                run = ui.launch(*assets, *(("splits",) if assets[0] == "sessions" else ()))
                ui.wait(run, lambda run=run: ui.ended(run))
                assert instance.get_run_by_id(run).status == dg.DagsterRunStatus.SUCCESS, ui.story(run)
        killed_above(ui, root)
        of_the_shell(ui, root, environment)
        for run in canceled:
            assert instance.get_run_by_id(run).status == dg.DagsterRunStatus.CANCELED, ui.story(run)
        assert not [run for run in instance.get_runs() if run.job_name == "serve"], "nobody asked for lists"
    with replacing(root / "pipeline.toml") as settings:
        settings.write_text(SETTINGS)
    shell_night(root, SECOND, environment)
    for day in (FIRST, SECOND):
        assert night(root / "recommendations", dt.date.fromisoformat(day)).to_arrow().num_rows > 0


def terminated(ui: Ui, root: Path, policy: str, moment: float, *assets: str) -> str:
    """Launch a run and terminate it so many seconds after its first step began; returns it, ended."""
    run = ui.launch(*assets)
    ui.wait(run, lambda: ui.begun(run) or ui.ended(run))
    time.sleep(moment)
    assert not ui.ended(run), ui.story(run)
    told = time.monotonic()
    answer = ui.ask(TERMINATE, run=run, policy=policy)
    assert answer["__typename"] == "TerminateRunSuccess", answer
    ui.wait(run, lambda: ui.ended(run) and not workers(root))
    print(f"{assets[0]}, {policy} after {moment} s: gone {time.monotonic() - told:.1f} s later", flush=True)
    assert ui.instance.get_run_by_id(run).status == dg.DagsterRunStatus.CANCELED, ui.story(run)
    return run


def killed_above(ui: Ui, root: Path) -> None:
    """A step whose run's own process is killed ends too: nobody else would tell it."""
    run = ui.launch("gru4rec_model")
    ui.wait(run, lambda: ui.begun(run))
    time.sleep(5)
    [above] = [one for one in workers(root) if any("spawn_main" in " ".join(c.cmdline()) for c in one.children())]
    told = time.monotonic()
    above.kill()
    ui.wait(run, lambda: not workers(root))
    print(f"the process of a run killed: its step gone {time.monotonic() - told:.1f} s later", flush=True)
    ui.wait(run, lambda: ui.ended(run))


def of_the_shell(ui: Ui, root: Path, environment: Callable[[Path, Path], dict[str, str]]) -> None:
    """A night that the shell began, terminated in the UI, which can reach no process of it."""
    command = [sys.executable, "-m", "pipelines", "night", "--date", SECOND]
    own = environment(root, root / "home")
    shell = subprocess.Popen(command, cwd=PROJECT, env=own, stderr=subprocess.PIPE, text=True)
    assert shell.stderr is not None
    begun = next(line for line in shell.stderr if line.startswith("  gru4rec_model: measured model, epoch 1 "))
    [run] = [one.run_id for one in ui.instance.get_runs() if not one.is_finished]
    told = time.monotonic()
    ui.ask(TERMINATE, run=run, policy=POLICIES[0])  # says that it could not
    _, errors = shell.communicate(timeout=PATIENCE)
    print(f"a night of the shell: gone {time.monotonic() - told:.1f} s later", flush=True)
    assert shell.returncode == 130, begun + errors
    assert "was told to stop: no table is left half written" in errors.splitlines()[-1]
    assert ui.instance.get_run_by_id(run).status == dg.DagsterRunStatus.CANCELED, ui.story(run)

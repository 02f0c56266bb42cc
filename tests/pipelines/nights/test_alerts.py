"""Alerts against a real server on loopback: what arrives, and what is said when it does not."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from pipelines.definitions import defs
from pipelines.nights.alerts import post, sentence
from pipelines.nights.sensors import alert_failures
from pipelines.settings.read import SettingsError, load
from pipelines.shell.night import REPOSITORY
from tests.pipelines.webhook import Hook

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    yield found
    found.end()


def test_a_message_is_one_line_and_arrives_whole(hook: Hook) -> None:
    text = sentence("nightly", "2026-01-31", "sessions: the events\n of 2026-01-30 are missing \u2013 \u00e4", "abc")
    assert (
        text == "nightly of 2026-01-31 failed: sessions: the events of 2026-01-30 are missing \u2013 \u00e4 (run abc)"
    )
    assert post(hook.url, text, night="2026-01-31") is None
    assert hook.told == [{"type": "application/json", "text": text, "night": "2026-01-31"}]


def test_what_does_not_arrive_is_one_sentence_without_the_secret(hook: Hook) -> None:
    hook.answer = 500
    assert post(hook.url, "x") == "The alert was not delivered to 127.0.0.1: it answered 500; see [alerts] url."
    hook.end()
    said = post(hook.url, "x")
    assert said is not None
    assert "refused" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "url", ["chat.example.org/x", "ftp://example.org", "https://", "file:///etc/passwd", "http://a b"]
)
def test_an_address_that_is_none_is_refused_when_the_settings_are_read(url: str, tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_text(f'[alerts]\nurl = "{url}"\n')
    with pytest.raises(SettingsError, match="use an address like https"):
        load({"GRU4REC_DATA": str(tmp_path)})


@dg.op(name="sessions")
def breaks() -> None:
    raise dg.Failure("the events of 2026-01-30 are missing", allow_retries=False)


@dg.job(name="nightly")
def broken() -> None:
    breaks()


def test_without_a_webhook_the_sensor_says_so() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = broken.execute_in_process(instance=instance, raise_on_error=False)
        event = next(event for event in result.all_events if event.event_type_value == "PIPELINE_FAILURE")
        context = dg.build_run_status_sensor_context("alert_failures", event, instance, result.dagster_run)
        skipped = alert_failures(context.for_run_failure())
    assert isinstance(skipped, dg.SkipReason)


SENSOR = """
import dagster as dg
from pipelines.nights.sensors import alert_failures
from tests.pipelines.nights.test_alerts import broken

with dg.DagsterInstance.ephemeral() as instance:
    tags = {"dagster/partition": "2026-01-31"}
    result = broken.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
    event = next(event for event in result.all_events if event.event_type_value == "PIPELINE_FAILURE")
    context = dg.build_run_status_sensor_context("alert_failures", event, instance, result.dagster_run)
    alert_failures(context.for_run_failure())
"""


def test_the_sensor_posts_the_job_the_night_and_the_reason(
    hook: Hook, environment: Callable[[Path, Path], dict[str, str]], tmp_path: Path
) -> None:
    """In a process of its own: the settings are read once a process."""
    (tmp_path / "pipeline.toml").write_text(f'[alerts]\nurl = "{hook.url}"\n')
    own = environment(tmp_path, tmp_path)
    subprocess.run([sys.executable, "-W", "ignore", "-c", SENSOR], cwd=ROOT, env=own, check=True, capture_output=True)
    [told] = hook.told
    assert told["text"].startswith("nightly of 2026-01-31 failed: sessions: the events of 2026-01-30 are missing (run ")
    assert (told["job"], told["night"]) == ("nightly", "2026-01-31")


def test_the_tag_names_the_repository_and_the_code_location_of_the_workspace() -> None:
    [source] = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    assert f"{defs.get_repository_def().name}@{source['python_module']['location_name']}" == REPOSITORY

"""A console logger for people: what the assets say, and why a step failed, one short line each."""

import logging
import sys

import dagster as dg

from pipelines.policy.failures import reason

ABANDONED = "Dependencies for step"  # Dagster's line for each step after a failed one


class _Said(logging.Filter):
    """Lets through what an asset logged itself and the failure of a step, and drops Dagster's other lines."""

    def filter(self, record: logging.LogRecord) -> bool:
        event = _event(record)
        return event.is_step_failure if event else not str(_meta(record).get("orig_message")).startswith(ABANDONED)


class _Short(logging.Formatter):
    """Writes a record as "step: message"."""

    def format(self, record: logging.LogRecord) -> str:
        meta, event = _meta(record), _event(record)
        if event:
            return f"  {event.step_key} failed: {reason(event)}"
        return f"  {meta.get('step_key') or 'run'}: {meta.get('orig_message') or record.getMessage()}"


def _meta(record: logging.LogRecord) -> dict[str, object]:
    return getattr(record, "dagster_meta", {})


def _event(record: logging.LogRecord) -> dg.DagsterEvent | None:
    event = getattr(record, "dagster_event", None) or _meta(record).get("dagster_event")
    return event if isinstance(event, dg.DagsterEvent) else None


@dg.logger(None, "What the assets say, and why a step failed, one short line each.")
def plain_console(context: dg.InitLoggerContext) -> logging.Logger:
    """A logger that writes to standard error."""
    found = logging.Logger("pipelines.plain", level=logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Short())
    handler.addFilter(_Said())
    found.addHandler(handler)
    return found

"""A console logger for people: only what the assets say, one short line each."""

import logging
import sys

import dagster as dg


class _Said(logging.Filter):
    """Lets through what an asset logged itself, and drops Dagster's own events."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "dagster_event", None) is None and _meta(record).get("dagster_event") is None


class _Short(logging.Formatter):
    """Writes a record as "step: message"."""

    def format(self, record: logging.LogRecord) -> str:
        meta = _meta(record)
        return f"  {meta.get('step_key') or 'run'}: {meta.get('orig_message') or record.getMessage()}"


def _meta(record: logging.LogRecord) -> dict[str, object]:
    return getattr(record, "dagster_meta", {})


@dg.logger(None, "Only what the assets say, one short line each.")
def plain_console(context: dg.InitLoggerContext) -> logging.Logger:
    """A logger that writes to standard error."""
    found = logging.Logger("pipelines.plain", level=logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Short())
    handler.addFilter(_Said())
    found.addHandler(handler)
    return found

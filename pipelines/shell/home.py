"""Dagster's home made ready: a home without a dagster.yaml gets the project's own."""

from pathlib import Path

SETTINGS = """\
# The project's own Dagster home: runs are kept here and shown in the UI. Named by DAGSTER_HOME in .env.
telemetry:
  enabled: false
nux:
  enabled: false # otherwise a newsletter dialog covers the UI
run_monitoring:
  enabled: true
concurrency:
  runs:
    tag_concurrency_limits:
      - key: pipelines/night # nights run one at a time, the oldest first
        limit: 1
      - key: dagster/backfill # and so do the runs of a backfill of single assets
        limit: 1
"""


def make_home(home: Path) -> Path:
    """Create the folder and its dagster.yaml where they are missing; an existing file stays as it is.

    Without the file Dagster would warn in every process, and send what it counts to its makers.

    Raises:
        ValueError: the path is not a folder, or cannot be written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        file = home / "dagster.yaml"
        if not file.exists():
            file.write_text(SETTINGS, encoding="utf-8")
    except OSError as error:
        raise ValueError(f"DAGSTER_HOME is {home}, which cannot be used: {error.strerror}; name a folder.") from None
    return home

"""Whether the settings' values can be meant, judged when they are read: each section by the part that it configures.

A night that starts at two o'clock should not be the first to notice a mistyped preset. No heavy library is needed.
"""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gru4rec.config.options import Config
from gru4rec.config.presets import judge
from gru4rec.config.values import rank_metric
from pipelines.evaluation.gate import Rules
from pipelines.training.train import REFITS, tuned
from warehouse.config import ContextConfig, EventsConfig, SessionsConfig, SplitsConfig

Knobs = Mapping[str, Mapping[str, Any]]
CRON = re.compile(r"@\w+|\S+( \S+){4}")


def problem(knobs: Knobs, root: Path) -> str | None:
    """The first value that cannot be meant, as "[section]: sentence"; None where all can. root: the data folder."""
    checks = {
        "partitions": lambda: _days(knobs["partitions"]),
        "schedule": lambda: _schedule(knobs["schedule"]),
        "events": lambda: EventsConfig(**knobs["events"]),
        "sessions": lambda: SessionsConfig(**knobs["sessions"]),
        "splits": lambda: SplitsConfig(**knobs["splits"]),
        "contexts": lambda: ContextConfig(**knobs["contexts"]),
        "model": lambda: _model(knobs, root / "presets"),
        "gate": lambda: Rules(knobs["gate"]["metric"]),
        "tuning": lambda: rank_metric("metric", knobs["tuning"]["metric"]),
    }
    for section, check in checks.items():
        try:
            check()
        except ValueError as error:
            return f"[{section}]: {error}"
    return None


def _days(partitions: Mapping[str, Any]) -> None:
    found = {}
    for name in ("first_day", "last_day"):
        if (value := partitions.get(name)) is None:
            continue
        try:
            found[name] = date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{name} is {value!r}: it must be a date like 2026-01-31") from None
    if found.get("last_day", date.max) < found["first_day"]:
        raise ValueError(f"last_day {found['last_day']} is before first_day {found['first_day']}")


def _schedule(schedule: Mapping[str, Any]) -> None:
    if not CRON.fullmatch(schedule["cron"]):
        raise ValueError(f'cron is {schedule["cron"]!r}: write five fields, such as "0 2 * * *" for two o\'clock')
    try:
        ZoneInfo(schedule["timezone"])
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"timezone is {schedule['timezone']!r}: write it like Europe/Berlin or UTC") from None


def _model(knobs: Knobs, presets: Path) -> None:
    """A tuned preset may still be to come: the one that [tuning] writes."""
    model = knobs["model"]
    name, changes = model["preset"], model["overrides"]
    if model["refit"] not in REFITS:
        raise ValueError(f"refit is {model['refit']!r}: choose one of {', '.join(map(repr, REFITS))}")
    found = tuned(name, presets)
    if found is None and name != knobs["tuning"]["preset"]:
        judge(name, changes)
    else:
        (found or Config()).override(changes)

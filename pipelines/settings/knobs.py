"""The configuration classes of the assets: what the launchpad shows, with defaults and descriptions from the settings.

The knobs of a section that configures a step of `warehouse` are that step's dataclass, field by field; a test
compares them.
"""

import re
from functools import cache
from typing import Any

import dagster as dg
from pydantic import Field

from pipelines.settings import read as settings


@cache
def descriptions() -> dict[tuple[str, str], str]:
    """(section, name) -> the comment behind that knob in default.toml."""
    found: dict[tuple[str, str], str] = {}
    section = ""
    for line in settings.DEFAULT_FILE.read_text(encoding="utf-8").splitlines():
        if header := re.match(r"\[([\w.]+)\]\s*(?:#\s*(.*))?$", line):
            section, _, table = header[1].partition(".")
            if table:
                found[section, table] = header[2]
        elif entry := re.match(r"(?:# )?(\w+) = .*?#\s+(.*)$", line):
            found[section, entry[1]] = entry[2]
    return found


def _knob(section: str, name: str) -> Any:
    return Field(default=settings.knob(section, name), description=descriptions()[section, name])


class EventsKnobs(dg.Config):
    """[events]"""

    user_column: str = _knob("events", "user_column")
    item_column: str = _knob("events", "item_column")
    timestamp_column: str = _knob("events", "timestamp_column")
    session_column: str = _knob("events", "session_column")
    event_type_column: str = _knob("events", "event_type_column")
    dwell_column: str = _knob("events", "dwell_column")
    timestamp_unit: str = _knob("events", "timestamp_unit")
    user_id_type: str = _knob("events", "user_id_type")
    item_id_type: str = _knob("events", "item_id_type")
    event_types: list[str] = _knob("events", "event_types")
    floor: str = _knob("events", "floor")
    max_id_length: int = _knob("events", "max_id_length")
    max_rejected_share: float = _knob("events", "max_rejected_share")
    allow_empty_day: bool = _knob("events", "allow_empty_day")


class ItemsKnobs(dg.Config):
    """[items]"""

    item_column: str = _knob("items", "item_column")
    title_column: str = _knob("items", "title_column")


class SessionsKnobs(dg.Config):
    """[sessions]"""

    window_days: int = _knob("sessions", "window_days")
    sessions: str = _knob("sessions", "sessions")
    gap_minutes: float = _knob("sessions", "gap_minutes")
    repeats: str = _knob("sessions", "repeats")
    min_session_length: int = _knob("sessions", "min_session_length")
    min_item_support: int = _knob("sessions", "min_item_support")
    max_session_length: int = _knob("sessions", "max_session_length")
    max_events_per_minute: float = _knob("sessions", "max_events_per_minute")
    dwell: str = _knob("sessions", "dwell")
    dwell_threshold_seconds: float = _knob("sessions", "dwell_threshold_seconds")
    dwell_limit_seconds: float = _knob("sessions", "dwell_limit_seconds")
    dwell_max_copies: int = _knob("sessions", "dwell_max_copies")


class SplitsKnobs(dg.Config):
    """[splits]"""

    validation_days: int = _knob("splits", "validation_days")
    test_days: int = _knob("splits", "test_days")
    validation_start: str | None = _knob("splits", "validation_start")
    test_start: str | None = _knob("splits", "test_start")


class ModelKnobs(dg.Config):
    """[model]"""

    preset: str = _knob("model", "preset")
    device: str = _knob("model", "device")
    threads: int = _knob("model", "threads")
    refit: str = _knob("model", "refit")
    overrides: dict = _knob("model", "overrides")


class EvaluationKnobs(dg.Config):
    """[evaluation]"""

    baselines: list[str] = _knob("evaluation", "baselines")
    bootstrap: int = _knob("evaluation", "bootstrap")
    seed: int = _knob("evaluation", "seed")
    max_sessions: int = _knob("evaluation", "max_sessions")


class GateKnobs(dg.Config):
    """[gate]"""

    metric: str = _knob("gate", "metric")
    min_events: int = _knob("gate", "min_events")
    min_recall: float = _knob("gate", "min_recall")
    min_mrr: float = _knob("gate", "min_mrr")
    min_coverage: float = _knob("gate", "min_coverage")
    best_baseline_share: float = _knob("gate", "best_baseline_share")
    min_known_share: float = _knob("gate", "min_known_share")


class ServingKnobs(dg.Config):
    """[contexts] and [recommendations]; how a context's session ends is read from [sessions]."""

    window_days: int = _knob("contexts", "window_days")
    source: str = _knob("contexts", "source")
    max_events: int = _knob("contexts", "max_events")
    sessions: str = _knob("sessions", "sessions")
    gap_minutes: float = _knob("sessions", "gap_minutes")
    repeats: str = _knob("sessions", "repeats")
    n: int = _knob("recommendations", "n")
    exclude_seen: bool = _knob("recommendations", "exclude_seen")
    allow: str = _knob("recommendations", "allow")
    deny: str = _knob("recommendations", "deny")
    max_fallback_share: float = _knob("recommendations", "max_fallback_share")
    min_overlap: float = _knob("recommendations", "min_overlap")
    max_score_shift: float = _knob("recommendations", "max_score_shift")
    max_user_drop: float = _knob("recommendations", "max_user_drop")
    keep_nights: int = _knob("recommendations", "keep_nights")
    vacuum_hours: int = _knob("recommendations", "vacuum_hours")


class TuningKnobs(dg.Config):
    """[tuning]"""

    trials: int = _knob("tuning", "trials")
    parallel: int = _knob("tuning", "parallel")
    study: str = _knob("tuning", "study")
    preset: str = _knob("tuning", "preset")
    loss: str = _knob("tuning", "loss")
    metric: str = _knob("tuning", "metric")
    epochs: int = _knob("tuning", "epochs")
    n_sample: int = _knob("tuning", "n_sample")
    most_units: int = _knob("tuning", "most_units")
    selected_features: list[str] = _knob("tuning", "selected_features")
    seed: int = _knob("tuning", "seed")

"""The table of recommendations that the fusion job lives on: a Delta table with one partition a night.

A night is staged beside the table, audited there, and published by one commit (``publish``); readers (``latest``,
``night``, ``for_user``, ``for_users``) see whole nights only; operators look back and clean up (``history``,
``rollback``, ``retain``). The names below are loaded on first use, so that importing this package costs neither DuckDB
nor Delta Lake.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warehouse.recommendations.errors import (
        AuditFailed,
        NightBusy,
        NoNight,
        RecommendationsError,
        StaleNight,
        WriteFailed,
    )
    from warehouse.recommendations.limits import CHECKS, Audit, AuditLimits, Check, Expected
    from warehouse.recommendations.logbook import Rollback, history
    from warehouse.recommendations.publishing.auditing import audit
    from warehouse.recommendations.publishing.maintenance import retain, rollback, sweep
    from warehouse.recommendations.publishing.publish import NightFacts, Published, publish
    from warehouse.recommendations.reading.comparison import compare
    from warehouse.recommendations.reading.exports import export_parquet, export_ranx
    from warehouse.recommendations.reading.readers import Night, Reader, for_user, for_users, latest, night

_HOME = {
    "Audit": "limits", "AuditLimits": "limits", "CHECKS": "limits", "Check": "limits", "Expected": "limits",
    "audit": "publishing.auditing",
    "compare": "reading.comparison", "export_parquet": "reading.exports", "export_ranx": "reading.exports",
    "AuditFailed": "errors", "NightBusy": "errors", "NoNight": "errors", "RecommendationsError": "errors",
    "StaleNight": "errors", "WriteFailed": "errors",
    "Rollback": "logbook", "history": "logbook",
    "retain": "publishing.maintenance", "rollback": "publishing.maintenance", "sweep": "publishing.maintenance",
    "NightFacts": "publishing.publish", "Published": "publishing.publish", "publish": "publishing.publish",
    "Night": "reading.readers", "Reader": "reading.readers", "for_user": "reading.readers",
    "for_users": "reading.readers", "latest": "reading.readers", "night": "reading.readers",
}  # fmt: skip

__all__ = [
    "CHECKS", "Audit", "AuditFailed", "AuditLimits", "Check", "Expected", "Night", "NightBusy", "NightFacts", "NoNight",
    "Published", "Reader", "RecommendationsError", "Rollback", "StaleNight", "WriteFailed", "audit", "compare",
    "export_parquet", "export_ranx", "for_user", "for_users", "history", "latest", "night", "publish", "retain",
    "rollback", "sweep",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value

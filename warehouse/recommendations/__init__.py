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
    from warehouse.recommendations.auditing import audit
    from warehouse.recommendations.comparison import compare
    from warehouse.recommendations.errors import (
        AuditFailed,
        NightBusy,
        NoNight,
        RecommendationsError,
        StaleNight,
        WriteFailed,
    )
    from warehouse.recommendations.exports import export_parquet, export_ranx
    from warehouse.recommendations.limits import CHECKS, Audit, AuditLimits, Check, Expected
    from warehouse.recommendations.logbook import Rollback, history
    from warehouse.recommendations.maintenance import retain, rollback, sweep
    from warehouse.recommendations.publishing import NightFacts, Published, publish
    from warehouse.recommendations.readers import Night, Reader, for_user, for_users, latest, night

_HOME = {
    "Audit": "limits", "AuditLimits": "limits", "CHECKS": "limits", "Check": "limits", "Expected": "limits",
    "audit": "auditing",
    "compare": "comparison", "export_parquet": "exports", "export_ranx": "exports",
    "AuditFailed": "errors", "NightBusy": "errors", "NoNight": "errors", "RecommendationsError": "errors",
    "StaleNight": "errors", "WriteFailed": "errors",
    "Rollback": "logbook", "history": "logbook", "retain": "maintenance", "rollback": "maintenance",
    "sweep": "maintenance",
    "NightFacts": "publishing", "Published": "publishing", "publish": "publishing",
    "Night": "readers", "Reader": "readers", "for_user": "readers", "for_users": "readers", "latest": "readers",
    "night": "readers",
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

"""The table of recommendations that the fusion job lives on: a Delta table with one partition a night.

A night is staged beside the table, audited there, and published by one commit (`publish`). Readers (`latest`, `night`,
`for_user`, `for_users`) see whole nights only. Operators look back and clean up (`history`, `rollback`, `retain`). The
table of similar items is one of the same kind: `publish` writes it, `for_item` reads it, and what takes a path
takes its path too. A name is loaded on its first use, so that importing this package costs neither DuckDB
nor Delta Lake.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the same names for type checkers; a test holds both lists together
    from warehouse.recommendations.errors import AuditFailed as AuditFailed
    from warehouse.recommendations.errors import NightBusy as NightBusy
    from warehouse.recommendations.errors import NoNight as NoNight
    from warehouse.recommendations.errors import RecommendationsError as RecommendationsError
    from warehouse.recommendations.errors import StaleNight as StaleNight
    from warehouse.recommendations.errors import WriteFailed as WriteFailed
    from warehouse.recommendations.kinds import SIMILAR as SIMILAR
    from warehouse.recommendations.limits import CHECKS as CHECKS
    from warehouse.recommendations.limits import SIMILAR_CHECKS as SIMILAR_CHECKS
    from warehouse.recommendations.limits import Audit as Audit
    from warehouse.recommendations.limits import AuditLimits as AuditLimits
    from warehouse.recommendations.limits import Cap as Cap
    from warehouse.recommendations.limits import Check as Check
    from warehouse.recommendations.limits import Expected as Expected
    from warehouse.recommendations.limits import HouseRules as HouseRules
    from warehouse.recommendations.logbook import Rollback as Rollback
    from warehouse.recommendations.logbook import history as history
    from warehouse.recommendations.publishing.auditing import audit as audit
    from warehouse.recommendations.publishing.publish import NightFacts as NightFacts
    from warehouse.recommendations.publishing.publish import Published as Published
    from warehouse.recommendations.publishing.publish import publish as publish
    from warehouse.recommendations.publishing.publish import publish_groups as publish_groups
    from warehouse.recommendations.publishing.retention import require_kept as require_kept
    from warehouse.recommendations.publishing.retention import retain as retain
    from warehouse.recommendations.publishing.rolling_back import rollback as rollback
    from warehouse.recommendations.publishing.sweeping import sweep as sweep
    from warehouse.recommendations.reading.comparison import compare as compare
    from warehouse.recommendations.reading.exports import export_parquet as export_parquet
    from warehouse.recommendations.reading.exports import export_ranx as export_ranx
    from warehouse.recommendations.reading.readers import Reader as Reader
    from warehouse.recommendations.reading.readers import for_user as for_user
    from warehouse.recommendations.reading.readers import for_users as for_users
    from warehouse.recommendations.reading.similar import for_item as for_item
    from warehouse.recommendations.reading.snapshots import Night as Night
    from warehouse.recommendations.reading.snapshots import latest as latest
    from warehouse.recommendations.reading.snapshots import night as night
    from warehouse.recommendations.reading.verification import Verified as Verified
    from warehouse.recommendations.reading.verification import verify as verify

_NAMES_OF = {
    "errors": "AuditFailed NightBusy NoNight RecommendationsError StaleNight WriteFailed",
    "kinds": "SIMILAR",
    "limits": "CHECKS SIMILAR_CHECKS Audit AuditLimits Cap Check Expected HouseRules",
    "logbook": "Rollback history",
    "publishing.auditing": "audit",
    "publishing.publish": "NightFacts Published publish publish_groups",
    "publishing.retention": "require_kept retain",
    "publishing.rolling_back": "rollback",
    "publishing.sweeping": "sweep",
    "reading.comparison": "compare",
    "reading.exports": "export_parquet export_ranx",
    "reading.readers": "Reader for_user for_users",
    "reading.similar": "for_item",
    "reading.snapshots": "Night latest night",
    "reading.verification": "Verified verify",
}
_HOME_OF = {name: module for module, names in _NAMES_OF.items() for name in names.split()}
__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

"""What can go wrong with the table, each as one sentence: what, where, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from warehouse.recommendations.limits import Audit


class RecommendationsError(ValueError):
    """Something a person can put right; the message is the sentence to show."""


class NoNight(FileNotFoundError):
    """There is no such table, or no such night in it."""


class StaleNight(RecommendationsError):
    """The newest night is older than the reader accepts."""


class NightBusy(RecommendationsError):
    """Another writer is at work on the same night."""


class WriteFailed(RecommendationsError):
    """The night could not be written (disk full, permissions, file size limit); nothing was published."""


class AuditFailed(RecommendationsError):
    """The staged night did not pass its audit: it is kept on disk, and not published.

    `audit` holds the figures (an `Audit`), `kept` the folder of the rejected night's parquet files.
    """

    def __init__(self, message: str, audit: Audit, kept: Path) -> None:
        super().__init__(message)
        self.audit = audit
        self.kept = kept

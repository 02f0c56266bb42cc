"""What `gru4rec fit` says after each epoch, and the epochs in its JSON."""

from typing import Any

from gru4rec.cli.console import say
from gru4rec.config.options import TrainConfig
from gru4rec.training.fit import EpochReport


class Epochs:
    """Called with the report of each epoch; `last` names the last one that this run finished."""

    def __init__(self, config: TrainConfig) -> None:
        self._several = config.members > 1
        self.last: str | None = None

    def __call__(self, report: EpochReport) -> None:
        """Say how an epoch went."""
        self.last = f"epoch {report.epoch}" + (f" of member {report.member}" if self._several else "")
        member = f"member {report.member}/{report.members}, " if self._several else ""
        figures = "".join(f", {name} {value:.4f}" for name, value in (report.validation or {}).items())
        say(f"{member}epoch {report.epoch}/{report.epochs}: loss {report.loss:.4f}{figures}")


def as_json(report: EpochReport) -> dict[str, Any]:
    """A report as JSON: member and epoch (both from 1), the mean loss, and the figures on the validation sessions."""
    return {"member": report.member, "epoch": report.epoch, "loss": report.loss, **(report.validation or {})}

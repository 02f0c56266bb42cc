"""What `gru4rec fit` says after each epoch, and the epochs in its JSON."""

import sys
from typing import Any

from gru4rec.config.options import Config
from gru4rec.training.fit import EpochReport


class Epochs:
    """Called with the report of each epoch; `last` names the last one that this run finished."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.last: str | None = None

    def __call__(self, report: EpochReport) -> None:
        """Say how an epoch went, on standard error."""
        entry = numbered(report, self._config)
        train = self._config.train
        self.last = f"epoch {entry['epoch']}" + (f" of member {entry['member']}" if train.members > 1 else "")
        member = f"member {entry['member']}/{train.members}, " if train.members > 1 else ""
        figures = "".join(f", {name} {value:.4f}" for name, value in (report.validation or {}).items())
        note = f"{member}epoch {entry['epoch']}/{train.epochs}: loss {report.loss:.4f}{figures}"
        print(note, file=sys.stderr, flush=True)


def numbered(report: EpochReport, config: Config) -> dict[str, Any]:
    """A report as JSON: member and epoch (both from 1), the mean loss, and the figures on the validation sessions."""
    member, epoch = divmod(report.epoch - 1, config.train.epochs)
    return {"member": member + 1, "epoch": epoch + 1, "loss": report.loss, **(report.validation or {})}

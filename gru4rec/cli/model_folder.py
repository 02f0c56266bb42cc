"""The folder of `gru4rec fit --model-dir`: what it holds already, and how a new model takes an older one's place.

With --overwrite the new model is trained in a folder inside, `replacement`, and the older one stays as it is. Once the
new one is whole, the older run's training state goes, the new checkpoint replaces the older one in one moment
(gru4rec/storage/files.py), and the new training state moves in: what a reader finds is always one whole model.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gru4rec.cli.paths import own_folder
from gru4rec.config.options import Config
from gru4rec.network.model import GRU4Rec
from gru4rec.storage import checkpoint, training_state
from gru4rec.storage.member_folders import member_folder, member_folders, move_training, remove_run, remove_training


@dataclass(frozen=True)
class ModelFolder:
    """path: of the finished model. work: where this run trains. again: what makes the shell go on with this run."""

    path: Path
    work: Path
    again: str

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, go_on: bool, overwrite: bool) -> Iterator["ModelFolder"]:
        """The folder for this run alone, left as it is until the run writes into it.

        Raises ValueError when it cannot be written, another run is at work in it, or it holds a model and neither
        `go_on` (--resume) nor `overwrite` is asked for.
        """
        with own_folder(path, "--model-dir"):  # from before the look at what it holds until the model is written
            yield cls._found(path, go_on=go_on, overwrite=overwrite)

    @classmethod
    def _found(cls, path: Path, *, go_on: bool, overwrite: bool) -> "ModelFolder":
        replacement = path / "replacement"
        if overwrite and (holds_model(path) or holds_model(replacement)):
            return cls(path, replacement, "--overwrite --resume")
        if holds_model(path) and not (go_on or overwrite):
            raise ValueError(
                f"--model-dir {path} holds a model already; go on with it by --resume, replace it by --overwrite, "
                "or give another folder"
            )
        return cls(path, path, "--resume")

    def begin(self, config: Config, go_on: bool) -> bool:
        """Whether there is a run to go on with; without `go_on`, what an earlier replacement left is removed.

        Raises ValueError when the folder holds a model, but no run of as many members.
        """
        if not go_on:
            if self.work != self.path:
                remove_run(self.work)
            return False
        first = member_folder(self.work, 1, config.train.members)
        there = first is not None and (first / training_state.MANIFEST).exists()
        if not there and holds_model(self.work):
            raise ValueError(
                f"--model-dir {self.path} holds a model, but no run with members={config.train.members} that could go "
                "on; give its settings, or replace it by --overwrite"
            )
        return there

    def finish(self, model: GRU4Rec, config: Config, extra: dict[str, Any]) -> None:
        """Write the whole model, in the older one's place where there is one."""
        moves = self.work != self.path
        if moves:
            remove_training(self.path)
        checkpoint.save(self.path, model, config, extra)
        if moves:
            move_training(self.work, self.path)
            remove_run(self.work)

    def kept(self, epoch: str | None, resumed: bool) -> str:
        """What an interrupted run leaves, `epoch` being the last one it finished, and how to go on."""
        if epoch is None and not resumed:
            return f"no epoch was finished, so nothing of this run is kept; {self.path} is as it was"
        saved = "what was there before" if epoch is None else f"the run up to {epoch}"
        older = f"; the older model stays in {self.path} until then" if self.work != self.path else ""
        return f"{saved} is kept in {self.work}; the same command with {self.again} goes on from there{older}"


def holds_model(folder: Path) -> bool:
    """Whether a run left a model or a training state in a folder."""
    places = [folder, *member_folders(folder)]
    return any((place / name).exists() for place in places for name in (checkpoint.MANIFEST, training_state.MANIFEST))

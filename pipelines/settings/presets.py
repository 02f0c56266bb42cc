"""Which parameters a night trains with: a published preset, "auto", or one that tuning wrote; then single changes."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gru4rec.config import presets as published
from gru4rec.config.options import Config, ConfigError

if TYPE_CHECKING:
    from gru4rec.config.auto import Statistics


def preset_file(root: Path, name: str) -> Path:
    """Where a tuned preset lies below the data folder."""
    return root / "presets" / f"{name}.json"


def tuned(root: Path, name: str) -> Config | None:
    """The preset that tuning wrote under a name, or None; ValueError for a file that cannot be read."""
    file = preset_file(root, name)
    if not file.is_file():
        return None
    try:
        return Config.from_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"the preset in {file}: {error}; remove it and tune again, or name another") from error


def resolve(root: Path, name: str, changes: Mapping[str, Any], statistics: "Statistics") -> Config:
    """The parameters for a night's training data.

    Args:
        root: the data folder; a tuned preset goes before a published one of the same name.
        name: the preset; "auto" is chosen from the data.
        changes: single parameters that differ from it.
        statistics: of the sessions of the training days.

    Raises:
        ValueError: an unknown name or parameter, a value that a parameter cannot hold, a file that cannot be read.
    """
    found = tuned(root, name)
    return published.resolve(name, statistics, changes) if found is None else found.override(changes)


def check(root: Path, name: str, changes: Mapping[str, Any], to_come: str) -> None:
    """Raise what `resolve` would raise whatever the data are.

    Args:
        root: the data folder.
        name: the preset.
        changes: single parameters that differ from it.
        to_come: the name under which tuning will write its preset: it may be named before the file is there.
    """
    found = tuned(root, name)
    published_one = found is None and name != to_come
    if published_one and name != "auto":
        published.preset(name)
    try:
        if published_one:
            published.judge(name, changes)
        else:
            (found or Config()).override(changes)
    except ConfigError as error:
        raise ConfigError(f"overrides: {error}") from error

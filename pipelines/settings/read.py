"""Paths and knobs: where the data lies and what every setting is, from the environment and two TOML files.

`default.toml` beside this file names every knob with a comment. A shop changes some of them in
`<data folder>/pipeline.toml` (or the file named by GRU4REC_CONFIG). The Dagster launchpad shows the merged values as
defaults, so that the schedule, the UI and the shell run with the same ones. No heavy library is needed to read them.
"""

import functools
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.settings import judging as settings_check

DEFAULT_FILE = Path(__file__).with_name("default.toml")
FREE_FORM = {("model", "overrides")}  # tables whose keys are not listed in default.toml
OPTIONAL = {
    ("partitions", "last_day"),
    ("splits", "validation_start"),
    ("splits", "test_start"),
}  # knobs without a default


class SettingsError(ValueError):
    """A settings file names an unknown knob, cannot be read, or gives a value that cannot be meant."""


@dataclass(frozen=True)
class Settings:
    """What the environment and the settings files say.

    root: the data folder (GRU4REC_DATA, default ./data). knobs: section -> name -> value, merged. tracking_uri: where
    MLflow keeps its runs (MLFLOW_TRACKING_URI, default a sqlite file below the data folder). config_file: the shop's.
    """

    root: Path
    knobs: Mapping[str, Mapping[str, Any]]
    tracking_uri: str
    config_file: Path

    def section(self, name: str) -> dict[str, Any]:
        """All knobs of one section of the settings."""
        return dict(self.knobs[name])

    @property
    def mlflow_folder(self) -> Path:
        """Where MLflow's sqlite file and artifacts lie while no server is named."""
        return self.root / "mlflow"


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings that `environment` (default: the process's) names; SettingsError says what is wrong where."""
    env = os.environ if environment is None else environment
    root = Path(env.get("GRU4REC_DATA") or "data").absolute()
    named = env.get("GRU4REC_CONFIG")
    file = Path(named).absolute() if named else root / "pipeline.toml"
    if named and not file.is_file():
        raise SettingsError(f"GRU4REC_CONFIG names {file}, which does not exist; correct it or unset it.")
    knobs = _read(DEFAULT_FILE)
    if file.is_file():
        _merge(knobs, _read(file), file)
    if problem := settings_check.problem(knobs, root):
        raise SettingsError(f"{file}, {problem}.")
    uri = env.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root / 'mlflow' / 'mlflow.db'}"
    return Settings(root, knobs, uri, file)


@functools.cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return load()


def knob(section: str, name: str) -> Any:
    """The merged value of one knob: the default that the launchpad shows."""
    return settings().knobs[section].get(name)


def _read(file: Path) -> dict[str, dict[str, Any]]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from None


def _merge(knobs: dict[str, dict[str, Any]], changes: Mapping[str, Any], file: Path) -> None:
    """Lay a shop's changes over the defaults; an unknown section or knob, or another type, is an error."""
    for section, values in changes.items():
        if section not in knobs or not isinstance(values, dict):
            raise SettingsError(f"{file} has an unknown section [{section}]; known are: {', '.join(sorted(knobs))}.")
        for name, value in values.items():
            if name not in knobs[section] and (section, name) not in OPTIONAL:
                known = ", ".join(sorted(knobs[section]))
                raise SettingsError(f"{file}, section [{section}], has an unknown knob {name!r}; known are: {known}.")
            if isinstance(value, date):
                value = value.isoformat()
            default = knobs[section].get(name)
            if (section, name) not in FREE_FORM and default is not None and not _same_type(value, default):
                raise SettingsError(
                    f"{file}, [{section}] {name}: expected {type(default).__name__} like {default!r}, found {value!r}."
                )
            knobs[section][name] = value


def _same_type(value: object, default: object) -> bool:
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(default)

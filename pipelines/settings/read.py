"""Where the data lies and what every knob is: from the environment, and from a shop's own file.

knobs.py has every knob with its default. A shop changes some of them in `<data folder>/pipeline.toml`, or in the
file named by GRU4REC_CONFIG. A mistake there is found when the file is read, not by the night at two o'clock.
"""

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from gru4rec.config.sentences import brief
from pipelines.settings import presets, tracking_server
from pipelines.settings.knobs import Knobs
from pipelines.settings.sections import Partitions
from pipelines.settings.sentences import in_file
from pipelines.settings.steps import step_config
from warehouse.config import ContextConfig, EventsConfig, SessionsConfig, SplitsConfig
from warehouse.engine.choice import engine_of
from warehouse.layout import judge_folder
from warehouse.recommendations.limits import AuditLimits
from warehouse.store.address import address_of
from warehouse.toml_files import read_toml


class SettingsError(ValueError):
    """A settings file cannot be read, names an unknown section or knob, or gives a value that cannot be meant."""


@dataclass(frozen=True)
class Settings:
    """What the environment and the settings file say.

    root: the data folder (GRU4REC_DATA, default ./data). knobs: every knob by its section. tracking_uri: where MLflow
    keeps its runs (MLFLOW_TRACKING_URI without its password, default a sqlite file below the data folder).
    config_file: the shop's own.
    """

    root: Path
    knobs: Knobs
    tracking_uri: str
    config_file: Path

    @property
    def mlflow_folder(self) -> Path:
        """Where MLflow's sqlite file and artifacts lie while no server is named."""
        return self.root / "mlflow"


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings that `environment` (default: the process's) names; SettingsError says what is wrong where."""
    env = os.environ if environment is None else environment
    root = Path(env.get("GRU4REC_DATA") or "data").absolute()
    try:
        judge_folder(root)
    except (ValueError, OSError) as error:
        raise SettingsError(brief(f"GRU4REC_DATA: {error}.")) from None
    try:
        address_of(root)
    except (ValueError, OSError) as error:
        raise SettingsError(brief(f"{error}.")) from None
    named = env.get("GRU4REC_CONFIG")
    file = Path(named).absolute() if named else root / "pipeline.toml"
    if named and not _is_file(file):
        raise SettingsError(f"GRU4REC_CONFIG names {file}, which does not exist; correct it or unset it.")
    knobs = _read(file) if _is_file(file) else Knobs()
    if problem := _problem(knobs, root):
        raise SettingsError(brief(f"{file}, {problem}."))
    uri = env.get(tracking_server.VARIABLE)
    try:
        uri = tracking_server.address(uri) if uri else f"sqlite:///{root / 'mlflow' / 'mlflow.db'}"
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return Settings(root, knobs, uri, file)


@functools.cache
def current_settings() -> Settings:
    """The settings of this process, read once."""
    return load()


def _read(file: Path) -> Knobs:
    try:
        return Knobs.model_validate(read_toml(file))
    except ValidationError as error:
        raise SettingsError(brief(f"{file}, {in_file(error)}.")) from None
    except (ValueError, OSError) as error:
        raise SettingsError(brief(str(error))) from None


def _is_file(path: Path) -> bool:
    """Whether a file is there; SettingsError for a path that the system cannot look up, as one with too long a name."""
    try:
        return path.is_file()
    except (OSError, ValueError) as error:
        raise SettingsError(brief(f"{path} cannot be looked up: {getattr(error, 'strerror', error)}.")) from None


def _problem(knobs: Knobs, root: Path) -> str | None:
    """What cannot be meant though each knob alone can, as "[section]: sentence"; None where there is nothing."""
    model = knobs.model
    checks = {
        "partitions": lambda: _days(knobs.partitions),
        "engine": lambda: engine_of(scratch=root, **knobs.engine.model_dump()),
        "events": lambda: step_config(EventsConfig, knobs.events),
        "sessions": lambda: step_config(SessionsConfig, knobs.sessions),
        "splits": lambda: _held_out(knobs),
        "contexts": lambda: step_config(ContextConfig, knobs.sessions, knobs.contexts),
        "recommendations": lambda: step_config(AuditLimits, knobs.recommendations),
        "model": lambda: presets.check(root, model.preset, model.overrides, to_come=knobs.tuning.preset),
    }
    for section, check in checks.items():
        try:
            check()
        except ValueError as error:
            return f"[{section}]: {error}"
    return None


def _held_out(knobs: Knobs) -> None:
    splits, window = knobs.splits, knobs.sessions.window_days
    step_config(SplitsConfig, splits)
    if splits.test_start is None and not splits.test_days:
        raise ValueError("test_days is 0: nothing could be measured, so no model would be promoted; use at least 1")
    held_out = splits.validation_days + splits.test_days
    if splits.validation_start is None and splits.test_start is None and held_out >= window:
        raise ValueError(
            f"validation_days {splits.validation_days} and test_days {splits.test_days} leave no day to train on of "
            f"the {window} of [sessions] window_days"
        )


def _days(partitions: Partitions) -> None:
    first, last = partitions.first_day, partitions.last_day
    if last and date.fromisoformat(last) < date.fromisoformat(first):
        raise ValueError(f"last_day {last} is before first_day {first}")

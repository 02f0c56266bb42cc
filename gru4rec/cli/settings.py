"""Settings in the shell: presets, configuration files and `--set KEY=VALUE`."""

import argparse
from pathlib import Path
from typing import Any

from gru4rec.config import presets
from gru4rec.config.options import Config, read_settings
from gru4rec.config.sentences import shown
from gru4rec.storage import checkpoint


def asked_for(arguments: argparse.Namespace) -> dict[str, Any]:
    """The values of `--set` and `--seed`, by name.

    Raises:
        ConfigError: a name that no setting has, or a text that is no value of its setting.
        ValueError: a pair without `=`.
    """
    texts: dict[str, str] = {}
    for pair in arguments.set:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"--set {shown(pair)} is not KEY=VALUE; write for example --set epochs=5")
        texts[key.strip()] = value.strip()
    seed = {} if arguments.seed is None else {"seed": arguments.seed}
    return {**read_settings(texts), **seed}


def configured(arguments: argparse.Namespace, changes: dict[str, Any]) -> Config | None:
    """The configuration of `--config` or `--preset` with changes; None for preset auto, which needs the data.

    Raises:
        FileNotFoundError, ValueError: what `read_config` raises, and ConfigError of `presets.judge`.
    """
    if arguments.config is not None:
        return read_config(arguments.config, changes)
    return presets.judge(arguments.preset, changes)


def read_config(path: Path, changes: dict[str, Any]) -> Config:
    """The configuration in a JSON file, or that of a checkpoint's manifest, with changes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds no configuration; the sentence names the file.
        ConfigError: the changes do not fit the configuration.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no configuration file {path}; check the path")
    text = path.read_text(encoding="utf-8")
    try:
        recipe = checkpoint.recipe_in(text)
        config = Config.from_json(text) if recipe is None else Config.from_dict(recipe)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return config.override(changes)

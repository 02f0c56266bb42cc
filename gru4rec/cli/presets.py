"""`gru4rec presets`: what there is to choose from before there is a model."""

import argparse

from gru4rec.config import presets
from gru4rec.config.options import Config


def presets_command(arguments: argparse.Namespace) -> None:
    """Every preset with all parameters in which presets differ; whatever else there is has its default."""
    known = {name: config.flat() for name, config in presets.PRESETS.items()}
    default = Config().flat()
    telling = [key for key in default if len({str(values[key]) for values in known.values()}) > 1]
    print("auto: chosen by `gru4rec fit` from how many sessions and clicks there are to learn from")
    for name, values in known.items():
        print(f"{name}: " + " ".join(f"{key}={values[key]}" for key in telling))

"""Baselines beside the model in `gru4rec evaluate`: what is asked for, and how good each is."""

import argparse
from collections.abc import Iterator

from gru4rec.baselines import BASELINES
from gru4rec.cli.console import columns_of, say
from gru4rec.cli.files import known_training_data
from gru4rec.config.sentences import shown
from gru4rec.data.dataset import Dataset
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.evaluate import Evaluation, evaluate

WORDS = {name.lower().replace(" ", "-"): name for name in BASELINES}  # as they are written in the shell


def asked_for(arguments: argparse.Namespace) -> list[str]:
    """The names in `--baselines`, as BASELINES has them; [] without it.

    Raises:
        ValueError: a name is not known or stands twice, or one of `--baselines` and `--train` is missing.
    """
    if arguments.baselines is None:
        if arguments.train is not None:
            raise ValueError("--train goes with --baselines; the model itself is not trained here")
        return []
    words = [word.strip().lower().replace(" ", "-") for word in arguments.baselines.split(",")]
    for word in words:
        if word not in WORDS:
            raise ValueError(f"--baselines has no {shown(word)}; there are {', '.join(WORDS)}")
        if words.count(word) > 1:
            raise ValueError(f"--baselines names {word} twice; name it once")
    if arguments.train is None:
        raise ValueError("--baselines needs --train TRAIN.parquet, the events that they learn from")
    return [WORDS[word] for word in words]


def training_data(arguments: argparse.Namespace, vocabulary: Vocabulary) -> Dataset:
    """What `--train` names, in the model's vocabulary; a note says what the model does not know."""
    train = known_training_data(arguments.train, vocabulary, columns_of(arguments))
    if train.sessions.unknown:
        say(f"{train.sessions.unknown} events of {arguments.train} are of items unknown to the model and left out")
    return train


def measured(
    names: list[str], train: Dataset, held_out: Dataset, arguments: argparse.Namespace
) -> Iterator[Evaluation]:
    """The evaluation of each baseline, fitted when its turn comes, on the model's own targets."""
    for name in names:
        scorer = BASELINES[name].fit(train.sessions, train.vocabulary)
        yield evaluate(
            scorer, held_out, bootstrap=arguments.bootstrap, seed=arguments.seed, tie_rule=arguments.tie_rule
        )

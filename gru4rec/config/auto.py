"""preset auto: a configuration chosen from the data by rule. What each choice rests on: docs/experiments.md, Accuracy.

Three members trained with cross-entropy and logQ, whose scores are cosines, and one trained with BPR-max, merged into
one model: they err differently, and their sum was better than any of them on the validation part of every log that was
tried. What proves itself on held-out sessions is added to its scores. Small logs need more dropout, and where members
promise more than they keep, less sure ones and one more of them.
Passes get fewer as the number of predictions (events that have one before them in their session) grows: a pass over a
large log makes as many updates as several over a small one.
"""

from dataclasses import dataclass

from gru4rec.config.options import Config

Recipe = dict[str, str | float]

SMALLEST, SMALL, LARGE, HUGE = 20_000, 150_000, 1_000_000, 10_000_000  # predictions; SMALLEST: training/members.py
BPR_MAX: Recipe = {
    "loss": "bpr-max", "bpreg": 1.95, "elu": 0.5, "n_sample": 2048, "sample_alpha": 0.4, "batch_size": 80,
    "dropout_embedding": 0.5, "dropout_hidden": 0.05, "learning_rate": 0.05, "momentum": 0.4, "cosine": 0.0,
}  # fmt: skip
CROSS_ENTROPY: Recipe = {
    "loss": "cross-entropy", "logq": 1.0, "n_sample": 2048, "sample_alpha": 0.5, "batch_size": 64, "cosine": 12.0,
    "dropout_embedding": 0.3, "dropout_hidden": 0.0, "learning_rate": 0.1, "momentum": 0.0,
}  # fmt: skip
ANY_LOG = {"repeats": True, "mend_order": True}  # each does something only where the log asks for it
WIDE: Recipe = {"hidden_size": 128, "batch_size": 128, "dropout_embedding": 0.1, "epochs": 2}
GREAT: Recipe = {**WIDE, "hidden_size": 256, "batch_size": 240, "learning_rate": 0.07}
FEWEST_SESSIONS = 20  # for each lane


@dataclass(frozen=True)
class Statistics:
    """What `auto` knows of a log. predictions: events but the first of each session; length: mean events a session.

    The rule looks at sessions and predictions alone; the other figures describe the log, and four logs are too few to
    base a rule on them.
    """

    sessions: int
    events: int
    predictions: int
    items: int
    length: float


def auto(found: Statistics) -> Config:
    """The configuration for data like this."""
    if found.predictions >= HUGE:
        return _of_one(CROSS_ENTROPY | GREAT, found)
    if found.predictions >= LARGE:
        first, other = CROSS_ENTROPY | WIDE | {"balance": 0.6}, {**BPR_MAX, "batch_size": 128}
        more: list[Recipe] = []
    else:
        small = found.predictions < SMALL
        first = {**CROSS_ENTROPY, "epochs": 7 if small else 5}
        first |= {"dropout_embedding": 0.5, "mend_sureness": True} if small else {}
        other, more = {**BPR_MAX, "hidden_size": 112}, [{}, {}]
    alternate = [{}, _limited(other, found), *more]
    chosen = {**_limited(first, found), "members": len(alternate), "alternate": alternate}
    return Config().override(chosen | ANY_LOG)


def single(found: Statistics) -> Config:
    """A single model whose scores are products, for data like this: what item features need."""
    if found.predictions < SMALL:
        return _of_one({**BPR_MAX, "hidden_size": 112, "epochs": 7}, found)
    recipe: Recipe = {"epochs": 5} if found.predictions < LARGE else WIDE if found.predictions < HUGE else GREAT
    return _of_one({**CROSS_ENTROPY, **recipe, "cosine": 0.0}, found)


def _of_one(recipe: Recipe, found: Statistics) -> Config:
    return Config().override(_limited(recipe, found) | ANY_LOG)


def _limited(recipe: Recipe, found: Statistics) -> Recipe:
    """The recipe with only as many lanes as have enough sessions each."""
    return {**recipe, "batch_size": max(1, min(int(recipe["batch_size"]), found.sessions // FEWEST_SESSIONS))}

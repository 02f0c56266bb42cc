"""Members that are less sure of what comes next, for logs that show less than a member would learn by heart.

What it consists of was chosen on small logs (docs/experiments/accuracy/sureness.md, one-more.md).
"""

from typing import Any

from gru4rec.config.options import Config

LESS_SURE: dict[str, Any] = {"cosine": 8.0, "dropout_hidden": 0.2}
COUNTING, WIDTH = 0.5, 64  # members that cannot be judged: how much of what they counted they count, and units at most


def judgeable(recipe: Config) -> bool:
    """Whether scores are logarithms of probabilities, but for a constant, and bounded by the size of the cosines."""
    return recipe.loss.loss == "cross-entropy" and recipe.loss.logq == 1.0 and recipe.model.cosine > 0


def less_sure(config: Config) -> Config:
    """A configuration of several members, the first judgeable, with those that are judgeable less sure.

    They have smaller cosines and more dropout, and there is one more like the first, for the less sure they are the
    more they differ. All make half as many passes again. The other members stay as sure as they are, and count half.
    """
    alternate = [dict(config.train.own(order)) for order in range(config.train.members)]
    for order, own in enumerate(alternate):
        recipe = config.member(order)
        for name in LESS_SURE:
            own.pop(name, None)
        if not judgeable(recipe):
            own |= {name: getattr(recipe.model, name) for name in LESS_SURE}
            own["hidden_size"] = min(recipe.model.hidden_size, WIDTH)
    train = {
        "members": len(alternate) + 1, "alternate": [*alternate, {}], "epochs": config.train.epochs * 3 // 2,
        "balance": config.train.balance * COUNTING, "mend_sureness": False,
    }  # fmt: skip
    return config.override(LESS_SURE | train)

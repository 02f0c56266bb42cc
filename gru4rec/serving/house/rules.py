"""What the rules of the shop are, and what they know of each item."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from gru4rec.scoring.scorer import Scorer
from gru4rec.serving.similar import directions


@dataclass(frozen=True)
class HouseRules:
    """Rules by which lists are chosen from a pool of candidates; each is off unless it is given.

    Attributes:
        pool: how many times as many candidates as places a list is chosen from.
        category: a number of each item's category, -1 for none, int64 [I]; items without one are never capped.
        most: how many items of one category may stand among the first `first` of a list; 0 for any number.
        first: see most.
        new: whether an item is new, bool [I].
        share: of the first p places of a list, for every p, at least ⌊share · p⌋ are kept for new items.
        directions: item rows of length 1, float32 [I, H].
        diversity: the weight w, 0 to 1, of maximal marginal relevance (Carbonell and Goldstein 1998): the next item is
            the one with the greatest (1 - w) · r - w · c, where r is its score, from 0 for the worst of the pool to 1
            for the best, and c the greatest cosine of its row with that of an item that stands in the list already.

    Raises:
        ValueError: a number is out of range, or a rule lacks what it must know of the items.
    """

    pool: int = 4
    category: NDArray[np.int64] | None = None
    most: int = 0
    first: int = 10
    new: NDArray[np.bool_] | None = None
    share: float = 0.0
    directions: NDArray[np.float32] | None = None
    diversity: float = 0.0

    def __post_init__(self) -> None:
        if self.pool < 1 or self.most < 0 or self.first < 1:
            raise ValueError(
                f"pool and first must be at least 1 and most at least 0, got {self.pool}, {self.first} and {self.most}"
            )
        for name, value in (("share", self.share), ("diversity", self.diversity)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must be between 0 and 1, got {value}")
        needed = (
            ("most", self.most, "category", self.category),
            ("share", self.share, "new", self.new),
            ("diversity", self.diversity, "directions", self.directions),
        )
        for rule, value, name, known in needed:
            if value and known is None:
                raise ValueError(f"{rule} is {value}, but {name} is not given: say it of every item")

    @classmethod
    @torch.inference_mode()
    def of(cls, scorer: Scorer, traits: pa.Table, **rules: Any) -> Self:
        """The rules, with what a table says of the items, and their rows from the model where they are compared.

        Args:
            scorer: the model; under `diversity` a Linear one.
            traits: item_id, category and new; items that it lacks have no category and are not new.
            rules: the numbers among the attributes.

        Raises:
            TypeError: rows are to be compared, and the scorer has none.
            ValueError: the ids are not of the type that the model knows, or as of the class.
        """
        vocabulary = scorer.vocabulary
        index = vocabulary.encode(traits["item_id"])
        known = index >= 0
        category = np.full(len(vocabulary), -1, np.int64)
        codes = traits["category"].combine_chunks().dictionary_encode().indices
        category[index[known]] = pc.fill_null(codes.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)[known]
        new = np.zeros(len(vocabulary), bool)
        new[index[known]] = traits["new"].to_numpy()[known]
        rows = directions(scorer).float().cpu().numpy() if rules.get("diversity") else None
        return cls(category=category, new=new, directions=rows, **rules)


def kept_for_new(share: float, places: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """⌊share · places⌋, where a product that is whole but for rounding counts as whole."""
    return np.floor(share * np.asarray(places) + 1e-9).astype(np.int64)

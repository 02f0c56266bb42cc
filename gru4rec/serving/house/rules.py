"""What the rules of the shop are, and what they know of each item."""

from collections.abc import Mapping
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
class Cap:
    """How many items of one category may stand among a list's first ones.

    Attributes:
        category: a number of each item's category, -1 for none, int64 [I]; items without one are never capped.
        most: items of one category, at least 1.
        first: among so many first items of a list.

    Raises:
        ValueError: a number is below 1.
    """

    category: NDArray[np.int64]
    most: int
    first: int = 10

    def __post_init__(self) -> None:
        if self.most < 1 or self.first < 1:
            raise ValueError(f"most and first of a cap must be at least 1, got {self.most} and {self.first}")


@dataclass(frozen=True)
class HouseRules:
    """Rules by which lists are chosen from a pool of candidates; each is off unless it is given.

    Attributes:
        pool: how many times as many candidates as places a list is chosen from.
        caps: each tells items apart by a category of its own; where not all of them can be kept, the earlier ones are.
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
    caps: tuple[Cap, ...] = ()
    new: NDArray[np.bool_] | None = None
    share: float = 0.0
    directions: NDArray[np.float32] | None = None
    diversity: float = 0.0

    def __post_init__(self) -> None:
        if self.pool < 1:
            raise ValueError(f"pool must be at least 1, got {self.pool}")
        for name, value in (("share", self.share), ("diversity", self.diversity)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must be between 0 and 1, got {value}")
        needed = (
            ("share", self.share, "new", self.new),
            ("diversity", self.diversity, "directions", self.directions),
        )
        for rule, value, name, known in needed:
            if value and known is None:
                raise ValueError(f"{rule} is {value}, but {name} is not given: say it of every item")

    @classmethod
    @torch.inference_mode()
    def of(
        cls, scorer: Scorer, traits: pa.Table, caps: Mapping[str, tuple[int, int]] | None = None, **rules: Any
    ) -> Self:
        """The rules, with what a table says of the items, and their rows from the model where they are compared.

        Args:
            scorer: the model; under `diversity` a Linear one.
            traits: item_id, new, and the columns of the caps; items that it lacks have no category and are not new.
            caps: by the column of `traits` that names the category: `most` and `first` of a Cap.
            rules: the numbers among the attributes.

        Raises:
            TypeError: rows are to be compared, and the scorer has none.
            ValueError: the ids are not of the type that the model knows, or as of the class.
        """
        vocabulary = scorer.vocabulary
        index = vocabulary.encode(traits["item_id"])
        known = index >= 0
        capped = []
        for column, (most, first) in (caps or {}).items():
            category = np.full(len(vocabulary), -1, np.int64)
            codes = traits[column].combine_chunks().dictionary_encode().indices
            category[index[known]] = pc.fill_null(codes.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)[known]
            capped.append(Cap(category, most, first))
        new = np.zeros(len(vocabulary), bool)
        new[index[known]] = traits["new"].to_numpy()[known]
        rows = directions(scorer).float().cpu().numpy() if rules.get("diversity") else None
        return cls(caps=tuple(capped), new=new, directions=rows, **rules)


def kept_for_new(share: float, places: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """⌊share · places⌋, where a product that is whole but for rounding counts as whole."""
    return np.floor(share * np.asarray(places) + 1e-9).astype(np.int64)

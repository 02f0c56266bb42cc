"""Which items are like an item: the cosine of their rows in the output layer, taken about the mean row.

The output layer says what an item is: item i scores h · w_i + b_i after any session h, so two items whose rows point
the same way rise and fall together in every session; they stand for each other. The bias and the length of a row tell
how popular and how certain an item is, and a cosine leaves both out. One vector added to all rows changes no softmax,
so it must not change what is similar either: the mean row goes first. With a shared embedding these rows are the
input embedding too. The scores after a session of just this item answer another question, what comes next, and
`Recommender.recommend([item])` answers it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from gru4rec.data.ids import as_ids
from gru4rec.network.cosine import inverse_length
from gru4rec.scoring.scorer import Linear, Scorer, block_rows
from gru4rec.scoring.topk import top_k


@torch.inference_mode()
def similar_items(scorer: Scorer, items: Any, n: int) -> pa.Table:
    """The n items most like each of some items, best first.

    Args:
        scorer: a Linear one, as every GRU4Rec is.
        items: one id, or a list or array of Q ids.
        n: how many, of a catalogue of I items at most I - 1.

    Returns:
        One row a pair: item_id as given, rank (int32 from 1), similar_item_id, score (float32, the cosine, -1 to 1).
        Equal scores stand in order of their ids; an item is never similar to itself.

    Raises:
        TypeError: the scorer has no item rows, as counting and neighbourhood methods have none.
        ValueError: n is not a whole number of at least 1, or an id is unknown to the model or of another type.
    """
    rows = _item_rows(scorer, n)
    vocabulary = scorer.vocabulary
    ids = as_ids([items] if isinstance(items, (int, str, np.integer)) else items, like=vocabulary.id_type)
    index = vocabulary.encode(ids)
    if (index < 0).any():
        unknown = ids.filter(pa.array(index < 0)).to_pylist()
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise ValueError(f"unknown to the model: {', '.join(map(repr, unknown[:5]))}{more}; ask for items it has seen")
    kept = min(n, len(vocabulary) - 1)
    size = block_rows(len(rows))
    best = [_best(rows, index[begin : begin + size], kept, None) for begin in range(0, max(len(index), 1), size)]
    scores, similar = (np.concatenate(parts) for parts in zip(*best, strict=True))
    return pa.table(
        {
            "item_id": ids.take(pa.array(np.repeat(np.arange(len(ids)), kept))),
            "rank": np.tile(np.arange(1, kept + 1, dtype=np.int32), len(ids)),
            "similar_item_id": vocabulary.decode(similar),
            "score": scores.ravel(),
        }
    )


@torch.inference_mode()
def similar_stream(scorer: Scorer, n: int, barred: NDArray[np.bool_] | None = None) -> Iterator[pa.RecordBatch]:
    """The n items most like each item of the catalogue, in order of item and rank.

    Args:
        scorer: a Linear one, as every GRU4Rec is.
        n: how many, as far as the catalogue goes.
        barred: True for the items that must not be named as similar, [I]; they too have a list of their own.

    Returns:
        Batches with the columns of `similar_items`, the rank as int16. An item for which nothing is left has no row.

    Raises:
        TypeError: the scorer has no item rows.
        ValueError: n is not a whole number of at least 1.
    """
    rows = _item_rows(scorer, n)
    vocabulary = scorer.vocabulary
    shown = len(vocabulary) if barred is None else int((~barred).sum())
    kept = min(n, shown)
    size = block_rows(len(rows))
    for begin in range(0, len(vocabulary) if kept else 0, size):
        index = np.arange(begin, min(begin + size, len(vocabulary)))
        scores, similar = _best(rows, index, kept, barred)
        there = (scores > -np.inf).ravel()
        yield pa.record_batch(
            {
                "item_id": vocabulary.decode(np.repeat(index, kept)[there]),
                "rank": np.tile(np.arange(1, kept + 1, dtype=np.int16), len(index))[there],
                "similar_item_id": vocabulary.decode(similar.ravel()[there]),
                "score": scores.ravel()[there],
            }
        )


def _item_rows(scorer: Scorer, n: int) -> torch.Tensor:
    """The directions of the item rows [I, H], where the question can be asked."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(f"n must be a whole number of at least 1, got {n!r}")
    return directions(scorer)


def directions(scorer: Scorer) -> torch.Tensor:
    """Item rows [I, H] about their mean, of length 1; TypeError where the scorer has none."""
    if not isinstance(scorer, Linear):
        raise TypeError(f"{scorer.name} has no item rows to compare; similar items need a model such as GRU4Rec")
    rows = scorer.output_matrix()
    centred = rows - rows.mean(0)
    return centred * inverse_length(centred)


def _best(
    rows: torch.Tensor, index: np.ndarray, n: int, barred: NDArray[np.bool_] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and indices, each [R, n], of the items most like R items; minus infinity where no item was left."""
    own = torch.from_numpy(index).to(rows.device)
    cosines = rows[own] @ rows.t()
    cosines[torch.arange(len(own), device=rows.device), own] = -torch.inf
    if barred is not None:
        cosines[:, torch.from_numpy(barred).to(rows.device)] = -torch.inf
    values, columns = top_k(cosines, n) if n else (cosines[:, :0], own[:, None][:, :0])
    values = torch.where(values.isinf(), values, values.clamp(-1, 1))
    return values.float().cpu().numpy(), columns.cpu().numpy()

"""How many processor threads scoring gets where nobody says: by the size of one product (config/threads.py)."""

from gru4rec.config.threads import paying
from gru4rec.scoring.scorer import Linear, Scorer, block_rows


def scoring_threads(scorer: Scorer, rows: int | None = None, columns: int | None = None) -> int:
    """Threads for scoring on this machine, now: 1 for narrow models, at most torch's own number.

    Args:
        scorer: the model; what is not linear has no products, and gets 1.
        rows, columns: how many are scored at a time; None: those of a block, and all items.
    """
    return paying(product_operations(scorer, rows, columns))


def product_operations(scorer: Scorer, rows: int | None = None, columns: int | None = None) -> float:
    """Floating-point operations of one product of states and item weights; the arguments of `scoring_threads`."""
    if not isinstance(scorer, Linear):
        return 0.0
    items, units = scorer.output_matrix().shape
    return 2.0 * (rows or block_rows(items)) * min(columns or items, items) * units

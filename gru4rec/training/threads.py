"""How many processor threads a training gets where nobody says: by the size of an update (config/threads.py)."""

from gru4rec.config.options import Config
from gru4rec.config.threads import paying
from gru4rec.training.update.operations import operations


def paying_threads(config: Config, processes: int = 1) -> int:
    """Threads for each process of a training on this machine, now: 1 for narrow models, at most torch's own number."""
    return max(1, paying(update_operations(config)) // processes)


def update_operations(config: Config) -> float:
    """Floating-point operations of the matrix products of one update, of the member that needs most."""
    return max(operations(config.member(order)) for order in range(config.train.members))

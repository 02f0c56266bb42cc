"""How many processor threads a training gets where nobody says: by the size of an update (config/threads.py)."""

from gru4rec.config.options import Config
from gru4rec.config.threads import paying


def paying_threads(config: Config, processes: int = 1) -> int:
    """Threads for each process of a training on this machine, now: 1 for narrow models, at most torch's own number."""
    return max(1, paying(update_operations(config)) // processes)


def update_operations(config: Config) -> float:
    """Floating-point operations of the matrix products of one update, of the member that needs most."""
    return max(_member_operations(config.member(order)) for order in range(config.train.members))


def _member_operations(config: Config) -> float:
    model, lanes = config.model, config.train.batch_size * config.train.bptt
    candidates = config.train.batch_size * config.train.bptt + config.negatives.n_sample
    gates = 5 * 3 * model.hidden_size**2 * model.num_layers  # two products forward, three backward
    return 2.0 * lanes * (3 * candidates * model.hidden_size + gates)

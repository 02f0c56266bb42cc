"""What an update costs: by this, threads and the rounding of its products are chosen."""

from gru4rec.config.options import Config


def operations(config: Config) -> float:
    """Floating-point operations of the matrix products of one update of one model."""
    model, lanes = config.model, config.train.batch_size * config.train.bptt
    candidates = lanes + config.negatives.n_sample
    gates = 5 * 3 * model.hidden_size**2 * model.num_layers  # two products forward, three backward
    return 2.0 * lanes * (3 * candidates * model.hidden_size + gates)

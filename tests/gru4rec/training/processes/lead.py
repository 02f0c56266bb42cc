"""A leader in float64 with one worker, as a process of its own: trains and writes the weights and losses that came out.

python -m tests.gru4rec.training.processes.lead PROCESSES CONFIG.json OUT.safetensors [columns]
"""

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from gru4rec.config.options import Config
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.training.processes import leader
from gru4rec.training.processes.leader import Crew, workers
from gru4rec.training.trainer import Trainer
from tests.gru4rec.comparing import random_sessions

ITEMS = 40


def main(processes: int, config: Config, out: Path) -> None:
    torch.set_num_threads(1)
    model = GRU4Rec(config.model, Vocabulary.build(np.arange(ITEMS)), dtype=torch.float64)
    model.initialise(3)
    sessions = random_sessions(300, ITEMS, 5)
    losses = []
    with workers(processes):
        crew = Crew(model, sessions, config)
        trainer = Trainer(model, sessions, config, columns=crew.columns)
        crew.begin(trainer)
        for epoch in (1, 2):
            crew.epoch(epoch)
            losses += [loss for loss, _ in trainer.epoch(epoch)]
        crew.end()
    found = {**trainer.tensors(), "losses": torch.tensor(losses, dtype=torch.float64)}
    save_file({name: value.clone().contiguous() for name, value in found.items()}, out)


if __name__ == "__main__":
    if sys.argv[4:] == ["columns"]:
        leader.LARGEST_TABLE = 0
    main(int(sys.argv[1]), Config.from_json(Path(sys.argv[2]).read_text()), Path(sys.argv[3]))

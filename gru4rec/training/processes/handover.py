"""What a leader hands to its workers for one training: recipe, sessions, and the state that all begin with."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from gru4rec.config.options import Config
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.training.update import group


@dataclass(frozen=True)
class Handover:
    """One training as a worker needs it: an empty model of the same shapes, and the sessions."""

    model: GRU4Rec
    sessions: Sessions
    config: Config
    columns: bool = False
    """Whether the processes share the columns of the item table; else they share the lanes."""

    def send(self) -> None:
        """Give it to all workers."""
        arrays = self._arrays()
        header = {
            "config": self.config.to_json(),
            "device": self.model.device.type,
            "dtype": str(self.model.output.dtype).removeprefix("torch."),
            "columns": self.columns,
            "threads": torch.get_num_threads(),
            "arrays": {name: [len(array), str(array.dtype)] for name, array in arrays.items()},
        }
        group.say(header)
        group.share([torch.from_numpy(array) for array in arrays.values()])

    def _arrays(self) -> dict[str, np.ndarray]:
        sessions = self.sessions
        arrays = {"items": sessions.items, "offsets": sessions.offsets, "counts": self.model.vocabulary.counts}
        arrays |= {} if sessions.weights is None else {"weights": sessions.weights}
        return {name: np.require(array, requirements=["C", "W"]) for name, array in arrays.items()}

    @classmethod
    def receive(cls, header: dict[str, Any], device: torch.device) -> Self:
        """Take over what the leader sends, after its header."""
        arrays = {name: np.empty(length, dtype) for name, (length, dtype) in header["arrays"].items()}
        group.share([torch.from_numpy(array) for array in arrays.values()])
        config = Config.from_json(header["config"])
        counts = arrays.pop("counts")
        vocabulary = Vocabulary(pa.array(np.arange(len(counts))), counts)  # what the ids are does not matter here
        model = GRU4Rec(config.model, vocabulary, device=device, dtype=getattr(torch, header["dtype"]))
        sessions = Sessions(arrays["items"], arrays["offsets"], weights=arrays.get("weights"))
        return cls(model, sessions, config, header["columns"])


def share_state(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The leader's state of training in every process; what is given is that of this process."""
    moved = {name: tensor.clone() for name, tensor in tensors.items()}
    group.share(list(moved.values()))
    return moved

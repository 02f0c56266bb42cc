"""Many updates as one launch: a chunk of windows captured in a CUDA graph and replayed; or each update compiled.

Both need static shapes (columns.py, `static`). A step is some two hundred small kernels; launched one by one they keep
a GPU waiting for Python. The first chunk runs as it is, which allocates every buffer; the second is captured; from then
on a chunk is a few copies and one launch. A chunk of another size (the last of an epoch) runs as it is.
"""

from typing import Any

import torch
from torch import Tensor

from gru4rec.training.folding import Fold
from gru4rec.training.step import Step, Window


class Runner:
    """Makes the updates of a chunk with a step: eagerly, compiled, or captured, by device and configuration."""

    def __init__(self, step: Step, size: int) -> None:
        """size: the number of windows in a whole chunk."""
        self._step = step
        self._size = size
        self._run: Any = step.run
        if step.config.train.compile:
            self._run = torch.compile(step.run, fullgraph=True, dynamic=False)
        self._captures = step.capturable and step.model.device.type == "cuda"
        self._graph: Any = None  # torch.cuda.CUDAGraph once captured
        self._warm = False
        self._inputs: list[Window] = []
        self._losses = step.model.output.new_zeros(0)

    @staticmethod
    def needs_static_shapes(step: Step) -> bool:
        """Whether windows must all have the same shapes."""
        return step.model.device.type == "cuda" or step.config.train.compile

    @torch.inference_mode()
    def updates(self, windows: list[Window]) -> Tensor:
        """Make the updates of a chunk in order; returns the loss of each [S], valid until the next chunk."""
        if not self._captures or not self._warm or len(windows) != self._size:
            self._warm = True
            return self._one_by_one(windows)
        if self._graph is None:
            self._capture(windows)
        torch._foreach_copy_(_tensors(self._inputs), _tensors(windows))
        self._graph.replay()
        return self._losses

    def _one_by_one(self, windows: list[Window]) -> Tensor:
        return torch.stack([self._run(window) for window in windows])

    def _capture(self, windows: list[Window]) -> None:
        """Record the updates of a chunk of this size; recording makes none of them."""
        self._inputs = [_clone(window) for window in windows]
        torch.cuda.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._losses = self._one_by_one(self._inputs)


def _clone(window: Window) -> Window:
    def copy(part: Tensor | None) -> Any:
        return None if part is None else part.clone()

    return Window(Fold(*map(copy, window.fold)), *map(copy, window[1:]))


def _tensors(windows: list[Window]) -> list[Tensor]:
    return [part for window in windows for part in (*window.fold, *window[1:]) if isinstance(part, Tensor)]

"""How the updates of a chunk of windows run: one by one, compiled, or captured in a CUDA graph and replayed.

An update is some two hundred small kernels; launched one by one they keep a GPU waiting for Python. So on a GPU the
first chunk runs update by update, which allocates every buffer; the second is captured; from then on a chunk is a few
copies and one launch. A chunk of another size (the last of an epoch) runs update by update. Compiling and capturing
need windows of static shapes (windows/unique_items.py).
"""

from typing import Any

import torch
from torch import Tensor

from gru4rec.network.precision import within
from gru4rec.training.update.step import Step
from gru4rec.training.windows.window import Window, WindowItems


class Runner:
    """Makes the updates of chunks; device and configuration decide how."""

    def __init__(self, step: Step, size: int) -> None:
        """size: the number of windows in a full chunk."""
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
        """Make the updates of a chunk in order; returns the loss of each [S], which the next chunk may overwrite."""
        if not self._captures or not self._warm or len(windows) != self._size:
            self._warm = True
            return self._one_by_one(windows)
        if self._graph is None:
            self._capture(windows)
        torch._foreach_copy_(_tensors(self._inputs), _tensors(windows))
        self._graph.replay()
        return self._losses

    def _one_by_one(self, windows: list[Window]) -> Tensor:
        with within(self._step.rounding):
            return torch.stack([self._run(window) for window in windows])

    def _capture(self, windows: list[Window]) -> None:
        """Record the updates of a full chunk; nothing is updated while they are recorded."""
        self._inputs = [_clone(window) for window in windows]
        torch.cuda.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._losses = self._one_by_one(self._inputs)


def _clone(window: Window) -> Window:
    def copy(part: Tensor | None) -> Any:
        return None if part is None else part.clone()

    return Window(WindowItems(*map(copy, window.items)), *map(copy, window[1:]))


def _tensors(windows: list[Window]) -> list[Tensor]:
    return [part for window in windows for part in (*window.items, *window[1:]) if isinstance(part, Tensor)]

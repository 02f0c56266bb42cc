"""How the updates of a chunk of windows run: one by one, compiled, or captured in CUDA graphs and replayed.

An update is some two hundred small kernels; launched one by one they keep a GPU waiting for Python. So there a whole
chunk of updates is captured: from then on a chunk is one copy for each part of its windows and one launch. A training
that is long enough is compiled too, which fuses most kernels. Compiling and capturing need windows of static shapes.
"""

import sys
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gru4rec.network.precision import within
from gru4rec.training.update.step import Step, Turn
from gru4rec.training.windows.window import Stack, Window

WORTH_COMPILING = 100_000  # updates on a GPU: compiling takes 4 to 15 s there, and saves some 70 µs an update


def make_runner(step: Step, size: int, updates: int) -> "Runner":
    """The runner that fits the device and the step.

    Args:
        step: the update.
        size: the number of windows in a full chunk.
        updates: about how many there will be in all.
    """
    captures = step.capturable and step.model.device.type == "cuda"
    compiles = step.config.train.compile or (captures and updates >= WORTH_COMPILING)
    return CapturedRunner(step, size, compiles=compiles) if captures else Runner(step, compiles)


def forget_compiled() -> None:
    """Drop what was compiled for earlier models: each has an update of its own, and torch keeps but a few of them."""
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()


class Runner:
    """Makes the updates of chunks one by one."""

    def __init__(self, step: Step, compiles: bool) -> None:
        """compiles: whether the update is compiled; where that cannot be, one line says why, and it runs as it is."""
        self._step = step
        self._rounding = step.rounding
        self._update: Callable[[Window], Tensor] = step.update
        if compiles:
            self._update = _compiled(step)

    @torch.inference_mode()
    def updates(self, windows: Sequence[Window]) -> Tensor:
        """Make the updates of a chunk in order; returns the loss of each [S]."""
        return self._one_by_one(*self._step.begin_windows(windows))

    def _one_by_one(self, windows: Sequence[Window], turns: tuple[Turn, ...]) -> Tensor:
        losses = []
        with within(self._rounding):
            for window, turn in zip(windows, turns, strict=True):
                self._step.turn = turn
                losses.append(self._update(window))
            return torch.stack(losses)


class CapturedRunner(Runner):
    """Makes the updates of a chunk with one launch, on a GPU.

    The first chunk of all runs update by update, which compiles the update and allocates every buffer; so does the
    first one in which an update moves other subnets than any before. Full chunks are then replayed from a graph of so
    many updates. Chunks of another size, the last of an epoch, are replayed window by window from graphs of one update.
    """

    def __init__(self, step: Step, size: int, *, compiles: bool) -> None:
        super().__init__(step, compiles)
        self._size = size
        self._warm: set[Turn] = set()
        self._graphs: dict[tuple[Turn, ...], _Graph] = {}  # by the turns of their windows

    @torch.inference_mode()
    def updates(self, windows: Sequence[Window]) -> Tensor:
        """As Runner.updates, of a Stack."""
        if not isinstance(windows, Stack):
            raise TypeError("captured updates need a Stack, whose windows have the same shapes")
        windows, turns = self._step.begin_windows(windows)
        assert isinstance(windows, Stack)
        if not self._warm.issuperset(turns):
            self._warm.update(turns)
            return self._one_by_one(windows, turns)
        if len(windows) == self._size:
            return self._replayed(windows, turns)
        return torch.cat([self._replayed(windows[at : at + 1], turns[at : at + 1]) for at in range(len(windows))])

    def _replayed(self, windows: Stack, turns: tuple[Turn, ...]) -> Tensor:
        if turns not in self._graphs:
            self._graphs[turns] = _Graph(lambda own: self._one_by_one(own, turns), windows)
        return self._graphs[turns].replay(windows)


class _Graph:
    """The updates of some windows as one CUDA graph, and the places that it reads them from."""

    def __init__(self, updates: Callable[[Sequence[Window]], Tensor], windows: Stack) -> None:
        """Record the updates of windows like these; nothing is updated while they are recorded."""
        self._inputs = Stack(windows.parts.map(torch.clone))
        torch.cuda.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        # On the member's own stream (torch takes another for the default one, which cannot record): cuBLAS has a
        # workspace for each stream, which graphs that run side by side may not share, and torch has but 32 streams.
        current = torch.cuda.current_stream()
        own = None if current == torch.cuda.default_stream() else current
        with torch.cuda.graph(self._graph, stream=own):
            self._losses = updates(self._inputs)

    def replay(self, windows: Stack) -> Tensor:
        """Make the updates of these windows; returns their losses [S]."""
        torch._foreach_copy_(self._inputs.parts.tensors(), windows.parts.tensors())
        self._graph.replay()
        return self._losses.clone()  # the next replay writes to the same place


def _compiled(step: Step) -> Callable[[Window], Tensor]:
    """The update as one compiled function, or as it is from the first call on that fails to compile.

    What fails does so before anything is run, so no update is made twice.
    """
    from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException  # loads the compiler

    compiled = torch.compile(step.update, fullgraph=True, dynamic=False)
    # whoever asks for float32 means it
    warnings.filterwarnings("ignore", message="TensorFloat32 tensor cores", module="torch._inductor")
    chosen: list[Callable[[Window], Tensor]] = [compiled]

    def run(window: Window) -> Tensor:
        try:
            return chosen[0](window)
        except (TorchDynamoException, FailOnRecompileLimitHit) as error:
            if chosen[0] is not compiled:
                raise
            print(f"training is not compiled: {_reason(error)}", file=sys.stderr)
            chosen[0] = step.update
            return step.update(window)

    return run


def _reason(error: Exception) -> str:
    """The first line of the error below all wrappers."""
    while error.__cause__ is not None and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return (str(error).strip() or type(error).__name__).splitlines()[0]

"""Members that train at the same time on one GPU: each alone is far too small to fill it.

One host thread gives the members their turns. Every member has a CUDA stream of its own, so that its updates run beside
those of the others; in a turn it launches the updates of some chunks, and then reads losses of chunks launched earlier.
The members share nothing, so each of them ends as it would alone.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch

from gru4rec.training.epochs import FitResult, Training
from gru4rec.training.update import group


def pays(device: torch.device) -> bool:
    """Whether members train faster side by side; a CPU has its hands full with one, and so has a group of processes."""
    return device.type == "cuda" and group.current().size == 1


def run_together(trainings: Sequence[Training], device: torch.device) -> list[FitResult]:
    """Let the trainings take turns until all have ended; their results are in the same order.

    Where one fails, the others end too.
    """
    streams = _streams(len(trainings), device)
    results: dict[int, FitResult] = {}
    try:
        while len(results) < len(trainings):
            for number, (training, stream) in enumerate(zip(trainings, streams, strict=True)):
                if number not in results:
                    with _on(stream):
                        try:
                            next(training)
                        except StopIteration as end:
                            results[number] = end.value
    finally:
        for training in trainings:
            training.close()
    for stream in streams:
        if stream is not None:  # whoever uses the models next waits for what is still under way
            torch.cuda.current_stream(device).wait_stream(stream)
    return [results[number] for number in range(len(trainings))]


def _streams(count: int, device: torch.device) -> list[torch.cuda.Stream | None]:
    """A stream for each training, behind all that was launched before; None where the device has no streams."""
    if device.type != "cuda":
        return [None] * count
    streams: list[torch.cuda.Stream | None] = []
    for _ in range(count):
        stream = torch.cuda.Stream(device)
        stream.wait_stream(torch.cuda.current_stream(device))
        streams.append(stream)
    return streams


def _on(stream: torch.cuda.Stream | None) -> AbstractContextManager[object]:
    return nullcontext() if stream is None else torch.cuda.stream(stream)

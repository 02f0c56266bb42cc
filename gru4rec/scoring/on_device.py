"""Sessions on their way to a device, and results on their way back, while the host goes on.

A copy runs beside the host only where the host's memory is pinned; torch keeps pinned memory for reuse, and gives a
piece away again only after the copy that read it. Without a GPU all of it is plain tensors.
"""

from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gru4rec.data.sessions import Sessions


class DeviceSessions(NamedTuple):
    """S sessions of E events where the scores are made; the host does not wait for them.

    Attributes:
        host: the same sessions.
        items: int64 [E].
        ends: the position in `items` of each session's last event, int64 [S]; no session is empty.
        lengths: events of each session, int64 [S].
        row: the session of each event, int64 [E].
    """

    host: Sessions
    items: Tensor
    ends: Tensor
    lengths: Tensor
    row: Tensor

    @classmethod
    def sent(cls, sessions: Sessions, device: torch.device) -> Self:
        """Sessions, none of them empty, moved to a device."""
        items, offsets = (sent(np.asarray(part, dtype=np.int64), device) for part in (sessions.items, sessions.offsets))
        lengths = offsets.diff()
        every = torch.arange(len(lengths), device=device)
        row = torch.repeat_interleave(every, lengths, output_size=len(items))  # a known size needs no answer
        return cls(sessions, items, offsets[1:] - 1, lengths, row)


@runtime_checkable
class AddsOnDevice(Protocol):
    """A Linear scorer that does to scores on its device what `added` says."""

    def add_on_device(self, scores: Tensor, columns: Tensor, sessions: DeviceSessions, scale: float) -> None:
        """Add to the scores after each session's last event and raise them, in place, without waiting for the device.

        Args:
            scores: [S, W], contiguous, W a multiple of 8; minus infinity where no item stands.
            columns: where each item stands in a row, int64 [I].
            sessions: of the rows.
            scale: what the numbers are multiplied by first.
        """
        ...


class Arriving:
    """Tensors that are on their way to the host."""

    def __init__(self, *tensors: Tensor) -> None:
        """Send them off, all from one device."""
        self._event: torch.cuda.Event | None = None
        self._tensors = [_pinned(tensor) if tensor.is_cuda else tensor.cpu() for tensor in tensors]
        if tensors[0].is_cuda:
            self._event = torch.cuda.Event(blocking=True)  # whoever waits leaves its core to others
            self._event.record(torch.cuda.current_stream(tensors[0].device))

    def wait(self) -> list[NDArray[Any]]:
        """Their values, once they are here."""
        if self._event is not None:
            self._event.synchronize()
        return [tensor.numpy() for tensor in self._tensors]


def sent(array: NDArray[Any], device: torch.device) -> Tensor:
    """An array as a tensor on a device; the host does not wait for the copy."""
    tensor = torch.from_numpy(np.require(array, requirements=["C", "W"]))  # Arrow's may be read alone
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def _pinned(tensor: Tensor) -> Tensor:
    here = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return here.copy_(tensor, non_blocking=True)

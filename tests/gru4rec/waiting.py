"""Finds what would make the host wait for an accelerator, on tensors that have no values (device "meta")."""

import traceback
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# Each hands a number or a shape to the host.
ASKING = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "unique_consecutive", "bincount",
          "is_nonzero", "equal"}  # fmt: skip
INDEXING = ("index", "index_put", "index_put_")


def waits(work: Callable[[], Any], *, sends: int = 0) -> list[str]:
    """What in some work waits for the device, one line each: nothing where all is well.

    Work on tensors without values fails by itself where it asks for one. What else waits is looked for here: an
    operation that asks for a shape, an index of truth values, a tensor that crosses from the host, and one that is made
    of numbers of the host on the way (`torch.tensor`, a list as index), which no operation shows. The work is done
    twice: whatever an operation reads must have been made by another, or be what the first time read too.

    Args:
        work: on tensors of device "meta"; the same each time.
        sends: how many tensors it may send to the device, by copies that nobody waits for.
    """
    first, second = _Watch(None), _Watch(None)
    with first:
        work()
    second.known = first.read | first.made
    with second:
        work()
    return second.found if second.crossed <= sends else [*second.found, f"{second.crossed} tensors cross"]


class _Watch(TorchDispatchMode):
    def __init__(self, known: dict[int, Tensor] | None) -> None:
        super().__init__()
        self.known = known  # what may be read although no operation made it, by identity
        self.read: dict[int, Tensor] = {}
        self.made: dict[int, Tensor] = {}  # kept, so that no identity is used twice
        self.found: list[str] = []
        self.crossed = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = _tensors((args, kwargs))
        for tensor in given:
            if id(tensor) not in self.made:
                self.read[id(tensor)] = tensor
                if self.known is not None and id(tensor) not in self.known and tensor.is_meta:
                    self._note(func, "reads a tensor that the host has just made")
        name = func.overloadpacket.__name__
        if name in ASKING and any(tensor.is_meta for tensor in given):
            self._note(func, "asks the device")
        if name in INDEXING and any(index.dtype == torch.bool for index in _tensors(args[1])):
            self._note(func, "has an index of truth values")
        result = func(*args, **kwargs)
        self.made |= {id(tensor): tensor for tensor in _tensors(result)}
        if given and any(tensor.is_meta for tensor in _tensors(result)) and not any(map(_is_meta, given)):
            self.crossed += 1
        return result

    def _note(self, func: Any, what: str) -> None:
        own = [frame for frame in traceback.extract_stack() if "/gru4rec/" in frame.filename]
        at = [frame for frame in own if "/tests/" not in frame.filename][-1:]
        self.found.append(f"{func} {what}: {''.join(f'{frame.filename}:{frame.lineno}' for frame in at)}")


def _is_meta(tensor: Tensor) -> bool:
    return tensor.is_meta


def _tensors(parts: Any) -> list[Tensor]:
    return [part for part in tree_leaves(parts) if isinstance(part, Tensor)]

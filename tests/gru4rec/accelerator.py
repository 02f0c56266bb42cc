"""An accelerator for machines that have none: tensors with values that no CPU tensor may meet.

They say that they lie on the device "meta", and their values are CPU tensors within. So everything that asks for the
device takes the way of an accelerator (`is_cpu` is False), and what would fail on a GPU fails here: a CPU tensor beside
one of the device, `numpy()` of one. What an accelerator alone can show is not seen: streams, memory, its own kernels.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")
INDEXING = ("index", "index_put", "index_put_")


class There(Tensor):
    """A tensor of the accelerator; `here` holds its values."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> "There":
        """Of these values, which stay its own."""
        with torch.inference_mode(False):
            layout = {"strides": here.stride(), "storage_offset": here.storage_offset(), "dtype": here.dtype}
            made: There = Tensor._make_wrapper_subclass(cls, here.shape, device=DEVICE, **layout)
        made.here = here
        return made

    def tolist(self) -> Any:
        """Its values; torch has none for subclasses."""
        return self.here.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        """As a GPU's: none."""
        raise TypeError("a tensor of the accelerator is no array")

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class Generator(torch.Generator):
    """Random numbers of the accelerator: those of a CPU."""

    def __new__(cls, device: Any = "cpu") -> Self:
        """Of this device."""
        made = super().__new__(cls, "cpu")
        made._lies = torch.device(device)
        return made

    @property
    def device(self) -> torch.device:
        """Where it draws."""
        return self._lies


class _Accelerator(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


@contextmanager
def accelerator() -> Iterator[torch.device]:
    """Have the accelerator inside the block, in this thread alone; its device."""
    with torch.no_grad(), _Accelerator():
        yield DEVICE


def enter() -> None:
    """Have it for the rest of this thread."""
    torch.set_grad_enabled(False)
    _Accelerator().__enter__()


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """One operation on the values within, where it is asked for."""
    name = func.overloadpacket.__name__
    asked = next((part for part in tree_leaves((args, kwargs)) if isinstance(part, torch.device)), None)
    given = _tensors((args, kwargs))
    there = [tensor for tensor in given if isinstance(tensor, There)]
    others = [tensor for tensor in given if not isinstance(tensor, There)]
    if any(tensor.is_meta for tensor in others):
        raise RuntimeError(f"{func} reads numbers of the host, a list as index perhaps")
    welcome = others if name == "copy_" else _tensors(args[1]) if name in INDEXING else []  # a GPU takes a CPU's index
    if there and any(tensor.dim() and not any(tensor is one for one in welcome) for tensor in others):
        raise RuntimeError(f"{func} has tensors of both devices: {[(type(one).__name__, one.shape) for one in given]}")
    known = {id(tensor.here): tensor for tensor in there}
    result = func(*tree_map(_within, args), **tree_map(_within, kwargs))
    goes = bool(there) if asked is None else asked == DEVICE
    if asked is not None and any(result is _within(tensor) for tensor in given):
        result = result.clone()  # moved to another device
    if name == "copy_":
        return args[0]
    return tree_map(lambda part: _wrapped(part, known), result) if goes else result


def _within(part: Any) -> Any:
    return part.here if isinstance(part, There) else torch.device("cpu") if isinstance(part, torch.device) else part


def _wrapped(part: Any, known: dict[int, There]) -> Any:
    if not isinstance(part, Tensor):
        return part
    return known[id(part)] if id(part) in known else There(part)


def _tensors(parts: Any) -> list[Tensor]:
    return [part for part in tree_leaves(parts) if isinstance(part, Tensor)]

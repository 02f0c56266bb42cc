"""The precision of the matrix products: float32, bf16 operands with sums in float32, or what pays on the machine.

bf16 rounds the operands of the three large products with the candidates, by casts. With "auto" tensors stay float32,
and the libraries are allowed to round the operands of an update's products inside: to TF32 on a GPU, to bf16 on a CPU
that has instructions for it. Whatever happens outside an update, such as scoring, stays float32.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor

Product = Callable[[Tensor, Tensor, Tensor], Tensor]  # writes a @ b into the third tensor and returns that one
Internal = Literal["high", "medium"]  # of torch.set_float32_matmul_precision: TF32, bf16

LARGE = 4e8  # floating-point operations of an update; in fewer, converting to bf16 takes a CPU longer than it saves


def product_of(precision: str) -> Product:
    """The matrix product of a precision; bf16 rounds its operands to 8 bits of mantissa."""
    return _bf16_product if precision == "bf16" else _product


def internal(precision: str, device: str, operations: float, *, bf16: bool) -> Internal | None:
    """What the libraries may round float32 operands to inside an update's products; None: nothing.

    Args:
        precision: of the configuration; only "auto" lets them.
        device: its type, "cpu" or "cuda".
        operations: of the products of an update (training/update/operations.py).
        bf16: whether the CPU has bf16 instructions (`cpu_has_bf16`).
    """
    if precision != "auto":
        return None
    if device == "cuda":
        return "high"
    return "medium" if device == "cpu" and bf16 and operations >= LARGE else None


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 numbers itself (AVX-512 BF16 or AMX)."""
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


@contextmanager
def within(rounding: Internal | None) -> Iterator[None]:
    """Let the libraries round operands inside this block; torch's setting is as it was afterwards."""
    if rounding is None:
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(rounding)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _product(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    return torch.mm(a, b, out=out)


def _bf16_product(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    return out.copy_(torch.mm(a.bfloat16(), b.bfloat16()))

"""The precision of the large matrix products: float32, or bf16 operands with sums in float32."""

from collections.abc import Callable

import torch
from torch import Tensor

Product = Callable[[Tensor, Tensor, Tensor], Tensor]  # writes a @ b into the third tensor and returns that one


def product_of(precision: str) -> Product:
    """The matrix product of a precision; bf16 rounds its operands to 8 bits of mantissa."""
    return _bf16_product if precision == "bf16" else _product


def _product(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    return torch.mm(a, b, out=out)


def _bf16_product(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    return out.copy_(torch.mm(a.bfloat16(), b.bfloat16()))

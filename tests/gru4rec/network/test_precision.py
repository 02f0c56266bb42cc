import pytest
import torch

from gru4rec.network.precision import LARGE, Internal, internal, within


@pytest.mark.parametrize(
    ("precision", "device", "operations", "bf16", "expected"),
    [
        ("auto", "cpu", 2e9, True, "medium"),
        ("auto", "cpu", LARGE, True, "medium"),
        ("auto", "cpu", LARGE - 1, True, None),
        ("auto", "cpu", 4e7, True, None),
        ("auto", "cpu", 2e9, False, None),
        ("auto", "cuda", 2e9, False, "high"),
        ("auto", "cuda", 4e7, True, "high"),
        ("auto", "mps", 2e9, True, None),
        *[(precision, device, 2e9, True, None) for precision in ("float32", "bf16") for device in ("cpu", "cuda")],
    ],
)
def test_only_auto_rounds_and_only_where_the_machine_can(
    precision: str, device: str, operations: float, bf16: bool, expected: Internal | None
) -> None:
    assert internal(precision, device, operations, bf16=bf16) == expected


@pytest.mark.parametrize("rounding", ["high", "medium"])
@pytest.mark.parametrize("before", ["highest", "high", "medium"])
def test_the_setting_holds_inside_and_is_as_before_afterwards(rounding: Internal, before: str) -> None:
    start = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(before)
    try:
        with within(rounding):
            assert torch.get_float32_matmul_precision() == rounding
        assert torch.get_float32_matmul_precision() == before
        with pytest.raises(ZeroDivisionError), within(rounding):
            _ = 1 / 0
        assert torch.get_float32_matmul_precision() == before
        with within(None):
            assert torch.get_float32_matmul_precision() == before
    finally:
        torch.set_float32_matmul_precision(start)

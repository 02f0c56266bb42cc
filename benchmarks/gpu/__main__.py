"""Training and lists on a GPU: first whether the results are equal, then how fast they come (see gpu.sh)."""

import argparse
import sys
import time
from collections.abc import Callable

import torch

from benchmarks.gpu.auto import fit_auto
from benchmarks.gpu.correctness import check
from benchmarks.gpu.lists import list_speed
from benchmarks.gpu.speed import speed

PARTS: dict[str, Callable[[torch.device, bool], bool]] = {
    "correctness": check, "speed": speed, "auto": fit_auto, "lists": list_speed,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/gpu.sh", description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="small data and few rounds: figures mean nothing")
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU here; use --device cpu --quick to try the script")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"torch {torch.__version__}, {name}{', quick' if options.quick else ''}", flush=True)
    good = True
    for part, run in PARTS.items():
        if options.only in (None, part):
            begin = time.perf_counter()
            print(f"\n## {part}\n", flush=True)
            good &= run(device, options.quick)
            print(f"\n{part}: {time.perf_counter() - begin:.0f} s", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

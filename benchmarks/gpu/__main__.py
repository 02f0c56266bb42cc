"""Training and lists on a GPU: first whether the results are equal, then how fast they come (see gpu.sh).

Each part is a process of its own and has so many seconds: one that fails, or hangs, takes no figure of another with it.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch

from benchmarks.gpu.auto import fit_auto
from benchmarks.gpu.correctness import check
from benchmarks.gpu.lists import list_speed
from benchmarks.gpu.processes import processes
from benchmarks.gpu.speed import speed

PARTS: dict[str, Callable[[torch.device, bool], bool]] = {
    "correctness": check, "speed": speed, "auto": fit_auto, "lists": list_speed, "processes": processes,
}  # fmt: skip
LONGEST = 180  # seconds of a part on a GPU


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/gpu.sh", description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="small data and few rounds: figures mean nothing")
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU here; use --device cpu --quick to try the script")
    if options.only is None:
        return int(False in [finished(part, device) for part in PARTS])
    with nullcontext() if device.type == "cpu" else torch.cuda.device(device):
        name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
        print(
            f"\n## {options.only}\n\ntorch {torch.__version__}, {name}{', quick' if options.quick else ''}\n",
            flush=True,
        )
        return 0 if PARTS[options.only](device, options.quick) else 1


def finished(part: str, device: torch.device) -> bool:
    """Run a part in a process of its own; whether it ended well, and in time."""
    begin, code = time.perf_counter(), "too long, ended"
    try:
        command = [sys.executable, "-m", "benchmarks.gpu", *sys.argv[1:], "--only", part]
        code = str(subprocess.run(command, timeout=LONGEST if device.type == "cuda" else None).returncode)
    except subprocess.TimeoutExpired:
        pass
    seconds = time.perf_counter() - begin
    print(f"\n{part}: {seconds:.0f} s{'' if code == '0' else f', FAILED ({code})'}", flush=True)
    return code == "0"


if __name__ == "__main__":
    sys.exit(main())

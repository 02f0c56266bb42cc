#!/bin/sh
# All figures of training and lists on a GPU; meant for under 5 minutes on an H100 (not timed since it grew). It ends
# with 1 where something is not equal or fails; the other figures come all the same. It needs torch, numpy, pyarrow and
# safetensors alone, and nothing installed: it runs from the project's folder.
#
#     benchmarks/gpu.sh                        everything, on the GPU
#     benchmarks/gpu.sh --only correctness     one part: correctness, speed, auto, lists or processes
#     benchmarks/gpu.sh --device cpu --quick   the same on small data, so that the script stays whole where no GPU is
set -e
cd "$(dirname "$0")/.."
PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python}" -m benchmarks.gpu "$@"

"""Where the evaluation of a night spends its processor seconds: scorer by scorer, the bootstrap apart.

    .venv/bin/python -m benchmarks.night_speed --folder F ... --steps events items sessions splits gru4rec_model
    .venv/bin/python -m benchmarks.night_evaluation --folder F --out figures.parquet

The same comparison as the asset's, on one thread, of the night that `night_speed` left in F: the newest measured and
the newest served checkpoint, and all baselines. `--out` keeps the table `evaluations`, to be compared with that of
another version of the code (its `--out`, in its own folder of code).
"""

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from gru4rec.evaluation import evaluate
from gru4rec.evaluation.resample import Resample
from pipelines.evaluation import compare, table
from pipelines.settings import model_sections
from warehouse.layout import Layout


class Watched:
    """Processor seconds of calls, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __call__(self, function: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
        """The function, its processor seconds added up under the name that its arguments give."""

        def timed(*arguments: Any, **options: Any) -> Any:
            begun, label = time.process_time(), name(*arguments)
            try:
                return function(*arguments, **options)
            finally:
                self.seconds[label] = self.seconds.get(label, 0.0) + time.process_time() - begun

        return timed


def newest(root: Path, *, measured: bool) -> Path:
    """The folder of the newest checkpoint: of the measured model, or of the one that serves."""
    files = [file for file in root.rglob("weights-*.safetensors") if ("evaluated" in file.parts) == measured]
    return max(files, key=lambda file: file.stat().st_mtime).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="of a night of `night_speed`")
    parser.add_argument("--test", type=int, default=50_000, help="[evaluation] max_sessions")
    parser.add_argument("--out", type=Path, help="write the table of figures there, as parquet")
    options = parser.parse_args()
    torch.set_num_threads(1)
    layout, watched = Layout(options.folder), Watched()
    day = max(file.stem for file in (options.folder / "splits").iterdir())
    artifacts = options.folder / "mlflow" / "artifacts"
    candidates = [
        compare.Candidate(role, 1, newest(artifacts, measured=role == table.CHALLENGER), None)
        for role in (table.CHALLENGER, table.SERVED)
    ]
    compare.baseline = watched(compare.baseline, lambda name, *_: f"{name}: fitted")
    evaluate.evaluate = watched(evaluate.evaluate, lambda scorer, *_: f"{scorer.name}: scored, ranked, resampled")
    Resample.means = watched(Resample.means, lambda *_: "of these, intervals of means")  # type: ignore[method-assign]
    evaluate._coverage = watched(evaluate._coverage, lambda *_: "of these, coverage")
    begun = time.process_time()
    comparison = compare.compare_night(
        layout.files("splits", day), candidates, model_sections.Evaluation(max_sessions=options.test), "cpu"
    )
    middle = time.process_time()
    found = table.evaluations_table(comparison, day)
    end = time.process_time()
    print("| part | processor seconds |\n|---|---|")
    for name, seconds in watched.seconds.items():
        print(f"| {name} | {seconds:.2f} |")
    print(f"| paired differences, table | {end - middle:.2f} |\n| all | {end - begun:.2f} |")
    print(f"{comparison.measured[0].evaluation.events} predictions; peak {peak():,.0f} MiB with the libraries")
    if options.out is not None:
        pq.write_table(found, options.out)


def peak() -> float:
    """The greatest resident set of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()

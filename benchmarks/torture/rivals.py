"""Two runs of one day at once: one wins, the other ends with a sentence."""

import random
import shutil
import time
from pathlib import Path

from benchmarks.torture.counts import Counts, partial, sentence_problem
from benchmarks.torture.nights import SECOND, Ended, Night
from benchmarks.torture.readers import Rows, seen


def rivals(root: Path, rounds: int, whole: Rows, seconds: float, chance: random.Random) -> Counts:
    """Run the day twice at once in `rounds` copies of `root`, the second a random moment after the first."""
    counts = Counts()
    for number in range(1, rounds + 1):
        copy = root.parent / "rivals"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(root, copy)
        first = Night(copy, SECOND)
        apart = chance.uniform(0, 0.5 * seconds)
        time.sleep(apart)
        twin = copy.parent / "rivals-twin"
        twin.unlink(missing_ok=True)
        twin.symlink_to(copy)  # another name, so that each has an answer and a log of its own
        second = Night(twin, SECOND)
        ends = [first.ended(), second.ended()]
        problem = _problem(ends) or partial(copy, whole)
        if problem is None and any(rows != whole for rows in seen(copy, SECOND).values()):
            problem = "the night that stands is not the unbroken one"
        how = "both came through" if all(end.success for end in ends) else "one won, the other said why it did not run"
        counts.add(f"rivals {number} ({apart:.2f} s apart)", problem, how)
    return counts


def _problem(ends: list[Ended]) -> str | None:
    if not any(end.success for end in ends):
        return f"nobody won: {[end.sentences or end.traces for end in ends]}"
    losers = [sentence_problem(end) for end in ends if not end.success]
    return losers[0] if losers else None

"""A whole night killed at random moments by all three signals, again and again in the same folder.

What killed nights leave adds up. Whenever a night comes through, it must be the unbroken one, row by row; and after
every few kills one is left to come through.
"""

import random
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.torture.counts import Counts, partial, sentence_problem
from benchmarks.torture.nights import SECOND, Ended, Night
from benchmarks.torture.readers import Rows, seen

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
SPARED = 10  # after so many kills a night is left alone
WAIT = 0.05  # seconds, at most, that a kill waits beyond its moment: it may then find the night waiting for a disk


def kill_nights(
    root: Path, kills: int, whole: Rows, work: float, chance: random.Random, signals: Sequence[signal.Signals] = SIGNALS
) -> tuple[Counts, Counts]:
    """Kill `kills` nights in the folder `root`.

    Args:
        root: with one good night; the killed nights are the next day's.
        whole: what the unbroken night's readers see.
        work: processor seconds of an unbroken night; moments are drawn from them.
        chance: that draws them.
        signals: to kill with, in turn.

    Returns:
        Counts of the killed nights, and of those that were left alone after them.
    """
    counts, healed = Counts(), Counts()
    for number in range(1, kills + 1):
        which = signals[number % len(signals)]
        moment = chance.uniform(0, 1.05 * work)
        night = Night(root, SECOND)
        running = night.worked(moment)
        time.sleep(chance.uniform(0, WAIT))
        night.kill(which)
        asked = time.monotonic()
        ended = night.ended()
        late = time.monotonic() - asked
        how = "ended before" if not running else "came through in spite of" if ended.success else "stopped by"
        counts.add(
            f"kill {number} ({which.name} after {moment:.2f} s of work)",
            _problem(ended, running) or partial(root, whole),
            f"{how} {which.name}",
        )
        if running and ended.success:
            sent = f"sent after {moment:.2f} s of {work:.2f} s of work"
            print(f"kill {number}: came through {late:.2f} s after {which.name}, {sent}", flush=True)
        if number % SPARED == 0 or number == kills:
            work = _heal(root, whole, healed, number) or work
        if number % 20 == 0:
            print(f"kills: {counts}; {healed}", flush=True)
    return counts, healed


def _problem(ended: Ended, running: bool) -> str | None:
    """What is wrong with a night's end: nothing where it succeeded, the signal ended it, or it was interrupted."""
    if ended.success or ended.signal:
        return None
    if not running:
        return sentence_problem(ended)
    other = [trace for trace in ended.traces if "interrupt" not in trace.lower()]
    return sentence_problem(replace(ended, traces=other)) if other else None


def _heal(root: Path, whole: Rows, counts: Counts, number: int) -> float | None:
    """One night that is left alone must stand as the unbroken one does, for every reader; its processor seconds."""
    ended, problem = Night(root, SECOND).ended(), None
    if not ended.success:
        problem = sentence_problem(ended) or str(ended.sentences)
    elif wrong := [reader for reader, rows in seen(root, SECOND).items() if rows != whole]:
        problem = f"{', '.join(wrong)} read other lists"
    counts.add(f"the night after kill {number}", problem, "the unbroken one")
    return None if problem else ended.work

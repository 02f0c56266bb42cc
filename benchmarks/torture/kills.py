"""A whole night killed at random moments by all three signals, again and again in the same folder.

What killed nights leave adds up. Whenever a night comes through, it must be the unbroken one, row by row; and after
every few kills one is left to come through.
"""

import random
import signal
import time
from pathlib import Path

from benchmarks.torture.counts import Counts, partial, sentence_problem
from benchmarks.torture.nights import SECOND, Night
from benchmarks.torture.readers import Rows, seen

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
SPARED = 10  # after so many kills a night is left alone
GRACE = 60.0  # seconds in which a night that was asked to stop must have stopped


def kill_nights(root: Path, kills: int, whole: Rows, seconds: float, chance: random.Random) -> Counts:
    """Kill `kills` nights in the folder `root`.

    Args:
        root: with one good night; the killed nights are the next day's.
        whole: what the unbroken night's readers see.
        seconds: that an unbroken night takes here.
    """
    counts = Counts()
    for number in range(1, kills + 1):
        which = SIGNALS[number % len(SIGNALS)]
        moment = chance.uniform(0, 1.05 * seconds)
        night = Night(root, SECOND)
        time.sleep(moment)
        night.kill(which)
        ended = night.ended(limit=moment + GRACE)
        case = f"kill {number} ({which.name} after {moment:.2f} s)"
        problem = (
            f"not ended {GRACE:.0f} s after the signal" if any("nothing was heard" in t for t in ended.traces) else None
        )
        counts.add(case, problem or partial(root, whole), "after its end" if ended.success else f"met by {which.name}")
        if number % SPARED == 0 or number == kills:
            _heal(root, whole, counts, number)
        if number % 20 == 0:
            print(f"kills: {counts}", flush=True)
    return counts


def _heal(root: Path, whole: Rows, counts: Counts, number: int) -> None:
    """One night that is left alone must stand as the unbroken one does, for every reader."""
    ended = Night(root, SECOND).ended()
    if not ended.success:
        counts.failures.append(f"the night after kill {number}: {sentence_problem(ended) or ended.sentences}")
    elif wrong := [reader for reader, rows in seen(root, SECOND).items() if rows != whole]:
        counts.failures.append(f"the night after kill {number}: {', '.join(wrong)} read other lists")
    if counts.failures:
        print(f"healing after kill {number}: {counts.failures[-1]}", flush=True)

"""Tried, held, failed: what a torture counts, and how one case is judged."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.torture.nights import SECOND, Ended
from benchmarks.torture.readers import Rows, seen

LONGEST = 800  # characters of a sentence, with the paths in it


@dataclass
class Counts:
    """What became of the cases of one kind; `failures` says which failed and how."""

    held: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """Cases so far."""
        return sum(self.held.values()) + len(self.failures)

    def add(self, case: str, problem: str | None, how: str) -> None:
        """Count a case; `problem` is None where it held, and `how` says in which way."""
        if problem is None:
            self.held[how] += 1
        else:
            self.failures.append(f"{case}: {problem}")
            print(f"FAILED {self.failures[-1]}", flush=True)

    def include(self, held: Mapping[str, int], failures: list[str]) -> None:
        """Add the counts of another share."""
        self.held.update(held)
        self.failures += failures

    def __str__(self) -> str:
        ways = ", ".join(f"{count} {how}" for how, count in self.held.most_common())
        return f"{self.tried} tried, {sum(self.held.values())} held ({ways}), {len(self.failures)} failed"


def partial(root: Path, whole: Rows) -> str | None:
    """What is wrong with what readers see of the night: some of it but not all; None where nothing is.

    `whole`: the night's rows of an unbroken run, of which only the number and the users must be the same: a night
    whose champion was lost has other lists.
    """
    for reader, rows in seen(root, SECOND).items():
        if rows is None:
            continue
        if len(rows) != len(whole) or {row[0] for row in rows} != {row[0] for row in whole}:
            return f"{reader} sees {len(rows)} rows of {len(whole)}"
    return None


def sentence_problem(ended: Ended) -> str | None:
    """Why a failed night did not end with a sentence; None where it did."""
    if ended.traces:
        return f"a stack trace: {ended.traces[0].strip().splitlines()[-1][:300]} | {ended.traces[0][:300]!r}"
    if not ended.sentences:
        return "no word at all"
    long = next((said for said in ended.sentences if len(said) > LONGEST), None)
    return None if long is None else f"a sentence of {len(long)} characters: {long[:200]}"

"""A bar on a terminal for people who wait for an epoch: tqdm draws it, and where that is absent there is none."""

import functools
import sys
from collections.abc import Iterable, Iterator
from typing import Any


def with_bar(
    chunks: Iterable[tuple[float, int]], events: int, title: str, line: int = 0
) -> Iterator[tuple[float, int]]:
    """The chunks of an epoch (sum of losses, number of events) as they come, with a bar that shows the mean loss.

    events: of the whole epoch. line: where the bar is drawn, below those of the members that train at the same time.
    """
    tqdm = _tqdm()
    if tqdm is None:
        yield from chunks
        return
    total, seen = 0.0, 0
    # a bar that stays open would wipe out what is said after an interruption; in a file it would be hundreds of lines
    with tqdm(
        total=events, unit="events", unit_scale=True, desc=title, position=line, leave=False, disable=None
    ) as bar:
        for loss, made in chunks:
            total, seen = total + loss, seen + made
            bar.set_postfix(loss=f"{total / seen:.4f}", refresh=False)
            bar.update(made)
            yield loss, made


@functools.cache
def _tqdm() -> Any:
    """The class of the bar; None where the package is missing, which is said once."""
    try:
        from tqdm import tqdm
    except ImportError:
        print("tqdm is not installed, so training shows no progress bar", file=sys.stderr)
        return None
    return tqdm

"""A bar for people who wait in a shell; silent elsewhere."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any


class Progress:
    """Counts rows; shows a tqdm bar on a terminal when `enabled`. In a file it would be hundreds of lines."""

    def __init__(self, unit: str, total: int | None = None, *, enabled: bool = False) -> None:
        self.done = 0
        self._bar: Any = None
        if enabled and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit=f" {unit}", unit_scale=True)

    def add(self, rows: int) -> None:
        """Count `rows` more."""
        self.done += rows
        if self._bar is not None:
            self._bar.update(rows)

    @contextmanager
    def watching(self, percent: Callable[[], float]) -> Iterator[None]:
        """Show how far an engine is while it reads and sorts, before the first row comes out."""
        if self._bar is None:
            yield
            return
        done = threading.Event()

        def poll() -> None:
            while not done.wait(0.5):
                self._bar.set_description_str(f"reading and sorting {max(percent(), 0):.0f}%")

        thread = threading.Thread(target=poll, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self._bar.set_description_str("writing")

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

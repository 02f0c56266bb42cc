"""A bar for people who wait in a shell; silent elsewhere."""

from types import TracebackType
from typing import Any


class Progress:
    """Counts rows; shows a tqdm bar on a terminal when `enabled`."""

    def __init__(self, unit: str, total: int | None = None, *, enabled: bool = False) -> None:
        self.done = 0
        self._bar: Any = None
        if enabled:
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit=f" {unit}", unit_scale=True)

    def add(self, rows: int) -> None:
        """Count `rows` more."""
        self.done += rows
        if self._bar is not None:
            self._bar.update(rows)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

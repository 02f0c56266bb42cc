"""What one update reads: a window of k steps of B lanes, N = k·B predictions in all.

The targets of a window are each other's in-batch negatives, and its predictions share the K additional negatives. The
distinct items among these N + K are the window's C candidates: the items that it scores.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, overload

from torch import Tensor


class WindowItems(NamedTuple):
    """The items of one window, each once (unique_items.py)."""

    rows: Tensor  # int64 [R]: indices of the C candidates, then (shared embedding) of the inputs that are none
    weight: Tensor  # [C]: the sum of what the occurrences of each candidate weigh
    target: Tensor  # int64 [N]: which candidate is the target of each prediction
    target_weight: Tensor  # [N]: what that one occurrence, as the target, weighs
    inputs: Tensor  # int64 [N]: where each input stands in `rows`, or in `input_rows`
    input_rows: Tensor | None  # int64 [R']: indices of the inputs, where they have a table of their own


class Window(NamedTuple):
    """Items, session starts, weights and dropout masks. A mask is 0 or 1 / (1 - probability of dropping)."""

    items: WindowItems
    keep: Tensor  # [k, B, 1]: 0 where a lane starts a session, else 1
    row_weight: Tensor  # [N, 1]: 0 for an empty lane, else what the prediction weighs in the loss
    embedding_mask: Tensor | None  # [k, B, D]
    hidden_masks: Tensor | None  # [layers, k, B, H]
    cold: Tensor | None = None  # bool [R]: rows that an update with item features sees without their id

    def map(self, change: Callable[[Tensor], Tensor]) -> "Window":
        """The window with each of its tensors changed."""

        def maybe(part: Tensor | None) -> Any:
            return None if part is None else change(part)

        return Window(WindowItems(*map(maybe, self.items)), *map(maybe, self[1:]))

    def tensors(self) -> list[Tensor]:
        """All tensors that are there, in one order."""
        return [part for part in (*self.items, *self[1:]) if isinstance(part, Tensor)]


def part_of(window: Window, lanes: slice | Tensor) -> Window:
    """The window of some of the lanes, or of all in another order; its candidates and rows stay as they are."""
    steps, all_lanes, _ = window.keep.shape

    def along(dim: int, tensor: Tensor) -> Tensor:
        """Of a tensor whose dimension `dim` is the lanes', the part of these."""
        if isinstance(lanes, Tensor):
            return tensor.index_select(dim, lanes)
        return tensor.narrow(dim, lanes.start, lanes.stop - lanes.start)

    def own(by_prediction: Tensor) -> Tensor:
        """Of a tensor [N, ..], the part of these lanes."""
        return along(1, by_prediction.view(steps, all_lanes, *by_prediction.shape[1:])).flatten(0, 1)

    items = window.items._replace(
        target=own(window.items.target),
        target_weight=own(window.items.target_weight),
        inputs=own(window.items.inputs),
    )
    return window._replace(
        items=items,
        keep=along(1, window.keep),
        row_weight=own(window.row_weight),
        embedding_mask=None if window.embedding_mask is None else along(1, window.embedding_mask),
        hidden_masks=None if window.hidden_masks is None else along(2, window.hidden_masks),
    )


class Stack(Sequence[Window]):
    """S windows of the same shapes whose tensors stand side by side, so that one copy moves a part of all of them."""

    def __init__(self, parts: Window) -> None:
        """parts: a window each of whose tensors has S in front of its shape."""
        self.parts = parts

    def __len__(self) -> int:
        return len(self.parts.keep)

    @overload
    def __getitem__(self, index: int) -> Window: ...
    @overload
    def __getitem__(self, index: slice) -> "Stack": ...
    def __getitem__(self, index: int | slice) -> "Window | Stack":
        """A window, or some of them as a stack; both are views."""
        if isinstance(index, int) and not -len(self) <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        parts = self.parts.map(lambda part: part[index])
        return Stack(parts) if isinstance(index, slice) else parts

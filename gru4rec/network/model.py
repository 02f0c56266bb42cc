"""The network: item tables, GRU layers, scores.

The output table holds each item's weights and bias side by side in one row, [I+1, W]: H weights, the bias, and zeros
up to a whole number of vector registers. With a shared embedding its weights are the input embedding too. Row I belongs
to the empty item, which an empty lane reads and writes. All dense weights lie in one flat tensor; a layer is a set of
views of it.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from gru4rec.config.options import ModelConfig
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network import cosine, gru
from gru4rec.network.added import repeats
from gru4rec.network.added.habits import Habits
from gru4rec.network.added.neighbours import Neighbours
from gru4rec.network.added.past import LASTS, PLACES, Past, within_reach
from gru4rec.network.added.raises import Raises
from gru4rec.network.gru import Layer
from gru4rec.network.merged import Merged
from gru4rec.network.pages import filled
from gru4rec.scoring.added import Added
from gru4rec.scoring.on_device import DeviceSessions, sent
from gru4rec.scoring.scorer import Block, Linear

LANES = 1024  # sessions read side by side when scoring
LANES_ON_DEVICE = 16_384  # the same on an accelerator, which a step of a thousand would leave idle


class GRU4Rec:
    """A GRU4Rec (arXiv 1511.06939, 1706.03847) over a vocabulary of I items; a Linear scorer."""

    name = "GRU4Rec"
    tie_rule = "standard"
    row_multiple = 8  # rows of the output table end in zeros up to such a width: products are a tenth faster

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Vocabulary,
        *,
        merged: Merged | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """A model with all weights 0. merged: the members that it is made of, where there are several."""
        self.config = config
        self.merged = merged
        self.vocabulary = vocabulary
        self.device = torch.device(device)
        rows, hidden = len(vocabulary) + 1, self.hidden_size
        width = -(-(hidden + 1) // self.row_multiple) * self.row_multiple
        self.output = filled(rows, width, 0.0, dtype, self.device)
        self.input: Tensor | None = None
        if config.embedding != "shared":
            self.input = filled(rows, self.input_size, 0.0, dtype, self.device)
        self.dense = torch.zeros(sum(size for _, size in self._dense_shapes()), dtype=dtype, device=self.device)
        self.layers = self.layers_of(self.dense)
        self._cosines = cosine.blocks(config, merged)
        self._directions: Tensor | None = None
        # What training adds to the product where it proves itself: weights of seen items, habits, neighbours, raises.
        self.repeat: Tensor | None = None
        if config.repeats:
            self.repeat = torch.zeros(LASTS, PLACES, dtype=dtype, device=self.device)
        self.habits: Habits | None = None
        self.neighbours: Neighbours | None = None
        self.raises: Raises | None = None

    @property
    def hidden_size(self) -> int:
        """H: units of each layer, those of all members together."""
        return self.config.hidden_size if self.merged is None else self.merged.width

    @property
    def input_size(self) -> int:
        """Width of an item's row as the first layer reads it: embedding size, or 3·hidden_size for one-hot."""
        if self.config.embedding == "one-hot":
            return 3 * self.hidden_size
        return self.hidden_size if self.config.embedding == "shared" else self.config.embedding_size or self.hidden_size

    def initialise(self, seed: int) -> None:
        """Draw all weights: U(±√(6/(rows + cols))) for each gate's block and each table, biases 0."""
        generator = torch.Generator().manual_seed(seed)
        items, hidden = len(self.vocabulary), self.hidden_size

        def draw(target: Tensor, fan: int) -> None:
            limit = (6.0 / fan) ** 0.5
            values = torch.rand(target.shape, generator=generator, dtype=target.dtype)
            target.copy_(values.mul_(2 * limit).sub_(limit))

        self.output.zero_()
        self.dense.zero_()
        draw(self.output[:items, :hidden], items + hidden)
        if self.input is not None:
            self.input.zero_()
            width = hidden if self.config.embedding == "one-hot" else self.input_size
            draw(self.input[:items], items + width)
        for layer in self.layers:
            if layer.w_input is not None:
                draw(layer.w_input, hidden + layer.w_input.shape[1])
            draw(layer.w_hidden, 2 * hidden)

    def layers_of(self, flat: Tensor) -> list[Layer]:
        """The layers in a flat tensor of the dense weights' size (the weights, or their gradient), as views."""
        parts: list[Tensor | None] = []
        at = 0
        for shape, size in self._dense_shapes():
            parts.append(flat[at : at + size].view(shape) if size else None)
            at += size
        return [Layer(*parts[n : n + 4]) for n in range(0, len(parts) // 4 * 4, 4)]  # type: ignore[arg-type]

    def subnets(self) -> list[slice]:
        """Which layers belong to each subnet: here all to the only one."""
        return [slice(0, len(self.layers))]

    def inputs_of(self, inputs: Tensor) -> list[Tensor]:
        """What each subnet reads of the inputs [.., D]."""
        return [inputs]

    def _dense_shapes(self) -> list[tuple[tuple[int, ...], int]]:
        hidden = self.hidden_size
        shapes: list[tuple[int, ...]] = []
        for number in range(self.config.num_layers):
            width = hidden if number else (0 if self.config.embedding == "one-hot" else self.input_size)
            shapes += [(3 * hidden, width), (3 * hidden, hidden), (3 * hidden,), (3 * hidden,)]
        return [(shape, math.prod(shape)) for shape in shapes]

    def tensors(self) -> dict[str, Tensor]:
        """All weights by name (views, not copies): what a checkpoint holds. The row of the empty item is left out."""
        items, hidden = len(self.vocabulary), self.hidden_size
        named = {"output.weight": self.output[:items, :hidden], "output.bias": self.output[:items, hidden]}
        if self.input is not None:
            named["input.weight"] = self.input[:items]
        for number, layer in enumerate(self.layers):
            for name, value in layer._asdict().items():
                if value is not None:
                    named[f"gru.{number}.{name}"] = value
        if self.repeat is not None:
            named["repeat"] = self.repeat
        if self.habits is not None:
            named |= self.habits.tensors()
        if self.neighbours is not None:
            named |= self.neighbours.tensors()
        if self.raises is not None:
            named |= self.raises.tensors()
        return named

    def alike(self, config: ModelConfig, merged: Merged | None = None) -> "GRU4Rec":
        """A network over the same items with another configuration, all weights 0."""
        return GRU4Rec(config, self.vocabulary, merged=merged, device=self.device, dtype=self.output.dtype)

    def files(self) -> dict[str, bytes]:
        """What a checkpoint holds beside the weights, by file name: nothing here."""
        return {}

    def adopt_dense(self, older: "GRU4Rec") -> None:
        """Take over the dense weights of a network of the same shape."""
        self.dense.copy_(older.dense)

    def embed(self, items: Tensor) -> Tensor:
        """Rows of the input [.., D] of item indices [..]."""
        if self.input is not None:
            return self.input[items]
        return self.output[items, : self.hidden_size]

    def advance(self, inputs: Tensor, states: list[Tensor]) -> Tensor:
        """One step from rows [n, D] of `embed` and the first n rows of each layer's state: queries [n, H]."""
        top = gru.advance(self.layers, inputs, states, () if self.merged is None else self.merged.units)
        return cosine.directions(top, self._cosines, scaled=True)

    def output_matrix(self) -> Tensor:
        """What queries are multiplied with [I, H]: the item rows, or where they score by cosines, their directions."""
        if self._directions is not None:
            return self._directions
        return cosine.directions(self.item_rows(), self._cosines, scaled=False)

    def freeze(self) -> None:
        """Compute what scores need once; the weights must not change afterwards."""
        if self._cosines:
            self._directions = self.output_matrix()

    def item_rows(self) -> Tensor:
        """Item weights [I, H], a view."""
        return self.output[: len(self.vocabulary), : self.hidden_size]

    def output_bias(self) -> Tensor:
        """Item biases [I], a view."""
        return self.output[: len(self.vocabulary), self.hidden_size]

    @property
    def _adds(self) -> bool:
        return self.repeat is not None or self.neighbours is not None or self.raises is not None

    def added(self, sessions: Sessions, events: np.ndarray) -> Added | None:
        """What is added to the scores after some events, and how they are raised (Linear's contract)."""
        if not self._adds:
            return None
        parts, past = [], Past.of(sessions, events)
        if self.repeat is not None:
            parts.append(repeats.added(past, self.repeat, self.habits))
        if self.neighbours is not None:
            parts.append(self.neighbours.added(sessions.items_at(events)))
        if self.raises is not None:
            parts.append(self.raises.added(past, sessions, events))
        return Added.sum_of(parts, len(self.vocabulary))

    def add_on_device(self, scores: Tensor, columns: Tensor, sessions: DeviceSessions, scale: float) -> None:
        """Do what `added` says to scores on the model's device (AddsOnDevice's contract)."""
        if not self._adds:
            return
        sessions = within_reach(sessions)
        if self.repeat is not None:
            repeats.add_on_device(scores, columns, sessions, self.repeat, self.habits, scale)
        if self.neighbours is not None:
            self.neighbours.add_on_device(scores, columns, sessions, scale)
        if self.raises is not None:
            self.raises.raise_on_device(scores, columns, sessions, scale)

    @torch.inference_mode()
    def hidden(self, sessions: Sessions, *, last_only: bool = False) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Queries, some rows at a time: (positions of their last input event int64 [R], h [R, H]).

        Every event but the last one of each session gives a row; with `last_only` every session gives one row, after
        its last event. Sessions start from a zero state; they are read longest first, `LANES` at a time
        (`LANES_ON_DEVICE` on an accelerator, and nothing waits for it).
        """
        steps = sessions.lengths if last_only else sessions.lengths - 1
        order = np.argsort(-steps, kind="stable")
        order = order[steps[order] > 0]
        many = LANES if self.device.type == "cpu" else LANES_ON_DEVICE
        for begin in range(0, len(order), many):
            lanes = order[begin : begin + many]
            yield from self._hidden_of_lanes(sessions, lanes, steps[lanes], last_only)

    def _hidden_of_lanes(
        self, sessions: Sessions, lanes: np.ndarray, steps: np.ndarray, last_only: bool
    ) -> Iterator[tuple[np.ndarray, Tensor]]:
        """The longest lanes come first, so the lanes that still run at a step are a prefix, which only shrinks."""
        size = self.hidden_size
        starts = sessions.offsets[:-1][lanes]
        own = Sessions(sessions.items, sessions.offsets).select(lanes)
        items, first = (sent(np.asarray(part, dtype=np.int64), self.device) for part in (own.items, own.offsets[:-1]))
        states = [self.output.new_zeros(len(starts), size) for _ in self.layers]
        for step in range(int(steps[0])):
            running = int(np.searchsorted(-steps, -step, side="left"))
            events = starts[:running] + step
            x = self.embed(items[first[:running] + step])
            x = self.advance(x, states)
            if not last_only:
                yield events, x
                continue
            ending = int(np.searchsorted(-steps[:running], -(step + 1), side="left"))
            if ending < running:
                yield events[ending:], x[ending:]

    @torch.inference_mode()
    def blocks(self, sessions: Sessions, *, last_only: bool = False, rows: int = 256) -> Iterator[Block]:
        """Scores of the whole catalogue (Scorer's contract): h Wᵀ + b, and what `added` says."""
        weight = self.output_matrix().t()
        bias = self.output_bias()
        buffer = self.output.new_empty(rows, len(self.vocabulary))
        for events, h in _regrouped(self.hidden(sessions, last_only=last_only), rows):
            scores = torch.addmm(bias, h, weight, out=buffer[: len(h)])
            added = self.added(sessions, events)
            if added is not None:
                added.to(scores)
            yield Block(events, scores)


CONTRACT: type[Linear] = GRU4Rec  # mypy holds the class to what serving asks of it


def _regrouped(parts: Iterator[tuple[np.ndarray, Tensor]], rows: int) -> Iterator[tuple[np.ndarray, Tensor]]:
    """The same rows in groups of exactly `rows`, the last one smaller."""
    events: list[np.ndarray] = []
    states: list[Tensor] = []
    held = 0
    for part_events, part_states in parts:
        events.append(part_events)
        states.append(part_states)
        held += len(part_events)
        if held >= rows:
            all_events, all_states = np.concatenate(events), torch.cat(states)
            whole = held - held % rows
            for begin in range(0, whole, rows):
                yield all_events[begin : begin + rows], all_states[begin : begin + rows]
            events, states, held = [all_events[whole:]], [all_states[whole:]], held - whole
    if held:
        yield np.concatenate(events), torch.cat(states)

"""The network with item features: p-RNN (Hidasi et al., RecSys 2016), a GRU over ids beside one over features.

An item has a row w with bias b (its id's) and a vector φ, pooled from its features (feature_tower.py). Both serve as
input and as output (shared embeddings), so an item without a row of its own can still be scored. h is the state of
the id subnet and f that of the feature subnet; the architectures score an item as follows:

| architecture | score |
|---|---|
| parallel | h·w + f·φ + b: the states side by side |
| interaction | h·w + (f * h)·φ + b: the feature state is multiplied by the id state |
| shared-output | (a₀h + a₁f)·(w + φ) + b: one output matrix for a weighted sum of the states |
| concatenated | h·(w + φ) + b: one GRU that reads w and φ side by side |

A cold item has no trained row of its own: beside its φ it has a row that all cold items share. This row is trained on
items that are treated like cold ones at random (id_dropout; Volkovs et al., DropoutNet, NeurIPS 2017), which also
trains the features to predict without ids. Without id_dropout the row is the mean of the least-clicked items' rows. The
bias of cold items is always the mean of the least-clicked items' biases: the items dropped at random are mostly well
known, and with the bias learnt from them cold items displace rare ones in the lists.
"""

import math

import numpy as np
import torch
from torch import Tensor

from gru4rec.config.options import ConfigError, FeatureConfig, ModelConfig
from gru4rec.data.features import ItemFeatures
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network import gru
from gru4rec.network.feature_tower import Tower
from gru4rec.network.merged import Merged
from gru4rec.network.model import GRU4Rec

LEAST_CLICKED = 0.1  # share of the warm items whose mean row and bias cold items take
POOLED_AT_ONCE = 65536  # items


class FeatureGRU4Rec(GRU4Rec):
    """A GRU4Rec whose items have features; the vocabulary holds the cold items too (features.prepare).

    dense holds, in this order: id layers, feature layers, the features' table [rows, H], a₀ and a₁, the cold row [H+1].
    """

    name = "GRU4Rec"
    tie_rule = "conservative"  # cold items with equal features have equal scores, but only one of them can have a rank

    def __init__(
        self,
        config: ModelConfig,
        feature_config: FeatureConfig,
        vocabulary: Vocabulary,
        features: ItemFeatures,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if features.items != len(vocabulary):
            raise ValueError(f"there are features of {features.items} items, but {len(vocabulary)} in the vocabulary")
        self.feature_config = feature_config
        self.features = features
        self.tower = Tower(features, feature_config.pooling_mode, torch.device(device), dtype)
        super().__init__(config, vocabulary, device=device, dtype=dtype)
        further = self.tower.rows * config.hidden_size + 2 + config.hidden_size + 1
        self.dense = torch.zeros(len(self.dense) + further, dtype=dtype, device=self.device)
        self.layers = self.layers_of(self.dense)
        self._is_cold = torch.from_numpy(vocabulary.counts == 0).to(self.device)
        self._rare = torch.from_numpy(_least_clicked(vocabulary.counts)).to(self.device)

    @property
    def input_size(self) -> int:
        """Width of an item as input: w and φ side by side."""
        return 2 * self.config.hidden_size

    @property
    def single(self) -> bool:
        """Whether one GRU reads ids and features alike."""
        return self.feature_config.architecture == "concatenated"

    def _dense_shapes(self) -> list[tuple[tuple[int, ...], int]]:
        hidden = self.config.hidden_size
        shapes: list[tuple[int, ...]] = []
        for _ in range(1 if self.single else 2):
            for number in range(self.config.num_layers):
                width = self.input_size if self.single and not number else hidden
                shapes += [(3 * hidden, width), (3 * hidden, hidden), (3 * hidden,), (3 * hidden,)]
        return [(shape, math.prod(shape)) for shape in shapes]

    @property
    def id_size(self) -> int:
        """How many of the dense weights are the id subnet's; they come first."""
        return sum(size for _, size in self._dense_shapes()[: 4 * self.config.num_layers])

    @property
    def table_start(self) -> int:
        """Where the features' table begins in the dense weights: after the layers."""
        return sum(size for _, size in self._dense_shapes())

    def table_of(self, flat: Tensor) -> Tensor:
        """The features' table [rows, H] in a flat tensor of the dense weights' size."""
        size = self.tower.rows * self.config.hidden_size
        return flat[self.table_start : self.table_start + size].view(self.tower.rows, -1)

    def state_weights_of(self, flat: Tensor) -> Tensor:
        """a₀ and a₁ [2] in a flat tensor of the dense weights' size."""
        return flat[-self.config.hidden_size - 3 : -self.config.hidden_size - 1]

    def cold_row_of(self, flat: Tensor) -> Tensor:
        """The row [H+1] of all cold items in a flat tensor of the dense weights' size."""
        return flat[-self.config.hidden_size - 1 :]

    def initialise(self, seed: int) -> None:
        """Draw all weights; in residual training the table stays 0 until its turn comes (FeatureStep)."""
        super().initialise(seed)
        self.state_weights_of(self.dense).fill_(1.0)
        if self.feature_config.training != "residual":
            self.draw_table(seed)

    def draw_table(self, seed: int) -> None:
        """Draw the features' table, U(±√(6/(rows + H))); rows that a warm start took over stay."""
        table = self.table_of(self.dense)
        values = torch.rand(table.shape, generator=torch.Generator().manual_seed(seed + 1), dtype=table.dtype)
        limit = (6.0 / sum(table.shape)) ** 0.5
        drawn = values.mul_(2 * limit).sub_(limit).to(table.device)
        table.copy_(torch.where(table.any(1, keepdim=True), table, drawn))

    def tensors(self) -> dict[str, Tensor]:
        """As GRU4Rec's, and the features' table, a₀ and a₁, and the row of cold items."""
        named = super().tensors()
        parts = {"table": self.table_of, "mix": self.state_weights_of, "cold": self.cold_row_of}
        return named | {f"features.{name}": part(self.dense) for name, part in parts.items()}

    def alike(self, config: ModelConfig, merged: Merged | None = None) -> "FeatureGRU4Rec":
        """A network over the same items and features with another configuration, all weights 0; never a merged one."""
        if merged is not None:
            raise ConfigError("models with item features do not merge: use members=1")
        parts = (config, self.feature_config, self.vocabulary, self.features)
        return FeatureGRU4Rec(*parts, device=self.device, dtype=self.output.dtype)

    def files(self) -> dict[str, bytes]:
        """The encoded features."""
        return {"features.arrow": self.features.to_bytes()}

    def adopt_dense(self, older: GRU4Rec) -> None:
        """Take over the layers, and the rows of the features' table whose values both models know."""
        architecture = self.feature_config.architecture
        if not isinstance(older, FeatureGRU4Rec) or older.feature_config.architecture != architecture:
            raise ConfigError(f"a warm start needs the same network, an older one of architecture={architecture}")
        end = self.table_start
        self.dense[:end].copy_(older.dense[:end])
        self.state_weights_of(self.dense).copy_(older.state_weights_of(older.dense))
        self.cold_row_of(self.dense).copy_(older.cold_row_of(older.dense))
        place = {name: row for row, name in enumerate(older.features.row_names())}
        known = [(row, place[name]) for row, name in enumerate(self.features.row_names()) if name in place]
        here, there = torch.tensor(known, dtype=torch.int64).reshape(-1, 2).unbind(1)
        self.table_of(self.dense)[here] = older.table_of(older.dense)[there].to(self.device, self.dense.dtype)

    def rows(self) -> Tensor:
        """w and b of all items side by side [I, H+1] (a copy), with the cold items' row where items are cold."""
        rows = self.output[: len(self.vocabulary), : self.config.hidden_size + 1].clone()
        if self._is_cold.any():
            rows[self._is_cold] = self._cold_row()
        return rows

    def _cold_row(self) -> Tensor:
        """w and b of cold items [H+1]."""
        rare = self.output[self._rare, : self.config.hidden_size + 1].mean(0)
        if not self.feature_config.id_dropout:
            return rare
        return torch.cat([self.cold_row_of(self.dense)[:-1], rare[-1:]])

    def vectors(self) -> Tensor:
        """φ of all items [I, H]."""
        table = self.table_of(self.dense)
        every = torch.arange(len(self.vocabulary), device=self.device)
        return torch.cat([self.tower.pool(table, part) for part in every.split(POOLED_AT_ONCE)])

    def queries(self, tops: list[Tensor]) -> tuple[Tensor, Tensor]:
        """What w and what φ is multiplied with, each [.., H]. tops: the subnets' last states, the id subnet's first."""
        architecture = self.feature_config.architecture
        if architecture == "shared-output":
            a = self.state_weights_of(self.dense)
            both = a[0] * tops[0] + a[1] * tops[1]
            return both, both
        return tops[0], tops[0] * tops[1] if architecture == "interaction" else tops[-1]

    @property
    def _one_matrix(self) -> bool:
        """Whether w and φ are multiplied with the same query, so that they can be summed beforehand."""
        return self.feature_config.architecture in ("concatenated", "shared-output")

    def subnets(self) -> list[slice]:
        """Which layers belong to each subnet, the id subnet first."""
        depth = self.config.num_layers
        return [slice(at, at + depth) for at in range(0, len(self.layers), depth)]

    def inputs_of(self, inputs: Tensor) -> list[Tensor]:
        """What each subnet reads of w and φ side by side [.., 2H]."""
        return [inputs] if self.single else list(inputs.split(self.config.hidden_size, dim=-1))

    def output_matrix(self) -> Tensor:
        """What queries are multiplied with: w + φ [I, H], or φ and w side by side [I, 2H]."""
        weights, vectors = self.rows()[:, :-1], self.vectors()
        return weights + vectors if self._one_matrix else torch.cat([vectors, weights], dim=1)

    def output_bias(self) -> Tensor:
        """Item biases [I]."""
        return self.rows()[:, -1]

    def embed(self, items: Tensor) -> Tensor:
        """w and φ side by side [N, 2H] of item indices [N]."""
        weights = self.output[items, : self.config.hidden_size]
        cold = self._is_cold[items]
        if cold.any():
            weights[cold] = self._cold_row()[:-1]
        return torch.cat([weights, self.tower.pool(self.table_of(self.dense), items)], dim=1)

    def advance(self, inputs: Tensor, states: list[Tensor]) -> Tensor:
        """One step of both subnets, as GRU4Rec.advance; queries [n, H] or [n, 2H] for output_matrix."""
        tops = []
        for layers, x in zip(self.subnets(), self.inputs_of(inputs), strict=True):
            states_of_subnet = states[layers]
            tops.append(gru.advance(self.layers[layers], x, states_of_subnet))
            states[layers] = states_of_subnet
        ids, features = self.queries(tops)
        return ids if self._one_matrix else torch.cat([features, ids], dim=-1)


def _least_clicked(counts: np.ndarray) -> np.ndarray:
    """The warm items with the fewest clicks: the share LEAST_CLICKED, and all with as few clicks as its last."""
    warm = np.flatnonzero(counts > 0)
    limit = np.quantile(counts[warm], LEAST_CLICKED, method="higher") if len(warm) else 0
    return warm[counts[warm] <= limit]

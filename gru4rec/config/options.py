"""Everything that can be configured: frozen dataclasses, one per part, validated when they are made.

Field names are unique over all parts, so a configuration can be read and changed flat:
`config.override({"hidden_size": 256, "loss": "bpr-max"})`. Nothing here imports torch.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from gru4rec.config.values import ConfigError, choice, number, rank_metric, read, read_blocks, unknown_setting, whole

__all__ = [
    "Config", "ConfigError", "FeatureConfig", "LossConfig", "ModelConfig", "NegativesConfig", "OptimizerConfig",
    "TrainConfig",
]  # fmt: skip

EMBEDDINGS = ("shared", "separate", "one-hot")
LOSSES = ("cross-entropy", "bpr-max", "top1", "top1-max", "bpr")
OPTIMIZERS = ("adagrad", "sgd", "adam")
PRECISIONS = ("float32", "bf16")
KEEPS = ("best", "last")
POOLINGS = ("sum", "mean", "max")
ARCHITECTURES = ("concatenated", "parallel", "shared-output", "interaction")
TRAININGS = ("simultaneous", "alternating", "residual", "interleaving")
ALTERNATING = (  # beside loss, negatives, optimizer
    "hidden_size", "dropout_embedding", "dropout_hidden", "cosine", "batch_size",
)  # fmt: skip


@dataclass(frozen=True)
class ModelConfig:
    """The network.

    embedding: shared (input table = output table), separate, or one-hot (a 3·hidden_size wide lookup, no embedding).
    embedding_size: width of a separate input table; 0 means hidden_size. dropout_*: probability of dropping.
    skip: the last input's embedding x reaches the scores directly too: o = h + g * x, with a learnt g [H] that begins
    at 0. cosine: scores are s · cos(h, w) instead of h · w + b (cosine.py): s, or nothing; a merged model has
    "width:s" for each member. repeats: two weights for items that the session has seen already, chosen on sessions
    held out (repeats.py). mix: what the scores of every second member are multiplied with where members alternate; 0
    is chosen when they are merged, so that their scores spread `balance` times as far as the first member's
    (ensemble.py).
    """

    embedding: str = "shared"
    embedding_size: int = 0
    hidden_size: int = 100
    num_layers: int = 1
    dropout_embedding: float = 0.0
    dropout_hidden: float = 0.0
    skip: bool = False
    cosine: tuple[str, ...] = ()
    repeats: bool = False
    mix: float = 0.0

    def __post_init__(self) -> None:
        choice("embedding", self.embedding, EMBEDDINGS)
        whole("embedding_size", self.embedding_size, 0)
        whole("hidden_size", self.hidden_size, 1)
        whole("num_layers", self.num_layers, 1)
        number("dropout_embedding", self.dropout_embedding, 0.0, 1.0, below=True)
        number("dropout_hidden", self.dropout_hidden, 0.0, 1.0, below=True)
        number("mix", self.mix, 0.0)
        read_blocks("cosine", self.cosine, self.hidden_size)
        if self.embedding == "shared" and self.embedding_size not in (0, self.hidden_size):
            raise ConfigError(
                f"embedding_size is {self.embedding_size} with a shared embedding of hidden_size {self.hidden_size}; "
                "leave it 0, or use embedding=separate"
            )
        if self.embedding == "one-hot" and (self.embedding_size or self.dropout_embedding):
            raise ConfigError("a one-hot input has no embedding: leave embedding_size and dropout_embedding 0")
        if self.skip and (self.embedding == "one-hot" or self.embedding_size not in (0, self.hidden_size)):
            raise ConfigError("skip adds the input to the output: use embedding=shared, or separate of hidden_size")


@dataclass(frozen=True)
class LossConfig:
    """The loss: its name, the strength of cross-entropy's logQ correction, BPR-max's regularisation and ELU."""

    loss: str = "cross-entropy"
    logq: float = 1.0
    bpreg: float = 1.0
    elu: float = 1.0

    def __post_init__(self) -> None:
        choice("loss", self.loss, LOSSES)
        number("logq", self.logq, 0.0)
        number("bpreg", self.bpreg, 0.0)
        number("elu", self.elu, 0.0)


@dataclass(frozen=True)
class NegativesConfig:
    """Additional negatives: how many a step, drawn with probability proportional to count^sample_alpha."""

    n_sample: int = 2048
    sample_alpha: float = 0.5

    def __post_init__(self) -> None:
        whole("n_sample", self.n_sample, 0)
        number("sample_alpha", self.sample_alpha, 0.0)


@dataclass(frozen=True)
class OptimizerConfig:
    """The optimizer. momentum: classical, adagrad and sgd only. clip_norm: limit of the gradient's norm, 0 for none."""

    optimizer: str = "adagrad"
    learning_rate: float = 0.1
    momentum: float = 0.0
    clip_norm: float = 0.0

    def __post_init__(self) -> None:
        choice("optimizer", self.optimizer, OPTIMIZERS)
        number("learning_rate", self.learning_rate, 0.0)
        number("momentum", self.momentum, 0.0, 1.0, below=True)
        number("clip_norm", self.clip_norm, 0.0)
        if self.learning_rate == 0.0:
            raise ConfigError("learning_rate is 0; nothing would be learnt, use a number above 0")
        if self.optimizer == "adam" and self.momentum:
            raise ConfigError("adam has its own momentum; leave momentum 0")


@dataclass(frozen=True)
class TrainConfig:
    """The loop.

    bptt: steps that a gradient reaches back (one update a window of bptt steps). shuffle: sessions in random order
    instead of by time. patience: epochs without an improvement of more than min_delta in `monitor` before stopping,
    0 for never. validation_sample: validation sessions looked at each epoch, 0 for all. keep: whose weights remain.
    max_length: events of a session that are trained on, the last ones (histories.py), 0 for all.
    members: models of different seeds, trained one after another and merged into one (ensemble.py). alternate: the
    settings, each "name=value", in which every second member differs from the first: of loss, negatives, optimizer,
    width, dropout and batch. balance: how far the scores of every second member then spread, the first one's being 1.
    """

    batch_size: int = 32
    epochs: int = 10
    seed: int = 42
    bptt: int = 1
    shuffle: bool = False
    precision: str = "float32"
    compile: bool = False
    patience: int = 0
    min_delta: float = 0.0
    monitor: str = "recall@20"
    validation_sample: int = 0
    keep: str = "last"
    max_length: int = 0
    members: int = 1
    alternate: tuple[str, ...] = ()
    balance: float = 1.0

    def __post_init__(self) -> None:
        whole("batch_size", self.batch_size, 1)
        whole("epochs", self.epochs, 1)
        whole("seed", self.seed, 0)
        whole("bptt", self.bptt, 1)
        choice("precision", self.precision, PRECISIONS)
        whole("patience", self.patience, 0)
        number("min_delta", self.min_delta, 0.0)
        rank_metric("monitor", self.monitor)
        whole("validation_sample", self.validation_sample, 0)
        choice("keep", self.keep, KEEPS)
        whole("max_length", self.max_length, 0)
        whole("members", self.members, 1)
        number("balance", self.balance, 0.0)
        if self.balance == 0:
            raise ConfigError("balance is 0; every second member would not count, use members=1 for that")
        if self.max_length == 1:
            raise ConfigError("max_length is 1, which leaves nothing to predict; use 2 or more, or 0 for all events")


@dataclass(frozen=True)
class FeatureConfig:
    """Item features (features.py); without selected_features a model knows ids alone.

    selected_features: columns of the items table, each "name" or "name:kind" (categorical, multi, numeric, binned,
    text). pooling_mode: of several values inside a field. architecture, training: those of p-RNN (feature_model.py,
    feature_step.py); widths, layers and dropout are the model's own. id_dropout: share of the items that an update
    sees without their own row, as if they were cold.
    """

    selected_features: tuple[str, ...] = ()
    pooling_mode: str = "mean"
    architecture: str = "parallel"
    training: str = "simultaneous"
    id_dropout: float = 0.1

    def __post_init__(self) -> None:
        choice("pooling_mode", self.pooling_mode, POOLINGS)
        choice("architecture", self.architecture, ARCHITECTURES)
        choice("training", self.training, TRAININGS)
        number("id_dropout", self.id_dropout, 0.0, 1.0, below=True)
        if len(set(self.selected_features)) < len(self.selected_features) or "" in self.selected_features:
            raise ConfigError(f"selected_features is {list(self.selected_features)}; name every column once")
        if self.architecture == "concatenated" and self.training != "simultaneous":
            raise ConfigError(f"training={self.training} needs two subnets, but architecture=concatenated has one")


@dataclass(frozen=True)
class Config:
    """One of each part."""

    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    negatives: NegativesConfig = field(default_factory=NegativesConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)

    def __post_init__(self) -> None:
        if self.train.members > 1 and self.model.embedding != "shared":
            raise ConfigError(f"members={self.train.members} needs embedding=shared, not {self.model.embedding}")
        if self.train.alternate:
            self._check_alternate()
        if not self.features.selected_features:
            return
        if self.model.embedding != "shared":
            raise ConfigError(f"selected_features needs embedding=shared, not {self.model.embedding}")
        if self.model.skip or self.train.members > 1:
            raise ConfigError("a model with selected_features is single and has no skip: use skip=false, members=1")
        if any(scale for _, scale in read_blocks("cosine", self.model.cosine, self.model.hidden_size)):
            raise ConfigError("a model with selected_features does not score by cosines: use cosine=0")
        if self.train.compile:
            raise ConfigError("a model with selected_features is not compiled: use compile=false")
        if self.features.training == "residual" and self.train.epochs < 2:
            raise ConfigError("training=residual trains ids first and features then: use at least 2 epochs")

    def member(self, order: int) -> Self:
        """What member `order` (from 0) is trained with: a seed of its own, and for every second one `alternate`."""
        own = dict(pair.split("=", 1) for pair in self.train.alternate) if order % 2 else {}
        alone = {"members": 1, "alternate": (), "mix": 0.0, "repeats": False, "seed": self.train.seed + order}
        merged = {"cosine": ()} if any(":" in block for block in self.model.cosine) else {}
        return self.override({**merged, **own, **alone})

    def _check_alternate(self) -> None:
        parts = (self.loss, self.negatives, self.optimizer)
        allowed = [f.name for part in parts for f in fields(part)] + list(ALTERNATING)
        for pair in self.train.alternate:
            if pair.partition("=")[0] not in allowed or "=" not in pair:
                raise ConfigError(f"alternate has {pair!r}; write name=value with one of {', '.join(allowed)}")
        if self.train.members == 1:
            raise ConfigError("alternate is for several members: use members=2 or more, or leave it empty")
        self.member(1)

    def flat(self) -> dict[str, Any]:
        """All fields of all parts, by their own names."""
        return {f.name: getattr(part, f.name) for _, part in self._parts() for f in fields(part)}

    def override(self, changes: Mapping[str, Any]) -> Self:
        """A copy with some fields changed, by their own names; text is read as the field's type (for the shell).

        Raises ConfigError for an unknown name or a value the field cannot hold.
        """
        left = dict(changes)
        parts = {}
        for name, part in self._parts():
            mine = {f.name: read(f.name, left.pop(f.name), f.type) for f in fields(part) if f.name in left}
            parts[name] = dataclasses.replace(part, **mine)
        if left:
            raise unknown_setting(left, self.flat())
        return dataclasses.replace(self, **parts)

    def to_json(self) -> str:
        """The parts and their fields as indented JSON."""
        return json.dumps({name: dataclasses.asdict(part) for name, part in self._parts()}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read `to_json`'s form, or a flat object of fields; what is absent keeps its default.

        Raises ConfigError for text that is not a JSON object, for unknown names and for values out of range.
        """
        try:
            given = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"the configuration is not JSON: {error}") from error
        if not isinstance(given, dict):
            raise ConfigError(f"the configuration is a JSON {type(given).__name__}; use an object of settings")
        parts = {f.name for f in fields(cls)}
        flat: dict[str, Any] = {}
        for name, value in given.items():
            flat.update(value if name in parts and isinstance(value, dict) else {name: value})
        return cls().override(flat)

    def _parts(self) -> list[tuple[str, Any]]:
        return [(f.name, getattr(self, f.name)) for f in fields(self)]

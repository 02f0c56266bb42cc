"""Every option of a model and its training: one frozen dataclass a part, each field with its meaning below it.

A value is judged when a part is made. Nothing here imports torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal

from gru4rec.config.sentences import shown
from gru4rec.config.values import LARGEST, Alternating, ConfigError, number, rank_metric, typed, whole

MAX_WIDTH = 2**14  # units of a layer

Embedding = Literal["shared", "separate", "one-hot"]
Loss = Literal["cross-entropy", "bpr-max", "top1", "top1-max", "bpr"]
OptimizerName = Literal["adagrad", "sgd", "adam"]
Precision = Literal["float32", "bf16", "auto"]
Keep = Literal["best", "last"]
Pooling = Literal["sum", "mean", "max"]
Architecture = Literal["concatenated", "parallel", "shared-output", "interaction"]
FeatureKind = Literal["auto", "categorical", "multi", "numeric", "binned", "text"]
FeatureTraining = Literal["simultaneous", "alternating", "residual", "interleaving"]


class _Part:
    """A part of the configuration: its fields hold values of their types."""

    def __post_init__(self) -> None:
        for option in fields(self):  # type: ignore[arg-type]  # every part is a dataclass
            object.__setattr__(self, option.name, typed(option.name, getattr(self, option.name), option.type))
        self._judge()

    def _judge(self) -> None:
        """Refuse values out of their range, and values that do not fit each other."""


@dataclass(frozen=True)
class ModelConfig(_Part):
    """The network."""

    embedding: Embedding = "shared"
    """The input of an item: its row of the output table (shared), a row of a table of its own (separate), or a row
    3·hidden_size wide that is added to the gates directly (one-hot)."""
    embedding_size: int = 0
    """Width of a separate input table; 0 stands for hidden_size."""
    hidden_size: int = 100
    """Units of each GRU layer, H."""
    num_layers: int = 1
    """GRU layers, one above the other."""
    dropout_embedding: float = 0.0
    """Probability that a value of the input is dropped in training."""
    dropout_hidden: float = 0.0
    """Probability that a value of a layer's output is dropped in training."""
    cosine: float = 0.0
    """s of scores s · cos(h, w); 0 for scores h · w + b (network/cosine.py)."""
    repeats: bool = False
    """Whether something is added to the scores of items that the session has seen already (network/added/repeats.py),
    more where it used to go back (network/added/habits.py), and of those that often followed the last item in training
    (network/added/neighbours.py), and seen items and companions of the last ones are raised below the first ranks
    (network/added/raises.py); how much, sessions held out decide (training/held_out)."""

    def _judge(self) -> None:
        whole("embedding_size", self.embedding_size, 0, MAX_WIDTH)
        whole("hidden_size", self.hidden_size, 1, MAX_WIDTH)
        whole("num_layers", self.num_layers, 1, 100)
        number("dropout_embedding", self.dropout_embedding, 0.0, 1.0, below=True)
        number("dropout_hidden", self.dropout_hidden, 0.0, 1.0, below=True)
        number("cosine", self.cosine, 0.0)
        if self.embedding == "shared" and self.embedding_size not in (0, self.hidden_size):
            raise ConfigError(
                f"embedding_size is {self.embedding_size} with a shared embedding of hidden_size {self.hidden_size}; "
                "leave it 0, or use embedding=separate"
            )
        if self.embedding == "one-hot" and (self.embedding_size or self.dropout_embedding):
            raise ConfigError("a one-hot input has no embedding: leave embedding_size and dropout_embedding 0")


@dataclass(frozen=True)
class LossConfig(_Part):
    """The loss (training/update/losses.py)."""

    loss: Loss = "cross-entropy"
    """Its name."""
    logq: float = 1.0
    """Strength of cross-entropy's logQ correction: 0 for none, 1 for all of it."""
    bpreg: float = 1.0
    """Weight of BPR-max's regularisation of the scores."""
    elu: float = 1.0
    """a of the ELU that BPR-max applies to the scores; 0 for none."""

    def _judge(self) -> None:
        number("logq", self.logq, 0.0)
        number("bpreg", self.bpreg, 0.0)
        number("elu", self.elu, 0.0)


@dataclass(frozen=True)
class NegativesConfig(_Part):
    """Additional negative samples."""

    n_sample: int = 2048
    """How many an update draws, K."""
    sample_alpha: float = 0.5
    """An item is drawn with a probability proportional to its count to this power."""

    def _judge(self) -> None:
        whole("n_sample", self.n_sample, 0, 2**20)
        number("sample_alpha", self.sample_alpha, 0.0)


@dataclass(frozen=True)
class OptimizerConfig(_Part):
    """The optimizer (training/update/optimizer.py)."""

    optimizer: OptimizerName = "adagrad"
    """Its name."""
    learning_rate: float = 0.1
    """Step size."""
    falling: float = 0.0
    """Share of the epochs, the last ones, in which the step size falls evenly, epoch by epoch, towards 0."""
    momentum: float = 0.0
    """Classical momentum; of adagrad and sgd only."""
    clip_norm: float = 0.0
    """Highest norm of an update's gradient; 0 for no limit."""

    def _judge(self) -> None:
        number("learning_rate", self.learning_rate, 0.0)
        number("falling", self.falling, 0.0, 1.0)
        number("momentum", self.momentum, 0.0, 1.0, below=True)
        number("clip_norm", self.clip_norm, 0.0)
        if self.learning_rate == 0.0:
            raise ConfigError("learning_rate is 0; nothing would be learnt, use a number above 0")
        if self.optimizer == "adam" and self.momentum:
            raise ConfigError("adam has its own momentum; leave momentum 0")


@dataclass(frozen=True)
class TrainConfig(_Part):
    """The training loop, and the members of a model."""

    batch_size: int = 32
    """Lanes: sessions that are read side by side, B."""
    epochs: int = 10
    """Passes over the training sessions."""
    seed: int = 42
    """Of weights, negatives and dropout; the second member adds 1, the third 2, .."""
    bptt: int = 1
    """Steps that a gradient reaches back; an update reads a window of so many steps."""
    shuffle: bool = False
    """Whether sessions are read in random order instead of by time."""
    mend_order: bool = False
    """Whether a log that is sorted by length, and so not by time, is read in another order, and a large one with a
    `falling` step size (training/order.py)."""
    mend_sureness: bool = False
    """Whether the members that score by cosines, of several, may become less sure. Where the first one promises many
    more hits than it has on sessions that it was not fitted on, a less sure one is trained beside it, and if that finds
    more there, or the log is one of the smallest, the others are made like it, and one more (config/less_sure.py).
    These sessions are the validation sessions, or else those that `repeats` holds out."""
    precision: Precision = "auto"
    """Of an update's matrix products: auto rounds operands inside them where that pays, to TF32 on a GPU and to bf16
    in large updates on a CPU that has instructions for it (network/precision.py); float32 rounds nowhere, so that
    machines differ by the order of sums alone; bf16 rounds the operands of the large ones to 8 bits of mantissa."""
    compile: bool = False
    """Whether an update is compiled by torch.compile whatever the device; on a GPU long trainings always are."""
    patience: int = 0
    """Epochs without an improvement of `monitor` after which training stops; 0 for never."""
    min_delta: float = 0.0
    """What counts as an improvement: more than this."""
    monitor: str = "recall@20"
    """The metric on the validation sessions that decides: recall@k, mrr@k or ndcg@k."""
    validation_sample: int = 0
    """Validation sessions that are looked at after each epoch; 0 for all."""
    keep: Keep = "last"
    """The epoch whose weights remain: the last one, or the best one on the validation sessions."""
    max_length: int = 0
    """Only the last so many events of a session are trained on; 0 for all."""
    members: int = 1
    """Models that are trained one after another and merged into one (network/merging.py)."""
    alternate: Alternating = field(default_factory=lambda: MappingProxyType({}))
    """The settings in which every second member differs from the first: of loss, negatives and optimizer, and
    hidden_size, dropout_embedding, dropout_hidden, cosine, batch_size. Or a list that says it of each member in turn,
    {} for one like the first; it begins with {}, and starts anew where there are more members."""
    balance: float = 1.0
    """How far the scores of a member that differs are to spread once merged, the first member's spread being 1. The
    factor that this takes is found by training (network/merged.py)."""

    def own(self, order: int) -> Mapping[str, Any]:
        """The settings in which member `order`, from 0, differs from the first."""
        if isinstance(self.alternate, Mapping):
            return self.alternate if order % 2 else {}
        return self.alternate[order % len(self.alternate)] if self.alternate else {}

    def _judge(self) -> None:
        whole("batch_size", self.batch_size, 1, 2**20)
        whole("epochs", self.epochs, 1, 100_000)
        whole("seed", self.seed, 0, LARGEST - 100)
        whole("bptt", self.bptt, 1, 10_000)
        whole("patience", self.patience, 0)
        number("min_delta", self.min_delta, 0.0)
        rank_metric("monitor", self.monitor)
        whole("validation_sample", self.validation_sample, 0)
        whole("max_length", self.max_length, 0)
        whole("members", self.members, 1, 100)
        number("balance", self.balance, 0.0)
        if self.balance == 0:
            raise ConfigError("balance is 0; members that differ would not count, use members=1 for that")
        if self.max_length == 1:
            raise ConfigError("max_length is 1, which leaves nothing to predict; use 2 or more, or 0 for all events")


@dataclass(frozen=True)
class FeatureConfig(_Part):
    """Item features (data/features.py); without selected_features a model knows ids alone."""

    selected_features: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Columns of the items table by name, each with its kind: auto, categorical, multi, numeric, binned or text
    (data/feature_fields.py). A list of names stands for the kind auto."""
    pooling_mode: Pooling = "mean"
    """How several values inside a field become one."""
    architecture: Architecture = "parallel"
    """How the network over ids and the one over features are joined (network/feature_model.py)."""
    training: FeatureTraining = "simultaneous"
    """In which turns the two networks are trained (training/update/feature_step.py)."""
    id_dropout: float = 0.1
    """Share of the items that an update sees without their own row, as if they were cold."""

    def __post_init__(self) -> None:
        names = self.selected_features
        if isinstance(names, (list, tuple)):
            if not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
                raise ConfigError(
                    f"selected_features is {shown(list(names))}; name every column once, such as [genres]"
                )
            object.__setattr__(self, "selected_features", dict.fromkeys(names, "auto"))
        super().__post_init__()

    def _judge(self) -> None:
        number("id_dropout", self.id_dropout, 0.0, 1.0, below=True)
        for name, kind in self.selected_features.items():
            typed(f"the kind of {shown(name)} in selected_features", kind, FeatureKind)
        if self.architecture == "concatenated" and self.training != "simultaneous":
            raise ConfigError(f"training={self.training} needs two subnets, but architecture=concatenated has one")
